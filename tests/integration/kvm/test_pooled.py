# SPDX-License-Identifier: Apache-2.0
"""The whole service with a pool of worker VMs at KVM: two executions and a
deployment through one machine, which begins anew, dies and is healed."""

from __future__ import annotations

import contextlib
import json
import pathlib
import time
from collections.abc import Iterator
from typing import Any

import libvirt
import pytest

from coriolis_ng.db import api as db
from coriolis_ng.db.api.secrets import Rows
from coriolis_ng.db.session import Database
from coriolis_ng.objects.minion_pool import PoolMachine
from coriolis_ng.remote import ssh
from coriolis_ng.secrets import local
from tests.beds import guest as guests
from tests.beds import images
from tests.beds import libvirt as bed
from tests.functional.world import wait_until
from tools.demo.job import NAME, Job
from tools.demo.proof import Proof
from tools.demo.shell import AllInOne

pytestmark = [
    pytest.mark.guest,
    pytest.mark.slow,
    pytest.mark.thorough,
    pytest.mark.timeout(2700),
]
SECONDS = 900
PROJECT = 'local'
BUSY = ('ALLOCATING_MACHINES', 'DEALLOCATING_MACHINES', 'IN_MAINTENANCE')


class Pooled:
    """Two clouds, a machine at the source that is off, and a pool."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.ask = job.coriolis.ask
        self.target = job.target
        self.state = job.coriolis.state
        self.pool = self.transfer = ''

    def prepare(self) -> None:
        disk = images.Image(root=images.guest().root)
        source = guests.Guest(self.job.source, NAME, disk)
        source.destroy()
        self.job.coriolis.start()
        for name, cloud in (
            ('here', self.job.source),
            ('there', self.target),
        ):
            self.job.coriolis.show(
                *('endpoint', 'create', '--name', name, '--provider', 'kvm'),
                *('--connection-file', '-'),
                stdin=json.dumps({'uri': cloud.uri}),
            )

    def make_pool(self) -> None:
        environment = {
            'worker_image': str(images.worker().root),
            'domain_type': self.target.virt_type,
            'worker_timeout_seconds': SECONDS,
        }
        made = self.ask(
            *('minion', 'pool', 'create', '--name', 'workers'),
            *('--endpoint', 'there', '--pool-platform', 'destination'),
            *('--maximum-minions', '1', '--minion-max-idle-time', '3600'),
            *('--environment-options', json.dumps(environment)),
        )
        self.pool = made['id']
        self.settled('ALLOCATED')
        made = self.ask(
            *('transfer', 'create', '--instance', NAME),
            *('--origin-endpoint', 'here', '--destination-endpoint', 'there'),
            *('--destination-environment', json.dumps(environment)),
            *('--network-map', json.dumps({'default': 'default'})),
            *('--destination-minion-pool-id', self.pool),
            *('--osmorphing-minion-pool-mapping', f'{NAME}={self.pool}'),
        )
        self.transfer = made['id']

    def settled(self, wanted: str) -> dict[str, Any]:
        def still() -> Any:
            found = self.ask('minion', 'pool', 'show', self.pool)
            return found if found['status'] not in BUSY else None

        found: dict[str, Any] = wait_until(still, 'the pool', SECONDS)
        assert found['status'] == wanted, found['events']
        return found

    def execute(self) -> list[str]:
        """What was told of the tasks."""
        made = self.ask('transfer', 'execute', self.transfer, '--wait')
        shown = self.ask(
            'transfer', 'execution', 'show', self.transfer, made['id']
        )
        assert shown['status'] == 'COMPLETED', shown
        return notes(shown)

    def machine(self) -> PoolMachine:
        with self.rows() as rows:
            [found] = rows.read(
                lambda s: db.minion_pools.get(s, self.pool)
            ).machines
        return found

    @contextlib.contextmanager
    def rows(self) -> Iterator[Database]:
        opened = Database(f'sqlite:///{self.state}/coriolis.sqlite')
        yield opened
        opened.close()

    def key(self, machine: PoolMachine) -> str:
        """The clear private key, as nobody but the service reads it."""
        assert machine.key is not None
        keys = local.KeyFile(self.state / 'secrets.key')
        with self.rows() as rows:
            store = local.LocalStore(keys, Rows(rows))
            return store.get(machine.key, project_id=PROJECT).decode()

    def inside(self, command: str, machine: PoolMachine | None = None) -> str:
        """What a command says in the pool's machine."""
        machine = machine or self.machine()
        assert machine.minion is not None
        assert machine.minion.ssh is not None
        at = machine.minion.ssh
        with ssh.wait_for_ssh(
            at.host,
            at.port,
            at.user,
            self.key(machine),
            at.host_key,
            timeout_seconds=SECONDS,
        ) as connected:
            return connected.run(command, check=False).stdout.strip()

    def check_empty(self) -> None:
        """Nothing of an execution is in the machine or around it."""
        seen = self.inside(
            'ls -d /run/coriolis-* 2>/dev/null; ls /dev/sd* 2>/dev/null; '
            'ls /sys/block | grep -E "^(dm-|md|sd)"; '
            'grep -E "^/dev/(sd|dm)" /proc/mounts; '
            'pgrep -f "[c]oriolis-agent"'
        )
        assert seen == ''
        with self.target.connection() as conn:
            [domain] = [
                d
                for d in conn.listAllDomains()
                if d.name().startswith('coriolis-pool-')
            ]
            assert "bus='scsi'" not in domain.XMLDesc()

    def domains(self) -> list[str]:
        with self.target.connection() as conn:
            return sorted(d.UUIDString() for d in conn.listAllDomains())


