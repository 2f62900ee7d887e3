# SPDX-License-Identifier: Apache-2.0
"""The conformance suites that every provider must pass.

A provider's test class derives from these mix-ins and gives a ``cloud``
fixture that fits :class:`SourceBed` or :class:`TargetBed`. That is all: a
new plugin is a file of some 25 lines.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Protocol

import msgspec
import pytest

from coriolis_ng import errors
from coriolis_ng.objects.minion import Minion, MinionKeys, Purpose
from coriolis_ng.objects.preflight import Severity
from coriolis_ng.objects.resource import Resource, ResourceKind, Side
from coriolis_ng.objects.snapshot import Mode, Snapshot
from coriolis_ng.objects.transfer import StorageMappings
from coriolis_ng.objects.vm import Vm
from coriolis_ng.objects.volume import Volumes
from coriolis_ng.providers.base import Connection
from coriolis_ng.transport.contracts import Reader

EXECUTION = '11111111-2222-4333-8444-555555555555'


class SourceBed(Protocol):
    """A source with one machine whose disks the suite may fill."""

    connection: Connection
    vm_name: str
    options: dict[str, Any]

    def guest_write(self, disk_id: str, offset: int, data: bytes) -> None:
        """As the guest does it: through the running machine's disk."""


class TargetBed(Protocol):
    """A destination; ``vm`` describes a machine of two small disks."""

    connection: Connection
    vm: Vm
    options: dict[str, Any]


class RecordingWatch:
    """Keeps what was recorded, in order, as the ledger does."""

    def __init__(self, tag: str, side: Side) -> None:
        self.tag = tag
        self._side = side
        self.resources: list[Resource] = []
        self.notes: list[str] = []

    def record(self, kind: ResourceKind, id: str, parent: str = '') -> None:
        """Keeps it in ``resources``."""
        self.resources.append(
            Resource(
                kind=kind,
                id=id,
                tag=self.tag,
                side=self._side,
                parent=parent,
            )
        )

    def note(self, text: str) -> None:
        """Keeps it in ``notes``."""
        self.notes.append(text)

    def stop_if_asked(self) -> None:
        """The suite never asks."""


def content(reader: Reader) -> bytes:
    """All of a small disk."""
    data = bytearray(reader.size)
    view = memoryview(data)
    step = 1 << 20
    for offset in range(0, reader.size, step):
        reader.readinto(offset, view[offset : offset + step])
    return bytes(data)


