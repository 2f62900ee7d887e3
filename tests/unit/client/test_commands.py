# SPDX-License-Identifier: Apache-2.0
"""All commands: their help, wrong usage, and what is told about errors."""

from __future__ import annotations

import configparser
import json
import pathlib
import re
import subprocess
import sys
from typing import Any

import pytest

from coriolis_ng.api import openapi
from coriolis_ng.client import Client
from coriolis_ng.client.cli import app, nouns
from tests.unit.client.shell import ENDPOINT, OTHER, TRANSFER, Shell

ROOT = pathlib.Path(__file__).parents[3]


@pytest.mark.parametrize('name', sorted(nouns.commands()))
def test_every_command_has_help_in_one_line(name: str, shell: Shell) -> None:
    code, out, err = shell('help', *name.split(), who=False)
    assert code == 0
    assert out.startswith(f'usage: {app.Shell.NAME} {name}')
    first, rest = (nouns.commands()[name].__doc__ or '').split('.', 1)
    assert len(first.split()) > 1
    assert not rest.strip(), 'a list of commands shows one line of it'
    assert '{}' not in out
    example = out.partition('examples::\n\n')[2]
    assert f' {name} ' in f'{example} '.replace('\n', ' ')


def test_the_plugin_has_every_command() -> None:
    found = configparser.ConfigParser()
    found.read(ROOT / 'setup.cfg')
    listed = found['entry_points']['openstack.migration.v1']
    wanted = [*nouns.entry_points()]
    assert listed.strip().splitlines() == wanted, '\n'.join(wanted)


def test_every_noun_of_the_api_has_a_command() -> None:
    def of(path: str) -> set[str]:
        words = re.sub(r'\{[^}]*\}', '', path).split('/')
        return {
            {'recovery_points': 'recovery point'}.get(
                word, word.removesuffix('s').replace('_', ' ')
            )
            for word in words
            if word and word not in ('v1', 'detail', 'actions', 'action')
        }

    known = {word for name in nouns.commands() for word in name.split()}
    told = {
        noun
        for path in openapi.document()['paths']
        for noun in of(path)
        if set(noun.split()) <= known
    }
    assert {
        'endpoint', 'transfer', 'execution', 'deployment', 'recovery point',
        'provider', 'service', 'region', 'schedule', 'minion pool', 'stray',
        'event', 'quota', 'replica', 'migration', 'diagnostic',
    } - told <= {'diagnostic'}  # fmt: skip