def notes(shown: dict[str, Any]) -> list[str]:
    return [
        update['message']
        for task in shown['tasks']
        for update in task['progress_updates']
    ]


@pytest.fixture
def pooled(tmp_path: pathlib.Path) -> Iterator[Pooled]:
    coriolis = AllInOne(tmp_path)
    with bed.two_clouds() as (source, target):
        try:
            made = Pooled(Job(source, target, coriolis, Proof()))
            made.prepare()
            yield made
        finally:
            coriolis.stop()


def test_one_machine_for_everything(pooled: Pooled) -> None:
    began = time.monotonic()

    def took(what: str) -> None:
        nonlocal began
        now = time.monotonic()
        print(f'{what}: {now - began:.0f} s')
        began = now

    pooled.make_pool()
    took('a machine made, and it answers')
    first = pooled.machine()
    assert first.minion is not None
    [vm] = pooled.domains()
    assert vm == first.minion.id
    pooled.inside('touch /root/mark')

    # Two executions go through it, and leave nothing.
    for _ in range(2):
        told = pooled.execute()
        took('an execution')
        assert any('of the pool is used' in note for note in told), told
        assert not any('was made' in note for note in told), told
        assert pooled.domains() == [vm]
        pooled.check_empty()
    assert pooled.inside('ls /root/mark') == '/root/mark'

    # After a guest was adapted in it nothing of before is there.
    made = pooled.ask(
        'deployment', 'create', '--test', pooled.transfer, '--wait'
    )
    took('a deployment')
    assert made['last_execution_status'] == 'COMPLETED', made
    assert made['deployed'][0]['stages'], made
    [new] = set(pooled.domains()) - {vm}
    with pooled.target.connection() as conn:
        # It only takes the processor from the others.
        conn.lookupByUUIDString(new).suspend()
    second = pooled.machine()
    assert second.minion is not None
    assert second.minion.id == vm
    assert second.key != first.key
    assert pooled.inside('ls /root/mark') == ''
    pooled.check_empty()
    took('it begins anew')
    pooled.ask('deployment', 'delete', made['id'])
    wait_until(lambda: pooled.domains() == [vm], 'end of the deployment', 300)

    # Gone behind our back: whoever claims it makes another one.
    with pooled.target.connection() as conn:
        domain = conn.lookupByUUIDString(vm)
        domain.destroy()
        domain.undefineFlags(libvirt.VIR_DOMAIN_UNDEFINE_NVRAM)
    told = pooled.execute()
    took('an execution that heals')
    assert any('died' in note for note in told), told
    third = pooled.machine()
    assert third.minion is not None
    assert pooled.domains() == [third.minion.id] != [vm]
    pooled.check_empty()

    # Keys were never written down.
    for path in (*pooled.state.iterdir(), pooled.job.coriolis.log):
        assert b'PRIVATE KEY' not in path.read_bytes(), path
    pooled.ask('minion', 'pool', 'deallocate', pooled.pool)
    pooled.settled('DEALLOCATED')
    assert pooled.domains() == []
    run = pooled.job.coriolis
    run.show('transfer', 'delete', '--with-disks', pooled.transfer)
    run.show('minion', 'pool', 'delete', pooled.pool)
    run.show('endpoint', 'delete', 'here', 'there')
    wait_until(lambda: pooled.job.rows_left() == [], 'the audit', 300)
    left = pooled.target.leftovers()
    assert (left['machines'], left['volumes']) == ([], [])
