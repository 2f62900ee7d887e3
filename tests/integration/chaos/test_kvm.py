# SPDX-License-Identifier: Apache-2.0
"""The same with KVM: machines that are off are copied through worker VMs,
which take most of a minute to boot, so the blows are farther apart."""

from __future__ import annotations

import pathlib
import random
import shutil
import tempfile
from collections.abc import Iterator
from typing import Any

import pytest

from tests.beds import images
from tests.beds import libvirt as libvirt_bed
from tests.functional.world import MIB, Json, Watcher, World, told, wait_until
from tests.integration.chaos import bed, story, verdict
from tests.integration.chaos.blows import Killer, drawn, tracebacks
from tests.integration.chaos.people import User, patiently
from tests.integration.kvm.tiny import Tiny, content

MOST_KILLS = 24  # these take five minutes already
KILLS = min(MOST_KILLS, story.kills() * 3 // 10)
EVERY_SECONDS = 12
RUN_SECONDS = 1500
SIZE = 16 * MIB
FORMATS = ('qcow2', 'qcow2')

pytestmark = [
    pytest.mark.services,
    pytest.mark.guest,
    pytest.mark.slow,
    pytest.mark.thorough,
    pytest.mark.timeout(2 * RUN_SECONDS + 40 * KILLS),
]

Clouds = tuple[libvirt_bed.Cloud, libvirt_bed.Cloud]


class KvmWorld(World):
    """A service between two KVM clouds."""

    def __init__(
        self, service: bed.Processes, clouds: Clouds, folder: pathlib.Path
    ) -> None:
        # The memory clouds of a world are looked at by its memory tests.
        super().__init__(service, Watcher(service), *clouds)  # type: ignore[arg-type]
        self.folder = folder

    def endpoint(self, which: str) -> str:
        if which not in self._endpoints:
            made = self.client.endpoints.create(
                name=f'the {which}',
                type='kvm',
                connection_info={'uri': getattr(self, which).uri},
            )
            self._endpoints[which] = made['id']
        return self._endpoints[which]

    def check_same(self, point: Json, name: str) -> None:
        """The point's files show what the machine's files show."""
        pools = self.destination.base / 'pools'  # type: ignore[attr-defined]
        own = self.source.base / 'pools/default'  # type: ignore[attr-defined]
        scratch = self.folder / f'{name}.raw'
        for disk in point['disks']:
            id = disk['disk_id']
            there = content(own / f'{name}-{id}.qcow2', 'qcow2', scratch)
            here = content(pools / disk['snapshot_id'], 'qcow2', scratch)
            assert there == here, f'{name} {id}'


class KvmUser(User):
    """Writes into the files of machines that are off."""

    tiny: Tiny

    def _write(self) -> None:
        for target in self.tiny.paths:
            at = self._chance.randrange(2, SIZE // MIB) * MIB
            self.tiny.write_off(target, at, self._chance.randbytes(MIB // 2))

    def _compare(self) -> None:
        points = patiently(
            lambda: self._client.recovery_points.of(self.transfer)
        )
        self._world.check_same(points[0], self.tiny.name)
        self.compared += 1


@pytest.fixture
def clouds() -> Iterator[Clouds]:
    with libvirt_bed.two_clouds() as both:
        yield both


@pytest.fixture
def scratch() -> Iterator[pathlib.Path]:
    """Paths of sockets must be short."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix='cng-', dir='/var/tmp'))
    yield folder
    shutil.rmtree(folder)


def make_user(
    world: KvmWorld, scratch: pathlib.Path, seed: int, name: str
) -> KvmUser:
    tiny = Tiny(world.source, name, FORMATS, SIZE)  # type: ignore[arg-type]
    environment: dict[str, Any] = {
        'worker_image': str(images.worker().root),
        'domain_type': world.destination.virt_type,  # type: ignore[attr-defined]
    }
    transfer = world.transfer(
        name,
        execution_retries=20,
        source_environment={'scratch_dir': str(scratch)},
        destination_environment=environment,
        network_map={'default': 'default'},
    )
    machines = {name: [SIZE, SIZE]}
    user = KvmUser(
        world,
        transfer,
        machines,
        random.Random(f'{seed} {name}'),
        deploys=False,
        seconds=RUN_SECONDS,
    )
    user.tiny = tiny
    return user


def test_nothing_is_lost_between_kvm_clouds(
    clouds: Clouds, scratch: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    tale = story.Story(tmp_path, story.seed(), KILLS)
    folder = tmp_path / 'service'
    folder.mkdir()
    with tale.told(), bed.processes(folder, 'kvm') as service:
        world = KvmWorld(service, clouds, tmp_path)
        before = clouds[1].leftovers()
        people = [
            make_user(world, scratch, tale.seed, name)
            for name in ('tiny-a', 'tiny-b')
        ]
        blows = drawn(
            tale.seed, KILLS, service.NAMES, bed.LEASE_SECONDS, EVERY_SECONDS
        )
        killer = Killer(service, blows, tale.tell)
        for user in people:
            user.start()
        killer.start()
        killer.join()
        tale.tell('the killing is over')
        for user in people:
            user.enough()
        service.start_missing()
        for user in people:
            user.join(RUN_SECONDS + 100)
            tale.tell(f'{user.name}: {user.ends}, compared {user.compared}')
        faults = [*killer.faults, *(f for u in people for f in u.faults)]
        assert not faults, '\n'.join(faults)
        tale.tell(f'ends: {verdict.ends(service)}')
        tale.tell(f'failures: {verdict.reasons(service)}')
        assert not verdict.unended(service)
        last = {
            u.transfer: world.start(u.transfer, checksum=True) for u in people
        }
        for user in people:
            id = last[user.transfer]
            done = world.ended(user.transfer, id, RUN_SECONDS)
            assert done['status'] == 'COMPLETED', told(done)
            world.check_same(world.points(user.transfer)[0], user.tiny.name)
        assert not verdict.slots(service)
        for user in people:
            world.delete(user.transfer)
        wait_until(lambda: not world.ledger(), 'an empty ledger')
        assert clouds[1].leftovers() == before
        assert clouds[0].leftovers()['checkpoints'] == []
        assert list(scratch.iterdir()) == []
        tale.tell(f'tracebacks: {tracebacks(folder)}')
        service.close()
        assert not service.marked()
    print(tale.text)
