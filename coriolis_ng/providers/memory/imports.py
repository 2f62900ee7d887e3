# SPDX-License-Identifier: Apache-2.0
"""The memory cloud as a destination."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from coriolis_ng import errors
from coriolis_ng.objects.minion import Minion, MinionKeys, Purpose
from coriolis_ng.objects.preflight import Finding, Severity
from coriolis_ng.objects.resource import Resource, ResourceKind, Side
from coriolis_ng.objects.sizes import readable
from coriolis_ng.objects.transfer import StorageMappings
from coriolis_ng.objects.vm import Disk, Vm
from coriolis_ng.objects.volume import (
    NO_VOLUMES,
    ClonedVolumes,
    Volume,
    Volumes,
    VolumeSnapshot,
)
from coriolis_ng.providers.base import Options, Watch
from coriolis_ng.providers.memory.client import Client
from coriolis_ng.providers.memory.disks import MemoryReader, MemorySink
from coriolis_ng.providers.memory.exports import described
from coriolis_ng.providers.memory.store import FULL

DROPS = {
    ResourceKind.VOLUME: 'drop_volume',
    ResourceKind.VOLUME_SNAPSHOT: 'drop_volume_snapshot',
    ResourceKind.VM: 'drop_machine',
}


class MemoryImports:
    """The memory cloud as a destination whose volumes need no worker VM."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def preflight(
        self,
        vm: Vm,
        storage: StorageMappings,
        options: Options,
        existing: Volumes = NO_VOLUMES,
    ) -> Sequence[Finding]:
        """Whether the disks fit; nothing else can go wrong."""
        told = self._client.call('ping')
        free = told['capacity'] - told['used']
        there = {v['id'] for v in self._client.call('list_volumes')}
        have = {v.disk_id for v in existing.items if v.id in there}
        need = sum(disk.size for disk in vm.disks if disk.id not in have)
        if need <= free:
            return []
        return [
            Finding(
                code='storage_full',
                severity=Severity.ERROR,
                meaning=f'"{vm.name}" needs {readable(need)}, '
                f'{readable(max(free, 0))} are free.',
                remedy='Make room in the memory cloud.',
                instance=vm.name,
            )
        ]

    def make_volumes(
        self,
        vm: Vm,
        existing: Volumes,
        storage: StorageMappings,
        *,
        options: Options,
        watch: Watch,
    ) -> Volumes:
        """Made, or grown; ``QuotaExceeded`` when the cloud is full."""
        have = {v.disk_id: v for v in existing.items}
        there = {v['id'] for v in self._client.call('list_volumes')}
        made = []
        for disk in vm.disks:
            watch.stop_if_asked()
            old = have.get(disk.id)
            if old is not None and old.id not in there:
                watch.note(f'volume {old.id} is gone: made anew')
                old = None
            id = old.id if old else f'vol-{watch.tag}-{disk.id}'
            if old is None:
                watch.record(ResourceKind.VOLUME, id)
            told = self._client.call(
                'make_volume', id=id, size=disk.size, tag=watch.tag
            )
            made.append(
                Volume(
                    id=id,
                    disk_id=disk.id,
                    size=told['size'],
                    storage='memory',
                    zeroed=True,
                    # Adopted after a lost answer it still is our own.
                    fresh=old is None,
                )
            )
        return Volumes(items=tuple(made))

    def make_minion(
        self,
        volumes: Sequence[Volume],
        purpose: Purpose,
        keys: MinionKeys,
        *,
        options: Options,
        watch: Watch,
    ) -> Minion:
        """A machine that only holds the volumes, without SSH: they are
        written directly."""
        id = f'worker-{watch.tag}'
        watch.record(ResourceKind.VM, id)
        self._client.call(
            'make_machine',
            id=id,
            name=id,
            cpus=1,
            memory=256 << 20,
            volumes=[v.id for v in volumes],
            nics=[],
            tag=watch.tag,
        )
        return Minion(id=id, disks={v.disk_id: v.id for v in volumes})

    def check_minion(self, minion: Minion) -> None:
        """Whether the cloud is full, or the machine is off or gone."""
        try:
            found = self._client.call('get_machine', name=minion.id)
        except errors.NotFound:
            raise errors.NotFound('The worker machine is gone.') from None
        told = self._client.call('ping')
        if told['used'] > told['capacity']:
            raise errors.QuotaExceeded(FULL)
        if found['power'] != 'on':
            raise errors.Conflict('The worker machine is off.')

    def open(self, minion: Minion, volume: Volume, attempt: int) -> MemorySink:
        """A sink for that attempt; older ones are refused from its first write
        on."""
        return MemorySink(
            self._client.clone(), volume.id, volume.size, minion.id, attempt
        )

    def make_snapshots(
        self, volumes: Volumes, *, watch: Watch
    ) -> tuple[VolumeSnapshot, ...]:
        """A copy of each volume's content."""
        made = []
        for volume in volumes.items:
            id = f'point-{watch.tag}-{volume.disk_id}'
            watch.record(ResourceKind.VOLUME_SNAPSHOT, id, volume.id)
            told = self._client.call(
                'make_volume_snapshot',
                id=id,
                volume=volume.id,
                tag=watch.tag,
            )
            made.append(
                VolumeSnapshot(
                    id=id,
                    disk_id=volume.disk_id,
                    volume_id=volume.id,
                    size=told['size'],
                    storage='memory',
                )
            )
        return tuple(made)

    def read(self, snapshot: VolumeSnapshot) -> MemoryReader:
        """A reader of the copy."""
        return MemoryReader(
            self._client.clone(),
            'volume_snapshot',
            snapshot.id,
            '',
            snapshot.size,
        )

    def make_clones(
        self,
        snapshots: Sequence[VolumeSnapshot],
        *,
        options: Options,
        watch: Watch,
    ) -> ClonedVolumes:
        """Volumes with the copies' content."""
        made = []
        for snapshot in snapshots:
            id = f'clone-{watch.tag}-{snapshot.disk_id}'
            watch.record(ResourceKind.VOLUME, id)
            told = self._client.call(
                'clone_volume', id=id, snapshot=snapshot.id, tag=watch.tag
            )
            made.append(
                Volume(
                    id=id,
                    disk_id=snapshot.disk_id,
                    size=told['size'],
                    storage='memory',
                )
            )
        return ClonedVolumes(items=tuple(made))

    def release(
        self,
        snapshots: Sequence[VolumeSnapshot],
        volumes: Volumes,
        *,
        watch: Watch,
    ) -> ClonedVolumes:
        """The volumes themselves, with the copies' content again."""
        for snapshot in snapshots:
            self._client.call(
                'restore_volume',
                id=snapshot.volume_id,
                snapshot=snapshot.id,
            )
        return ClonedVolumes(items=volumes.items)

    def make_vm(
        self,
        vm: Vm,
        volumes: ClonedVolumes,
        *,
        name: str,
        network_map: Mapping[str, Any],
        isolated: bool,
        options: Options,
        watch: Watch,
    ) -> Vm:
        """A machine that is on; ``isolated`` is a network of that name."""
        id = f'vm-{watch.tag}'
        watch.record(ResourceKind.VM, id)
        nics = [
            {
                'mac': nic.mac,
                'network': 'isolated'
                if isolated
                else network_map.get(nic.network, nic.network),
            }
            for nic in vm.nics
        ]
        self._client.call(
            'make_machine',
            id=id,
            name=name,
            cpus=vm.cpus,
            memory=vm.memory,
            volumes=[v.id for v in volumes.items],
            nics=nics,
            tag=watch.tag,
        )
        made = described(self._client.call('get_machine', name=id))
        disks = tuple(
            Disk(id=v.disk_id, size=v.size, path=v.id) for v in volumes.items
        )
        return msgspec.structs.replace(made, disks=disks)

    def find_address(self, vm: Vm) -> str | None:
        """A documentation address (RFC 5737) that follows from the id; None
        when it is off."""
        found = self._client.call('get_machine', name=vm.id)
        if found['power'] != 'on':
            return None
        last = hashlib.sha256(vm.id.encode()).digest()[0]
        return f'192.0.2.{last}'

    def drop(self, resource: Resource) -> None:
        """Any of ours; silent when it is gone."""
        if resource.kind not in DROPS:
            raise errors.Unsupported(
                f'A destination of this kind makes no {resource.kind}.'
            )
        self._client.call(DROPS[resource.kind], id=resource.id)

    def list_tagged(self, tag: str) -> Sequence[Resource]:
        """Machines, volumes and their snapshots, by tag."""
        return [
            Resource(
                kind=ResourceKind(found['kind']),
                id=found['id'],
                tag=found['tag'],
                side=Side.TARGET,
            )
            for found in self._client.call('list_tagged', tag=tag)
            if found['kind'] != 'snapshot'
        ]