WRONG: dict[str, tuple[list[str], int, str]] = {
    'no such endpoint': (
        ['endpoint', 'show', 'no such / ž'],
        1,
        'There is no endpoint "no such / ž". See: coriolis endpoint list',
    ),
    'two that are meant': (
        ['transfer', 'show', 'web1'],
        1,
        f'"web1" may be one of 2 transfers: {OTHER["id"]}, '
        f'{TRANSFER["id"]}. Give the id.',
    ),
    'the beginning of two ids': (
        ['transfer', 'show', 'aaaa'],
        1,
        f'"aaaa" may be one of 2 transfers: {OTHER["id"]}, '
        f'{TRANSFER["id"]}. Give the id.',
    ),
    'an id of nothing': (
        ['transfer', 'show', 'bbbb0000-0000-0000-0000-000000000000'],
        1,
        'not scripted: GET /transfers/bbbb0000-0000-0000-0000-000000000000 '
        '(HTTP 404)',
    ),
    'json with a mistake': (
        ['transfer', 'update', 'x', '--network-map', '{"a": "b",}'],
        2,
        'argument --network-map: this argument is not JSON: Illegal trailing '
        'comma before end of object at line 1, column 9 (a file is named as '
        '@FILE)\nSee: coriolis transfer update --help'
        if sys.version_info >= (3, 13)
        else 'argument --network-map: this argument is not JSON: Expecting '
        'property name enclosed in double quotes at line 1, column 11 (a '
        'file is named as @FILE)\nSee: coriolis transfer update --help',
    ),
    'json that is a list': (
        ['transfer', 'update', 'x', '--network-map', '[1]'],
        2,
        'argument --network-map: this argument is JSON, but no object: '
        '{"name": value, ...}\nSee: coriolis transfer update --help',
    ),
    'a file that is not there': (
        ['transfer', 'update', 'x', '--network-map', '@/not/there'],
        2,
        'argument --network-map: /not/there cannot be read: No such file or '
        'directory\nSee: coriolis transfer update --help',
    ),
    'a limit that is none': (
        ['transfer', 'list', '--limit', 'many'],
        2,
        'argument --limit: "many" is not a number from 1 on\n'
        'See: coriolis transfer list --help',
    ),
    'a script that is not there': (
        [
            *('transfer', 'update', 'the shop'),
            *('--user-script-global', 'linux=/not/there'),
        ],
        1,
        'The script /not/there cannot be read: No such file or directory.',
    ),
    'a mapping that is none': (
        ['deployment', 'create', 'the shop', '--recovery-point', 'web1'],
        1,
        '"web1" should look like NAME=VALUE.',
    ),
    'an end that is missing': (
        [
            *('replica', 'create', '--instance', 'web1'),
            *('--origin-provider', 'memory'),
        ],
        1,
        'Say either --destination-endpoint or --destination-provider.',
    ),
    'a token that is refused': (
        ['service', 'list'],
        1,
        'No. (HTTP 401)\nLog in anew: look at --token-file, or at '
        'OS_AUTH_URL and its friends (openstack token issue shows whether '
        'they work).',
    ),
    'a fault of the service': (
        ['stray', 'list'],
        1,
        'It broke. (HTTP 500)\nThe fault is at the side of the service.\n'
        'An operator finds it in the log by req-1.',
    ),
    'no worker': (
        ['provider', 'list'],
        1,
        'Nobody can. (HTTP 503)\nSee "coriolis service list": is a worker '
        'UP and enabled?\nAn operator finds it in the log by req-1.',
    ),
}


@pytest.mark.parametrize('case', WRONG)
def test_what_is_wrong_is_said_in_words(case: str, shell: Shell) -> None:
    def fault(status: int, message: str, reason: str = '') -> Any:
        return status, {'error': {'message': message, 'reason': reason}}

    shell.service.says('GET', '/services?limit=100', fault(401, 'No.'))
    shell.service.says('GET', '/strays?limit=100', fault(500, 'It broke.'))
    shell.service.says(
        'GET', '/providers', fault(503, 'Nobody can.', 'no_worker')
    )
    words, wanted, told = WRONG[case]
    code, out, err = shell(*words)
    assert (code, out, err.strip()) == (
        wanted,
        '',
        told.replace('See: coriolis', f'See: {app.Shell.NAME}')
        if wanted == 2
        else told,
    )


@pytest.mark.parametrize(
    ('who', 'told'),
    [
        ((), 'Say who you are. With Keystone: --os-cloud'),
        (('--token-file', '/x'), '--token-file wants --endpoint as well.'),
        (
            ('--token-file', '/x', '--endpoint', 'http://127.0.0.1:1/v1/p'),
            'The file with the token, /x, cannot be read: No such file',
        ),
        (
            ('--os-auth-url', 'http://127.0.0.1:1/v3', '--os-username', 'a'),
            'There is no password: set OS_PASSWORD',
        ),
        (
            (
                *('--os-auth-url', 'http://127.0.0.1:1/v3'),
                *('--os-username', 'a', '--os-password', 'b'),
            ),
            'Nobody answers at http://127.0.0.1:1/v3',
        ),
    ],
)
def test_who_one_is(shell: Shell, who: tuple[str, ...], told: str) -> None:
    code, out, err = shell(*who, 'transfer', 'list', who=False)
    assert (code, out) == (1, '')
    assert err.startswith(told)


def test_no_part_of_a_secret_is_shown(
    shell: Shell, tmp_path: pathlib.Path
) -> None:
    file = tmp_path / 'access.json'
    file.write_text('{"password": "hunter2"')
    for option in ('--connection-file', '--connection'):
        given = str(file) if option.endswith('file') else file.read_text()
        code, out, err = shell(
            'endpoint', 'create', '--name', 'x', '--provider', 'y',
            option, given,
        )  # fmt: skip
        assert code == 2
        assert 'is not JSON: ' in err
        assert 'line 1, column 23' in err
        assert 'hunter2' not in out + err


