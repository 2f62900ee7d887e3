# SPDX-License-Identifier: Apache-2.0
"""The steps of the demo, each as a user would do it."""

from __future__ import annotations

import datetime
import json
import secrets
import sqlite3
import time
from typing import Any

from tests.beds import guest as guests
from tests.beds import images
from tests.beds.guest import Guest
from tests.beds.libvirt import Cloud
from tools.demo.proof import Proof
from tools.demo.shell import CONSOLE, AllInOne, Failed, finished, say

NAME = 'web1'


class Job:
    """Two clouds, a guest, and what is done with them."""

    def __init__(
        self, source: Cloud, target: Cloud, coriolis: AllInOne, proof: Proof
    ) -> None:
        self.source, self.target = source, target
        self.coriolis = coriolis
        self.proof = proof
        self.guest: Guest | None = None
        self.transfer = ''
        self.written = ''
        self.before: dict[str, Any] = {}

    def run(self) -> None:
        self.prepare()
        self.describe()
        self.execute('first execution: everything', checksum=True)
        self.guest_writes(24)
        self.execute('second execution: what changed', checksum=True)
        self.deploy_while_the_third_runs()
        self.kill_a_copy()
        self.repair()
        self.clean_up()

    @property
    def machine(self) -> Guest:
        assert self.guest is not None
        return self.guest

    def prepare(self) -> None:
        say('1. Two clouds, and a guest that never stops writing')
        self.before = {
            'source': self.source.leftovers(),
            'destination': self.target.leftovers(),
        }
        self.guest = Guest(self.source, NAME)
        self.before['source'] = self.source.leftovers()
        self.coriolis.start()
        self.guest.wait_for_agent()
        booted = self.guest.wait_for_ssh()
        CONSOLE.print(
            f'the guest {NAME} answers at {self.guest.address} '
            f'({booted:.0f} s after its agent)'
        )

    def describe(self) -> None:
        say('2. Tell the service about both clouds')
        run = self.coriolis
        for name, cloud in (('here', self.source), ('there', self.target)):
            info = json.dumps({'uri': cloud.uri})
            run.show(
                *('endpoint', 'create', '--name', name, '--provider', 'kvm'),
                *('--connection-file', '-'),
                stdin=info,
            )
            run.show('endpoint', 'validate', 'connection', name)
        run.show('endpoint', 'instance', 'list', 'here')
        environment = {
            'worker_image': str(images.worker().root),
            'domain_type': self.target.virt_type,
        }
        made = run.ask(
            *('transfer', 'create', '--instance', NAME),
            *('--origin-endpoint', 'here', '--destination-endpoint', 'there'),
            *('--destination-environment', json.dumps(environment)),
            *('--network-map', json.dumps({'default': 'default'})),
            *('--notes', 'the demo'),
        )
        self.transfer = made['id']
        run.show('transfer', 'list')
        run.show('transfer', 'preflight', self.transfer)

    def execute(self, title: str, *, checksum: bool) -> None:
        say(title)
        began = time.monotonic()
        words = ['transfer', 'execute', self.transfer, '--wait']
        self.coriolis.show(*words, *(['--checksum'] if checksum else []))
        self.keep(time.monotonic() - began)

    def keep(self, seconds: float) -> None:
        """Notes the figures of the newest recovery point."""
        points = self.points()
        self.proof.execution(points[0], seconds)
        left = self.source.leftovers()['checkpoints']
        if len(left) != 1:
            raise Failed(f'one checkpoint was expected at the source: {left}')

    def points(self) -> list[dict[str, Any]]:
        found = self.coriolis.ask('recovery', 'point', 'list', self.transfer)
        return [
            self.coriolis.ask('recovery', 'point', 'show', one['ID'])
            for one in found
        ]

    def guest_writes(self, mib: int) -> None:
        """A file with a random word, and random data on both disks."""
        self.written = secrets.token_hex(16)
        self.machine.run(
            f'dd if=/dev/urandom of=/data/new bs=1M count={mib} 2>&1; '
            'dd if=/dev/urandom of=/root/new bs=1M count=4 2>&1; '
            f'echo {self.written} > /root/last; '
            f'echo {self.written} > /data/last; sync'
        )
        CONSOLE.print(f'the guest wrote {mib + 4} MiB and {self.written}')

    def deploy_while_the_third_runs(self) -> None:
        say('a test deployment, while the third execution runs beside it')
        wanted = self.written
        began = time.monotonic()
        making = self.coriolis.begin(
            'deployment', 'create', '--test', self.transfer, '--wait'
        )
        self.guest_writes(6)
        self.execute('third execution: a delta again', checksum=False)
        made = finished(making, 'the test deployment')
        took = time.monotonic() - began
        CONSOLE.print(f'deployed in {took:.0f} s')
        self.boots(made, wanted)
        self.coriolis.show('deployment', 'delete', made['id'])
        self.gone(made)

    def boots(self, made: dict[str, Any], wanted: str) -> None:
        """The new machine answers, and is the same machine."""
        address = made['deployed'][0]['address']
        began = time.monotonic()
        while not (address and guests.answers(address)):
            if time.monotonic() - began > 300:
                raise Failed(f'no SSH at "{address}"')
            time.sleep(0.5)
        booted = seconds_since(made, 'FINALIZE_INSTANCE_DEPLOYMENT')
        found = guests.ssh(
            address, 'hostname; cat /root/last /data/last; nproc'
        ).split()
        ours = self.machine.run('hostname; nproc').split()
        same = found == [ours[0], wanted, wanted, ours[1]]
        self.proof.booted(booted, same)
        CONSOLE.print(f'the new machine at {address} says: {found}')
        if not same:
            raise Failed(f'{found} is not {ours[0]} with {wanted}')
        CONSOLE.print(
            'adapted by: ' + ', '.join(made['deployed'][0]['stages'])
        )

    def gone(self, made: dict[str, Any]) -> None:
        until = time.monotonic() + 120
        while self.target.leftovers()['machines']:
            if time.monotonic() > until:
                raise Failed(f'deployment {made["id"]} was not torn down')
            time.sleep(0.5)

    def kill_a_copy(self) -> None:
        say('fourth execution: killed in the middle of its copy')
        self.guest_writes(300)
        run = self.coriolis
        started = run.ask('transfer', 'execute', self.transfer)
        moved = self.wait_for_bytes(started['id'])
        run.show(
            *('transfer', 'execution', 'cancel', '--force'),
            *(self.transfer, started['id']),
        )
        ended = self.wait_for_end(started['id'])
        CONSOLE.print(f'after {moved >> 20} MiB it ended as {ended}')
        self.proof.killed(moved, ended)
        if self.proof.points != len(self.points()):
            raise Failed('the killed execution changed the recovery points')

    def wait_for_bytes(self, execution: str) -> int:
        """Waits until the copy has moved something."""
        while True:
            seen = self.look(execution)
            for task in seen['tasks']:
                done = sum(p['done'] for p in task['progress'])
                if task['task_type'] == 'REPLICATE_DISKS' and done:
                    return done
            if seen['status'] != 'RUNNING':
                raise Failed(f'it ended as {seen["status"]} too soon')

    def wait_for_end(self, execution: str) -> str:
        while (seen := self.look(execution))['status'] in (
            'RUNNING',
            'CANCELLING',
        ):
            time.sleep(0.5)
        return str(seen['status'])

    def look(self, execution: str) -> dict[str, Any]:
        found: dict[str, Any] = self.coriolis.ask(
            'transfer', 'execution', 'show', self.transfer, execution
        )
        return found

    def repair(self) -> None:
        say('the point before is deployable; the next execution repairs')
        before = self.points()[0]['id']
        making = self.coriolis.begin(
            *('deployment', 'create', '--test', self.transfer),
            *('--recovery-point', f'{NAME}={before}'),
            *('--skip-os-morphing', '--wait'),
        )
        self.execute('fifth execution', checksum=True)
        made = finished(making, 'the deployment of the point before')
        deployed = made['deployed'][0]
        self.proof.deployable(deployed['recovery_point_id'] == before)
        CONSOLE.print(f'the point before boots at {deployed["address"]}')
        self.coriolis.show('deployment', 'delete', made['id'])
        self.gone(made)
        self.coriolis.show('recovery', 'point', 'list', self.transfer)
        self.proof.kept(len(self.points()))

    def clean_up(self) -> None:
        say('delete the transfer with its disks, and look for leftovers')
        run = self.coriolis
        run.show('transfer', 'delete', '--with-disks', self.transfer)
        run.show('endpoint', 'delete', 'here', 'there')
        after = {
            'source': self.source.leftovers(),
            'destination': self.target.leftovers(),
        }
        left = [
            f'{where}: {kind} {name}'
            for where, kinds in after.items()
            for kind, names in kinds.items()
            for name in names
            if name not in self.before[where].get(kind, ())
        ]
        self.proof.leftovers([*left, *self.rows_left()])
        answers = self.machine.run('uptime -p').strip()
        CONSOLE.print(f'the source guest ran all the time: {answers}')

    def rows_left(self) -> list[str]:
        """Entries of the ledger and secrets that nothing needs."""
        path = next(self.coriolis.state.glob('*.sqlite'))
        with sqlite3.connect(f'file:{path}?mode=ro', uri=True) as rows:
            found = rows.execute('SELECT kind, id FROM ledger').fetchall()
            count = rows.execute('SELECT count(*) FROM secrets').fetchone()[0]
        left = [f'ledger: {kind} {id}' for kind, id in found]
        return left + [f'secrets: {count}'] * bool(count)


def seconds_since(made: dict[str, Any], task_type: str) -> float:
    """Seconds from the start of the machine to now."""
    for task in made['tasks']:
        if task['task_type'] == task_type:
            ended = datetime.datetime.fromisoformat(task['ended_at'])
            now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
            return (now - ended).total_seconds()
    raise Failed(f'the deployment has no {task_type}')