class ExportsConformance:
    """A cloud as a source."""

    @pytest.fixture
    def watch(self) -> RecordingWatch:
        """The watch of one task on the source."""
        return RecordingWatch(f'coriolis:{EXECUTION}:src', Side.SOURCE)

    def _snapshot(
        self, cloud: SourceBed, watch: RecordingWatch, since: str | None
    ) -> Snapshot:
        vm = cloud.connection.inventory.get_vm(cloud.vm_name)
        return cloud.connection.exports.make_snapshot(
            vm, since=since, options=cloud.options, watch=watch
        )

    def _drop(
        self, cloud: SourceBed, watch: RecordingWatch, *kinds: ResourceKind
    ) -> None:
        for resource in watch.resources:
            if not kinds or resource.kind in kinds:
                cloud.connection.exports.drop(resource)

    def test_a_missing_machine_is_not_found(self, cloud: SourceBed) -> None:
        """``NotFound``, not an empty answer."""
        with pytest.raises(errors.NotFound):
            cloud.connection.inventory.get_vm('no such machine')

    def test_the_machine_is_listed(self, cloud: SourceBed) -> None:
        """And found again by its name and its id."""
        found = cloud.connection.inventory.list_vms(
            marker=None, limit=100, name=cloud.vm_name
        )
        assert cloud.vm_name in [vm.name for vm in found]

    def test_first_snapshot_is_full_and_says_why(
        self, cloud: SourceBed, watch: RecordingWatch
    ) -> None:
        """A reason is never empty."""
        snapshot = self._snapshot(cloud, watch, None)
        try:
            assert {d.mode for d in snapshot.disks} == {Mode.FULL}
            assert all(d.reason for d in snapshot.disks)
            assert snapshot.checkpoint
            kinds = {r.kind for r in watch.resources}
            assert ResourceKind.CHECKPOINT in kinds
        finally:
            self._drop(cloud, watch)

    def test_extents_cover_the_disk(
        self, cloud: SourceBed, watch: RecordingWatch
    ) -> None:
        """Without a gap, also where nothing is allocated."""
        snapshot = self._snapshot(cloud, watch, None)
        try:
            for disk in snapshot.disks:
                reader = cloud.connection.exports.open(snapshot, disk.disk_id)
                end = 0
                for extent in reader.extents(None):
                    assert extent.start == end
                    assert extent.length > 0
                    end = extent.end
                reader.close()
                assert end == disk.size
        finally:
            self._drop(cloud, watch)

    def test_changed_covers_what_was_written(self, cloud: SourceBed) -> None:
        """A delta may hold too much, never too little."""
        first = RecordingWatch(f'coriolis:{EXECUTION}:one', Side.SOURCE)
        second = RecordingWatch(f'coriolis:{EXECUTION}:two', Side.SOURCE)
        try:
            before = self._snapshot(cloud, first, None)
            disk = before.disks[-1].disk_id
            self._drop(cloud, first, ResourceKind.SNAPSHOT)
            payload = hashlib.sha256(b'seed').digest() * 4096
            cloud.guest_write(disk, 1 << 20, payload)
            after = self._snapshot(cloud, second, before.checkpoint)
            told = after.disk(disk)
            assert (told.mode, told.since) == (Mode.DELTA, before.checkpoint)
            reader = cloud.connection.exports.open(after, disk)
            changed = list(reader.extents(told.since))
            inside = [
                e
                for e in changed
                if e.start <= 1 << 20 and e.end >= (1 << 20) + len(payload)
            ]
            assert len(inside) == 1
            assert sum(e.length for e in changed) < reader.size / 2
            found = memoryview(bytearray(len(payload)))
            reader.readinto(1 << 20, found)
            assert bytes(found) == payload
            reader.close()
        finally:
            self._drop(cloud, second)
            self._drop(cloud, first)

    def test_a_snapshot_does_not_change(
        self, cloud: SourceBed, watch: RecordingWatch
    ) -> None:
        """Whatever the guest writes meanwhile."""
        snapshot = self._snapshot(cloud, watch, None)
        disk = snapshot.disks[-1].disk_id
        try:
            reader = cloud.connection.exports.open(snapshot, disk)
            before = content(reader)
            cloud.guest_write(disk, 2 << 20, b'later' * 1000)
            again = reader.clone()
            assert content(again) == before
            again.close()
            reader.close()
        finally:
            self._drop(cloud, watch)

    def test_a_lost_checkpoint_means_full_with_the_reason(
        self, cloud: SourceBed, watch: RecordingWatch
    ) -> None:
        """Never silently, never an error."""
        snapshot = self._snapshot(cloud, watch, 'coriolis-never-was')
        try:
            assert {d.mode for d in snapshot.disks} == {Mode.FULL}
            assert all(d.reason for d in snapshot.disks)
        finally:
            self._drop(cloud, watch)

    def test_drop_may_be_called_twice(
        self, cloud: SourceBed, watch: RecordingWatch
    ) -> None:
        """And leaves nothing that carries the tag."""
        self._snapshot(cloud, watch, None)
        self._drop(cloud, watch)
        self._drop(cloud, watch)
        assert not cloud.connection.exports.list_tagged(watch.tag)