def test_some_are_deleted_and_one_is_not(shell: Shell) -> None:
    shell.service.says('DELETE', '/strays/1', b'', status=204)
    shell.service.says('DELETE', '/strays/3', b'', status=204)
    code, out, err = shell('stray', 'delete', '1', '2', '3')
    assert code == 1
    assert err.splitlines() == [
        '2: not scripted: DELETE /strays/2 (HTTP 404)',
        '1 of 3 could not be deleted.',
    ]
    assert [one[1] for one in shell.service.asked] == [
        '/strays/1',
        '/strays/2',
        '/strays/3',
    ]


def test_a_list_as_table_and_json(shell: Shell) -> None:
    code, out, err = shell('transfer', 'list', '-f', 'json')
    assert code == 0
    assert json.loads(out)[1] == {
        'ID': TRANSFER['id'],
        'Scenario': 'replica',
        'Instances': ['web1', 'db 1'],
        'Notes': 'the shop',
        'Last Execution Status': 'UNEXECUTED',
        'Created': '2026-11-20T10:00:00.000000',
    }
    code, out, err = shell('transfer', 'list', '-f', 'table')
    assert '| web1, db 1 | the shop | UNEXECUTED ' in out
    assert '| 2026-11-20 10:00:00 |' in out


def test_more_pages_are_told(shell: Shell) -> None:
    shell.service.says(
        'GET', '/transfers?limit=2', {'transfers': [OTHER, TRANSFER]}
    )
    code, out, err = shell('transfer', 'list', '--limit', '2')
    assert code == 0
    assert err == (f'There may be more: --all, or --marker {TRANSFER["id"]}\n')


def test_names_lead_to_ids(shell: Shell) -> None:
    made = {'transfer': {'id': 't9'}}
    shell.service.says('POST', '/transfers', made)
    code, out, err = shell(
        'transfer', 'create', '--origin-endpoint', 'žluť / cloud',
        '--destination-endpoint', 'eeee0000', '--instance', 'a/b c',
        '--default-storage-backend', 'fast',
        '--disk-storage-mapping', 'id=1=slow',
        '--osmorphing-minion-pool-mapping', 'a/b c=p1',
    )  # fmt: skip
    assert code == 0, err
    assert shell.service.asked[-1][2] == {
        'transfer': {
            'origin_endpoint_id': ENDPOINT['id'],
            'destination_endpoint_id': ENDPOINT['id'],
            'instances': ['a/b c'],
            'scenario': 'replica',
            'storage_mappings': {
                'default': 'fast',
                'disk_mappings': [{'disk_id': 'id=1', 'destination': 'slow'}],
            },
            'instance_osmorphing_minion_pool_mappings': {'a/b c': 'p1'},
        }
    }


LIMITS = {
    (): None,
    ('--bandwidth-limit', '50'): {'mb_s': 50.0, 'profile': []},
    ('--no-bandwidth-limit',): {'mb_s': None, 'profile': []},
    (
        '--bandwidth-limit', '100',
        '--bandwidth-window', 'mon-fri@08:00-18:00=12.5',
        '--bandwidth-window', '22:00-06:00=none',
        '--bandwidth-time-zone', 'Europe/Bucharest',
    ): {
        'mb_s': 100.0,
        'profile': [
            {
                'from': '08:00',
                'to': '18:00',
                'days': 'mon-fri',
                'mb_s': 12.5,
                'time_zone': 'Europe/Bucharest',
            },
            {
                'from': '22:00',
                'to': '06:00',
                'days': '',
                'mb_s': None,
                'time_zone': 'Europe/Bucharest',
            },
        ],
    },
}  # fmt: skip


