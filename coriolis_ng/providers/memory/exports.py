# SPDX-License-Identifier: Apache-2.0
"""The memory cloud as a source, and what is in it."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

from coriolis_ng import errors
from coriolis_ng.objects.network import Network, Option, Storage
from coriolis_ng.objects.preflight import Finding, Severity
from coriolis_ng.objects.resource import Resource, ResourceKind, Side
from coriolis_ng.objects.snapshot import (
    Consistency,
    Mode,
    Snapshot,
    SnapshotDisk,
)
from coriolis_ng.objects.vm import Disk, Nic, Power, Vm
from coriolis_ng.providers import power
from coriolis_ng.providers.base import Options, Watch
from coriolis_ng.providers.memory.client import Client
from coriolis_ng.providers.memory.disks import MemoryReader

NETWORKS = ('green', 'blue')


def described(found: Mapping[str, Any]) -> Vm:
    """The cloud's description of a machine as a value."""
    return Vm(
        id=found['id'],
        name=found['name'],
        cpus=found['cpus'],
        memory=found['memory'],
        power=Power(found['power']),
        guest_agent=found['agent'],
        host=found.get('host', ''),
        disks=tuple(
            Disk(
                id=d['id'],
                size=d['size'],
                backend='memory',
                tracked=d['tracked'],
                untracked_reason=''
                if d['tracked']
                else 'this disk has no change tracking',
            )
            for d in found['disks']
        ),
        nics=tuple(
            Nic(mac=n['mac'], network=n.get('network', ''))
            for n in found['nics']
        ),
    )