class ImportsConformance:
    """A cloud as a destination, without starting machines."""

    @pytest.fixture
    def watch(self) -> RecordingWatch:
        """The watch of one task on the destination."""
        return RecordingWatch(f'coriolis:{EXECUTION}:dst', Side.TARGET)

    @pytest.fixture
    def volumes(self, cloud: TargetBed, watch: RecordingWatch) -> Any:
        """A volume for each disk, dropped afterwards."""
        yield self._make(cloud, watch, Volumes())
        self._drop(cloud, watch)

    def _make(
        self, cloud: TargetBed, watch: RecordingWatch, have: Volumes
    ) -> Volumes:
        return cloud.connection.imports.make_volumes(
            cloud.vm,
            have,
            StorageMappings(),
            options=cloud.options,
            watch=watch,
        )

    def _drop(self, cloud: TargetBed, watch: RecordingWatch) -> None:
        for resource in reversed(watch.resources):
            cloud.connection.imports.drop(resource)

    def test_a_volume_for_each_disk(
        self, cloud: TargetBed, volumes: Volumes
    ) -> None:
        """Of the disk's size, with an id of its own."""
        made = [(v.disk_id, v.size >= 0) for v in volumes.items]
        assert made == [(d.id, True) for d in cloud.vm.disks]
        assert all(v.fresh for v in volumes.items)
        for disk in cloud.vm.disks:
            assert volumes.of(disk.id).size >= disk.size

    def test_everything_was_recorded_first(
        self, cloud: TargetBed, watch: RecordingWatch, volumes: Volumes
    ) -> None:
        """Exactly the volumes that were made are in the ledger."""
        recorded = {
            r.id for r in watch.resources if r.kind is ResourceKind.VOLUME
        }
        assert {v.id for v in volumes.items} == recorded

    def test_existing_volumes_are_kept(
        self, cloud: TargetBed, watch: RecordingWatch, volumes: Volumes
    ) -> None:
        """With their ids, and no longer fresh."""
        again = self._make(cloud, watch, volumes)
        assert [v.id for v in again.items] == [v.id for v in volumes.items]
        assert not any(v.fresh for v in again.items)

    def test_fresh_volumes_that_say_so_read_zero(
        self, cloud: TargetBed, watch: RecordingWatch, volumes: Volumes
    ) -> None:
        """Else zeroes would be left out of a copy wrongly."""
        points = cloud.connection.imports.make_snapshots(volumes, watch=watch)
        for volume, point in zip(volumes.items, points, strict=True):
            if volume.zeroed:
                reader = cloud.connection.imports.read(point)
                assert not any(content(reader))
                reader.close()

    def test_what_is_there_is_not_counted_again(
        self, cloud: TargetBed, volumes: Volumes
    ) -> None:
        """A cloud with room for nothing more still takes a delta."""
        huge = tuple(
            msgspec.structs.replace(disk, size=1 << 55)
            for disk in cloud.vm.disks
        )
        vm = msgspec.structs.replace(cloud.vm, disks=huge)
        there = tuple(
            msgspec.structs.replace(volume, size=1 << 55)
            for volume in volumes.items
        )
        preflight = cloud.connection.imports.preflight
        rooms = []
        for existing in (Volumes(), Volumes(items=there)):
            found = preflight(vm, StorageMappings(), cloud.options, existing)
            rooms.append(
                [
                    f.meaning
                    for f in found
                    if f.severity is Severity.ERROR and ' free' in f.meaning
                ]
            )
        [before], after = rooms
        assert 'PiB' in before
        assert after == []

    def test_a_worker_machine_that_is_gone(self, cloud: TargetBed) -> None:
        """``NotFound``, in words for the user."""
        gone = Minion(id='22222222-3333-4444-8555-666666666666')
        with pytest.raises(errors.NotFound, match='gone'):
            cloud.connection.imports.check_minion(gone)

    def test_a_point_with_live_clones_is_not_dropped(
        self, cloud: TargetBed, watch: RecordingWatch, volumes: Volumes
    ) -> None:
        """``Conflict``: the clones go on to work."""
        points = cloud.connection.imports.make_snapshots(volumes, watch=watch)
        clones = cloud.connection.imports.make_clones(
            points, options=cloud.options, watch=watch
        )
        assert len(clones.items) == len(points)
        ours = {p.id for p in points}
        point = next(r for r in watch.resources if r.id in ours)
        with pytest.raises(errors.Conflict):
            cloud.connection.imports.drop(point)

    def test_nothing_is_left(
        self, cloud: TargetBed, watch: RecordingWatch
    ) -> None:
        """After drops in reverse order, twice."""
        volumes = self._make(cloud, watch, Volumes())
        points = cloud.connection.imports.make_snapshots(volumes, watch=watch)
        cloud.connection.imports.make_clones(
            points, options=cloud.options, watch=watch
        )
        self._drop(cloud, watch)
        self._drop(cloud, watch)
        assert not cloud.connection.imports.list_tagged(watch.tag)


