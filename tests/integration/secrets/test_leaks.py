# SPDX-License-Identifier: Apache-2.0
"""Secrets are planted everywhere, a transfer and a deployment are run, and
nobody who reads logs, rows, messages or processes has seen one."""

from __future__ import annotations

import json
import os
import pathlib
import secrets
import subprocess
import sys
import time
from typing import Any

import pytest

from coriolis_ng.client import Client
from coriolis_ng.secrets.barbican import BarbicanStore
from tests.beds import keystone, memory, tap
from tests.beds import tenants as beds
from tests.integration.secrets import places

BIN = pathlib.Path(sys.executable).parent
MIB = 1 << 20
# Harmless: it must be found, or the search would find nothing at all.
MACHINE = 'zq-harmless-machine'
# Every token of Keystone's begins so, also those that no test ever sees.
FERNET = b'gAAAAA'


def planted(kind: str) -> str:
    return f'zq-{kind}-{secrets.token_hex(8)}-qz'


@pytest.fixture(scope='module')
def story(
    tenants: beds.Tenants, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """The whole run; what each place showed, and what was planted."""
    folder = tmp_path_factory.mktemp('clouds')
    kinds = ('inline', 'barbican', 'global', 'instance', 'deployment')
    plants = {kind: planted(kind) for kind in kinds}
    plants['service user'] = beds.SERVICE_PASSWORD
    plants['user'] = beds.password('member', 'ours')
    with (
        memory.started(folder, 'source', password=plants['inline']) as source,
        memory.started(
            folder, 'destination', password=plants['barbican']
        ) as destination,
        tap.tapped(tenants.broker) as tapped,
        places.watched(tenants) as processes,
    ):
        run = _Run(tenants, source, destination, plants)
        execution = run.all()
        clients = run.commands(folder)
        plants['token'] = str(run.token)
        rows = places.dump(tenants.rows.base)
        run.delete()
    logs = tenants.logs().encode()
    files = b'\n'.join(
        path.read_bytes()
        for path in tenants.folder.rglob('*')
        if path.is_file() and path.name != 'common.conf'
    )
    return {
        'plants': plants,
        'execution': execution,
        'most': processes.most,
        'places': {
            'logs': logs,
            'files': files,
            'rows': rows,
            'rows after': places.dump(tenants.rows.base),
            'bus': tapped.heard,
            'cmdline': b'\n'.join(processes.cmdline),
            'environ': b'\n'.join(processes.environ),
            'clients': clients,
        },
    }


class _Run:
    def __init__(
        self,
        tenants: beds.Tenants,
        source: memory.MemoryCloud,
        destination: memory.MemoryCloud,
        plants: dict[str, str],
    ) -> None:
        self._tenants = tenants
        self._source = source
        self._destination = destination
        self._plants = plants
        session = tenants.session('manager')
        self.token = session.get_token()
        self._session = session
        self._client = Client(session, region_name='RegionOne')
        self._made: list[str] = []
        self._transfer = ''

    def all(self) -> str:
        source = self._source
        source.make_machine(MACHINE, 4 * MIB)
        source.write(MACHINE, 'disk0', 0, b'x' * MIB)
        store = BarbicanStore(self._session)
        url = store.put(
            json.dumps(self._destination.connection_info).encode(),
            project_id='',
        )
        for info in (source.connection_info, {'secret_ref': url}):
            made = self._client.endpoints.create(
                name='planted', type='memory', connection_info=info
            )['id']
            self._made.append(made)
            assert self._client.endpoints.validate(made)['valid'] is True
        self._client.endpoints.update(
            self._made[0], connection_info=source.connection_info
        )
        assert self._client.endpoints.instances(self._made[0])
        self._transfer = self._client.transfers.create(
            origin_endpoint_id=self._made[0],
            destination_endpoint_id=self._made[1],
            instances=[MACHINE],
            scenario='replica',
            user_scripts={
                'global': {'linux': f'echo {self._plants["global"]}'},
                'instances': {MACHINE: f'echo {self._plants["instance"]}'},
            },
        )['id']
        shown = self._client.transfers.get(self._transfer)['user_scripts']
        assert shown['instances'] == {MACHINE: '***'}
        self._client.transfers.update(
            self._transfer, user_scripts=shown, notes='as it was'
        )
        assert self._client.transfers.preflight(self._transfer)['passed']
        executions = self._client.executions.of(self._transfer)
        # Long enough that somebody sees the child.
        source.call('test_delay', call='read', seconds=0.5)
        execution = str(executions.create()['id'])
        done = self._wait(lambda: executions.get(execution)['status'])
        assert done == 'COMPLETED', executions.get(execution)
        source.call('test_calm')
        script = f'echo {self._plants["deployment"]}'
        self._deploy(user_scripts={'instances': {MACHINE: script}})
        self._undeploy()
        self._deploy()
        return execution

    def commands(self, folder: pathlib.Path) -> bytes:
        """What both command lines tell of themselves when they tell all,
        to the terminal and to a file."""
        found = []
        access = folder / 'access.json'
        access.write_text(json.dumps(self._source.connection_info))
        script = folder / 'script.sh'
        script.write_text(f'echo {self._plants["global"]}')
        for program, *noun in (['coriolis'], ['openstack', 'migration']):
            log = folder / f'{program}.log'
            for words in (
                (
                    *('endpoint', 'create', '--name', f'by {program}'),
                    *('--provider', 'memory'),
                    *('--connection-file', str(access)),
                ),
                (
                    *('transfer', 'update', self._transfer),
                    *('--user-script-global', f'linux={script}'),
                ),
                ('endpoint', 'delete', f'by {program}'),
            ):
                done = subprocess.run(
                    [str(BIN / program), '--debug', '-v']
                    + ['--log-file', str(log), *noun, *words],
                    env={**os.environ, **self._variables()},
                    capture_output=True,
                    check=False,
                )
                assert done.returncode == 0, done.stderr
                found += [done.stdout, done.stderr]
            found.append(log.read_bytes())
        return b'\n'.join(found)

    def _variables(self) -> dict[str, str]:
        return {
            'OS_AUTH_URL': self._tenants.identity.url,
            'OS_USERNAME': 'member-ours',
            'OS_PASSWORD': self._plants['user'],
            'OS_PROJECT_NAME': 'ours',
            'OS_USER_DOMAIN_ID': 'default',
            'OS_PROJECT_DOMAIN_ID': 'default',
            'OS_IDENTITY_API_VERSION': '3',
            'OS_REGION_NAME': keystone.REGION,
        }

    def _deploy(self, **more: Any) -> None:
        deployments = self._client.deployments
        made = deployments.create(
            transfer_id=self._transfer, purpose='test', **more
        )['id']
        done = self._wait(
            lambda: deployments.get(made)['last_execution_status']
        )
        assert done == 'COMPLETED', deployments.get(made)

    def _undeploy(self) -> None:
        deployments = self._client.deployments
        for one in deployments.list(transfer_id=self._transfer):
            deployments.delete(one['id'])
        until = time.monotonic() + 200
        while deployments.list(transfer_id=self._transfer):
            assert time.monotonic() < until
            time.sleep(0.3)

    def delete(self) -> None:
        self._undeploy()
        run = self._client.transfers.delete_disks(self._transfer)['id']
        executions = self._client.executions.of(self._transfer)
        self._wait(lambda: executions.get(run)['status'])
        self._client.transfers.delete(self._transfer)
        for id in self._made:
            self._client.endpoints.delete(id)

    def _wait(self, ask: Any) -> str:
        until = time.monotonic() + 200
        while (said := str(ask())) in ('PENDING', 'RUNNING'):
            assert time.monotonic() < until
            time.sleep(0.3)
        return said


PLACES = (
    'logs',
    'files',
    'rows',
    'rows after',
    'bus',
    'cmdline',
    'environ',
    'clients',
)


@pytest.mark.parametrize('place', PLACES)
def test_no_secret_is_told(story: dict[str, Any], place: str) -> None:
    text = story['places'][place]
    for kind, secret in story['plants'].items():
        for form in places.forms(secret):
            assert form not in text, (kind, _around(text, form))


@pytest.mark.parametrize('place', PLACES)
def test_no_token_of_any_kind_is_told(
    story: dict[str, Any], place: str
) -> None:
    text = story['places'][place]
    assert FERNET not in text, _around(text, FERNET)


@pytest.mark.parametrize(
    ('place', 'mark'),
    [
        ('rows', MACHINE.encode()),
        ('bus', MACHINE.encode()),
        ('cmdline', b'common.conf'),
        ('environ', b'zq-harmless-environ'),
        ('clients', b'bodies are not logged'),
    ],
)
def test_the_search_finds_what_is_harmless(
    story: dict[str, Any], place: str, mark: bytes
) -> None:
    assert mark in story['places'][place]


def test_logs_and_children_were_there(story: dict[str, Any]) -> None:
    execution = story['execution'].encode()
    for place in ('logs', 'files', 'rows', 'bus'):
        assert execution in story['places'][place], place
    # The API, a conductor, a worker, its nursery, and a task.
    assert story['most'] >= 5


def test_a_secret_in_another_form_would_be_found() -> None:
    import base64

    secret = 'zq-some-secret-of-mine-qz'
    for text in (
        f'password={secret}',
        base64.b64encode(f'ab{secret}cd'.encode()).decode(),
        base64.b64encode(json.dumps({'password': secret}).encode()).decode(),
        secret.encode().hex(),
    ):
        found = [one for one in places.forms(secret) if one in text.encode()]
        assert found, text


def _around(text: bytes, form: bytes) -> bytes:
    """Where it stands, without telling it once more."""
    at = text.index(form)
    return text[max(0, at - 200) : at] + b'<HERE>'


def test_the_configuration_is_the_only_file(tenants: beds.Tenants) -> None:
    """The one place where the service's own password must be."""
    text = pathlib.Path(tenants.configuration).read_text()
    assert beds.SERVICE_PASSWORD in text