class MemoryInventory:
    """What the memory cloud has; nothing in it depends on options."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def list_vms(
        self, *, marker: str | None, limit: int | None, name: str | None
    ) -> Sequence[Vm]:
        """By name, after ``marker``, with ``name`` in it."""
        found = [described(m) for m in self._client.call('list_machines')]
        if marker is not None:
            found = [vm for vm in found if vm.name > marker]
        if name:
            found = [vm for vm in found if name in vm.name]
        return found[:limit] if limit is not None else found

    def get_vm(self, name: str) -> Vm:
        """By name or id; ``NotFound``."""
        return described(self._client.call('get_machine', name=name))

    def list_networks(self) -> Sequence[Network]:
        """The same two for everybody."""
        return [Network(id=name, name=name) for name in NETWORKS]

    def list_storage(self) -> Sequence[Storage]:
        """One place, with its room in bytes."""
        told = self._client.call('ping')
        return [
            Storage(
                id='memory',
                name='memory',
                capacity=told['capacity'],
                available=told['capacity'] - told['used'],
                default=True,
            )
        ]

    def options(self, names: Sequence[str] | None) -> Sequence[Option]:
        """Values for the options of both schemas."""
        known = [
            Option(name='network', values=NETWORKS, default='green'),
            Option(name='freeze', values=(True, False), default=True),
        ]
        return [o for o in known if names is None or o.name in names]


def _why_crash(told: Mapping[str, Any]) -> str:
    if told['consistent']:
        return 'freezing the guest was not asked for'
    return 'the guest has no agent'


class MemoryExports:
    """The memory cloud as a source: snapshots are copies, checkpoints
    generations of blocks."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def preflight(self, vm: Vm, options: Options) -> Sequence[Finding]:
        """Warnings only: disks without tracking, guests without an agent."""
        found = [
            Finding(
                code='disk_not_tracked',
                severity=Severity.WARNING,
                meaning=f'Disk {d.id} of "{vm.name}" has no change tracking.',
                remedy='Every execution copies it in full.',
                instance=vm.name,
            )
            for d in vm.disks
            if not d.tracked
        ]
        if not vm.guest_agent and vm.power is Power.ON:
            found.append(
                Finding(
                    code='no_guest_agent',
                    severity=Severity.WARNING,
                    meaning=f'"{vm.name}" has no guest agent.',
                    remedy='Recovery points will be crash-consistent.',
                    instance=vm.name,
                )
            )
        return found

    def make_snapshot(
        self, vm: Vm, *, since: str | None, options: Options, watch: Watch
    ) -> Snapshot:
        """Application-consistent where the machine says that it has an agent
        and is on."""
        id = f'snap-{watch.tag}'
        checkpoint = f'mark-{watch.tag}'
        watch.record(ResourceKind.CHECKPOINT, checkpoint, vm.id)
        watch.record(ResourceKind.SNAPSHOT, id, vm.id)
        told = self._client.call(
            'make_snapshot',
            id=id,
            machine=vm.id,
            checkpoint=checkpoint,
            tag=watch.tag,
        )
        off = vm.power is Power.OFF
        frozen = told['consistent'] and options.get('freeze', True)
        good = frozen or off
        return Snapshot(
            id=id,
            vm_id=vm.id,
            taken_at=datetime.datetime.now(datetime.UTC),
            consistency=Consistency.APPLICATION if good else Consistency.CRASH,
            consistency_reason='' if good else _why_crash(told),
            checkpoint=checkpoint,
            disks=tuple(self._disk(vm, disk, since) for disk in told['disks']),
        )

    def _disk(
        self, vm: Vm, told: Mapping[str, Any], since: str | None
    ) -> SnapshotDisk:
        mode, reason = Mode.FULL, ''
        if not vm.disk(told['id']).tracked:
            reason = 'this disk has no change tracking'
        elif since is None:
            reason = 'first copy'
        elif since not in told['checkpoints']:
            reason = 'the source lost the checkpoint of the last copy'
        else:
            mode, reason = Mode.DELTA, 'changed blocks since the last copy'
        return SnapshotDisk(
            disk_id=told['id'],
            size=told['size'],
            mode=mode,
            reason=reason,
            since=since if mode is Mode.DELTA else None,
        )

    def open(self, snapshot: Snapshot, disk_id: str) -> MemoryReader:
        """A reader of the snapshot's disk; ``NotFound`` when it is read."""
        return MemoryReader(
            self._client.clone(),
            'snapshot',
            snapshot.id,
            disk_id,
            snapshot.disk(disk_id).size,
        )

    def shut_down(self, vm: Vm, *, watch: Watch, grace_seconds: int) -> None:
        """Off at once, but for a guest that takes its time; pulled after
        the grace."""
        watch.stop_if_asked()
        self._client.call('stop_machine', name=vm.id)
        if not self._until_off(vm, watch, grace_seconds):
            watch.note(f'{vm.name} did not shut down and was switched off')
            self._client.call('stop_machine', name=vm.id, pull=True)

    def start_up(self, vm: Vm, *, watch: Watch, grace_seconds: int) -> bool:
        """On once a guest that was asked to go off is off."""
        if not self._until_off(vm, watch, grace_seconds):
            return False
        self._client.call('start_machine', name=vm.id)
        return True

    def _until_off(self, vm: Vm, watch: Watch, seconds: int) -> bool:
        def runs() -> bool:
            found = self._client.call('get_machine', name=vm.id)
            return bool(found['power'] != Power.OFF)

        return power.until_off(runs, watch=watch, grace_seconds=seconds)

    def drop(self, resource: Resource) -> None:
        """A SNAPSHOT or CHECKPOINT; silent when it is gone."""
        if resource.kind is ResourceKind.SNAPSHOT:
            self._client.call('drop_snapshot', id=resource.id)
        elif resource.kind is ResourceKind.CHECKPOINT:
            self._client.call('drop_checkpoint', id=resource.id)
        else:
            raise errors.Unsupported(
                f'A source of this kind makes no {resource.kind}.'
            )

    def list_tagged(self, tag: str) -> Sequence[Resource]:
        """Snapshots by their tag; checkpoints carry none."""
        return [
            Resource(
                kind=ResourceKind.SNAPSHOT,
                id=found['id'],
                tag=found['tag'],
                side=Side.SOURCE,
            )
            for found in self._client.call('list_tagged', tag=tag)
            if found['kind'] == 'snapshot'
        ]