class DirectWritesConformance:
    """For a destination whose volumes a worker writes without an agent."""

    def _volumes(self, cloud: TargetBed, watch: RecordingWatch) -> Volumes:
        made: Volumes = cloud.connection.imports.make_volumes(
            cloud.vm,
            Volumes(),
            StorageMappings(),
            options=cloud.options,
            watch=watch,
        )
        return made

    def _minion(
        self, cloud: TargetBed, volumes: Volumes, watch: RecordingWatch
    ) -> Minion:
        imports = cloud.connection.imports
        minion: Minion = imports.make_minion(
            volumes.items,
            Purpose.WRITE,
            MinionKeys(user_key='', host_key=''),
            options=cloud.options,
            watch=watch,
        )
        imports.check_minion(minion)
        return minion

    def test_attempts_are_counted_by_worker_machine(
        self, cloud: TargetBed
    ) -> None:
        """A next execution begins with its first attempt, however many the
        one before took; and nobody writes through a machine that is gone."""
        imports = cloud.connection.imports
        before = RecordingWatch(f'coriolis:{EXECUTION}:before', Side.TARGET)
        after = RecordingWatch(f'coriolis:{EXECUTION}:after', Side.TARGET)
        volumes = self._volumes(cloud, before)
        try:
            gone = self._minion(cloud, volumes, before)
            old = imports.open(gone, volumes.items[0], 3)
            old.write(0, memoryview(b'old' * 100))
            for resource in before.resources:
                if resource.kind is ResourceKind.VM:
                    imports.drop(resource)
            minion = self._minion(cloud, volumes, after)
            new = imports.open(minion, volumes.items[0], 1)
            new.write(0, memoryview(b'new' * 100))
            with pytest.raises(errors.CoriolisError):
                old.write(0, memoryview(b'old' * 100))
            new.write(300, memoryview(b'new' * 100))
            new.close()
            old.close()
        finally:
            for resource in _order([*before.resources, *after.resources]):
                imports.drop(resource)

    def test_an_older_attempt_is_fenced_off(self, cloud: TargetBed) -> None:
        """From the newer one's first write on."""
        watch = RecordingWatch(f'coriolis:{EXECUTION}:fence', Side.TARGET)
        imports = cloud.connection.imports
        volumes = self._volumes(cloud, watch)
        try:
            minion = self._minion(cloud, volumes, watch)
            old = imports.open(minion, volumes.items[0], 1)
            new = imports.open(minion, volumes.items[0], 2)
            new.write(0, memoryview(b'new' * 100))
            with pytest.raises(errors.Stale):
                old.write(0, memoryview(b'old' * 100))
            new.close()
            old.close()
            points = imports.make_snapshots(volumes, watch=watch)
            reader = imports.read(points[0])
            found = memoryview(bytearray(300))
            reader.readinto(0, found)
            reader.close()
            assert bytes(found) == b'new' * 100
        finally:
            for resource in _order(watch.resources):
                imports.drop(resource)


def _order(resources: Sequence[Resource]) -> list[Resource]:
    """Machines before the volumes they hold, clones before points."""
    last = ResourceKind.VM
    return sorted(reversed(list(resources)), key=lambda r: r.kind is not last)