@pytest.mark.parametrize('words', LIMITS)
def test_limits_of_bandwidth(shell: Shell, words: tuple[str, ...]) -> None:
    id = ENDPOINT['id']
    shell.service.says('PUT', f'/endpoints/{id}', {'endpoint': ENDPOINT})
    code, _, err = shell(
        'endpoint', 'update', 'eeee0000', '--slots', '4', *words
    )
    assert code == 0, err
    said = {'slots': 4, 'bandwidth_limit': LIMITS[words]}
    assert shell.service.asked[-1][2] == {
        'endpoint': {k: v for k, v in said.items() if v is not None}
    }


def test_a_window_is_explained(shell: Shell) -> None:
    code, _, err = shell(
        'endpoint', 'update', 'eeee0000', '--bandwidth-window', '8-18=5'
    )
    assert code == 2
    assert 'should look like mon-fri@08:00-18:00=10' in err


def test_the_first_public_spelling(
    shell: Shell, tmp_path: pathlib.Path
) -> None:
    """The example of the first public client, word for word."""
    shell.service.says('POST', '/replicas', {'replica': {'id': 'r1'}})
    code, out, err = shell(
        'replica', 'create', '--origin-provider', 'vmware_vsphere',
        '--destination-provider', 'openstack',
        '--origin-connection-secret', 'http://b/v1/secrets/1',
        '--destination-connection', '{"region": "one"}',
        '--instance', 'VM1', '--instance', 'VM2',
        '--target-environment', '{"flavor_name": "m1.small"}',
    )  # fmt: skip
    assert code == 0, err
    assert shell.service.asked[-1][2] == {
        'replica': {
            'origin': {
                'type': 'vmware_vsphere',
                'connection_info': {'secret_ref': 'http://b/v1/secrets/1'},
            },
            'destination': {
                'type': 'openstack',
                'connection_info': {'region': 'one'},
            },
            'destination_environment': {'flavor_name': 'm1.small'},
            'instances': ['VM1', 'VM2'],
        }
    }


def test_a_replica_is_deployed(shell: Shell) -> None:
    id = TRANSFER['id']
    shell.service.says('POST', '/migrations', {'migration': {'id': 'm1'}})
    code, out, err = shell(
        'migration', 'deploy', 'replica', str(id), '--force',
        '--dont-clone-disks',
    )  # fmt: skip
    assert code == 0, err
    assert shell.service.asked[-1][2] == {
        'migration': {'replica_id': id, 'force': True, 'clone_disks': False}
    }
    assert err == 'It runs. To follow it: coriolis migration watch m1\n'


def test_the_client_has_what_the_commands_need(client: Client) -> None:
    for name in (
        'endpoints', 'transfers', 'executions', 'deployments', 'services',
        'recovery_points', 'providers', 'events', 'quotas', 'strays',
        'replicas', 'migrations', 'regions', 'schedules', 'minion_pools',
    ):  # fmt: skip
        assert hasattr(client, name)


def test_completion_in_bash(tmp_path: pathlib.Path) -> None:
    """A real bash reads what ``complete`` writes."""
    made = subprocess.run(
        [sys.executable, '-m', 'coriolis_ng.client.cli.app', 'complete']
        + ['--name', 'coriolis'],
        capture_output=True,
        text=True,
        check=True,
    )
    script = tmp_path / 'completion.bash'
    script.write_text(
        # What the package bash-completion brings.
        '_get_comp_words_by_ref() { cur=${COMP_WORDS[COMP_CWORD]};'
        ' words=("${COMP_WORDS[@]}"); }\n'
        f'{made.stdout}\n'
        'COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _coriolis\n'
        'printf "%s\\n" "${COMPREPLY[@]}"\n'
    )

    def completed(*words: str) -> list[str]:
        done = subprocess.run(
            ['bash', script, 'coriolis', *words],
            capture_output=True,
            text=True,
            check=True,
            cwd=tmp_path,
        )
        assert done.stderr == ''
        return done.stdout.split()

    assert completed('tr') == ['transfer']
    assert completed('transfer', 'ex') == ['execute', 'execution']
    assert completed('transfer', 'execution', 'sh') == ['show']
    assert completed('transfer', 'execute', '--wa') == ['--wait']
    assert completed('endpoint', 'source', 'minion', '') == ['pool']
    assert completed('replica', 'create', '--origin-connection-s') == [
        '--origin-connection-secret'
    ]
