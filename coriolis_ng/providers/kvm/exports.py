# SPDX-License-Identifier: Apache-2.0
"""KVM as a source. Of a machine nothing changes but one checkpoint.

Ledger: a SNAPSHOT is ``<machine's uuid>/backup-<12 hex digits>`` with the
scratch directory as its parent, a CHECKPOINT ``<uuid>/coriolis-<digits>``;
the digits stand for the tag, so both are known before they are made.
"""

from __future__ import annotations

import datetime
import shutil
from collections.abc import Sequence

import libvirt
import msgspec

from coriolis_ng.objects.preflight import Finding
from coriolis_ng.objects.resource import Resource, ResourceKind, Side
from coriolis_ng.objects.snapshot import (
    Consistency,
    Mode,
    Snapshot,
    SnapshotDisk,
)
from coriolis_ng.objects.vm import Disk, Vm
from coriolis_ng.providers import errors, power
from coriolis_ng.providers.base import Options, Watch
from coriolis_ng.providers.kvm import (
    backup,
    checkpoints,
    domainxml,
    offline,
    quiesce,
    schemas,
    sourcecheck,
)
from coriolis_ng.providers.kvm.connection import Access, parse, told
from coriolis_ng.providers.kvm.directories import Directories
from coriolis_ng.providers.kvm.inventory import Inventory
from coriolis_ng.providers.kvm.sources import (
    Address,
    Guard,
    Names,
    Served,
    SnapshotReader,
)
from coriolis_ng.transport.contracts import Reader


class _Plan(msgspec.Struct):
    """A snapshot while it is made."""

    domain: libvirt.virDomain
    names: Names
    tag: str
    disks: Sequence[Disk]
    reasons: dict[str, str]
    since: str | None
    running: bool = False

    @property
    def since_name(self) -> str:
        return checkpoints.split(self.since)[1] if self.since else ''


class Exports:
    """Running machines by a backup job, others by their files."""

    def __init__(
        self, access: Access, inventory: Inventory, directories: Directories
    ) -> None:
        self._access = access
        self._inventory = inventory
        self._directories = directories

    def preflight(self, vm: Vm, options: Options) -> Sequence[Finding]:
        """One error alone for a machine that is gone, else all findings."""
        domain = self._access.find_domain(vm.id)
        if domain is None:
            return [sourcecheck.missing(vm)]
        with told(f'reading machine {vm.name!r}'):
            root = parse(domain.XMLDesc())
        return sourcecheck.findings(
            self._inventory.describe(domain, root),
            root,
            options,
            self._directories if self._access.local else None,
        )

    def make_snapshot(
        self, vm: Vm, *, since: str | None, options: Options, watch: Watch
    ) -> Snapshot:
        """A backup job with a checkpoint where the machine runs, qemu-nbd and
        bitmaps where it is off. ``Conflict`` when its disks changed since
        ``vm`` was read, ``Unsupported`` where libvirt is remote."""
        plan = self._plan(vm, since, options, watch)
        if note := self._clear(plan):
            watch.note(note)
        watch.record(ResourceKind.SNAPSHOT, plan.names.id, plan.names.scratch)
        mark = None
        if any(disk.tracked for disk in plan.disks):
            mark = checkpoints.id_of(
                plan.domain, checkpoints.PREFIX + plan.names.short
            )
            watch.record(ResourceKind.CHECKPOINT, mark)
        watch.stop_if_asked()
        taken_at = datetime.datetime.now(datetime.UTC)
        plan.running = bool(plan.domain.isActive())
        if plan.running:
            consistency, reason = self._begin_running(plan, options)
        else:
            consistency, reason = _begin_off(plan)
        return Snapshot(
            id=plan.names.id,
            vm_id=vm.id,
            taken_at=taken_at,
            consistency=consistency,
            consistency_reason=reason,
            checkpoint=mark,
            disks=tuple(_disk(plan, disk) for disk in plan.disks),
            address=_address(plan).encode(),
        )

    def _plan(
        self, vm: Vm, since: str | None, options: Options, watch: Watch
    ) -> _Plan:
        if not self._access.local:
            raise errors.Unsupported(
                'Disks of a remote libvirt cannot be read: run a worker on '
                'that host.'
            )
        domain = self._access.domain(vm.id)
        now = self._inventory.get_vm(vm.id)
        if {d.id: d.size for d in now.disks} != {
            d.id: d.size for d in vm.disks
        }:
            raise errors.Conflict(
                f'The disks of {vm.name!r} changed since they were looked '
                'at. Execute again.'
            )
        return _Plan(
            domain=domain,
            names=Names(
                domain=domain.UUIDString(),
                short=domainxml.short(watch.tag),
                scratch=str(
                    sourcecheck.scratch_of(options, self._directories)
                ),
            ),
            tag=watch.tag,
            disks=now.disks,
            reasons=checkpoints.why_full(domain, since, now.disks),
            since=since,
        )

    def _clear(self, plan: _Plan) -> str:
        """Whatever an earlier attempt of the same task left."""
        note = ''
        if plan.domain.isActive():
            note = backup.make_room(plan.domain, plan.names)
        offline.end(plan.names)
        shutil.rmtree(plan.names.folder, ignore_errors=True)
        checkpoints.drop(
            plan.domain, checkpoints.PREFIX + plan.names.short, plan.disks
        )
        return note

    def _begin_running(
        self, plan: _Plan, options: Options
    ) -> tuple[Consistency, str]:
        backup.prepare(plan.names, plan.domain)
        with quiesce.quiesced(
            self._access,
            plan.domain,
            schemas.source(options, 'quiesce'),
            schemas.source(options, 'quiesce_timeout_seconds'),
        ) as found:
            backup.begin(
                plan.domain,
                plan.names,
                plan.tag,
                plan.disks,
                plan.reasons,
                plan.since_name,
            )
        return found.consistency, found.reason

    def open(self, snapshot: Snapshot, disk_id: str) -> Reader:
        """A reader over NBD; ``NotFound``, ``Unreachable``, and ``Conflict``
        that says what happened to the machine."""
        address = Address.decode(snapshot.address)
        try:
            served = address.disks[disk_id]
        except KeyError:
            raise errors.NotFound(
                f'The snapshot has no disk {disk_id!r}.'
            ) from None
        guard = Guard(
            lambda: self._diagnose(address), always=not address.running
        )
        return SnapshotReader(served, guard)

    def _diagnose(self, address: Address) -> None:
        """Raises what explains that a disk cannot be read any more."""
        domain = self._access.find_domain(address.domain)
        if domain is None:
            raise errors.Conflict(
                'The machine was removed from the source during the copy.'
            )
        if not address.running:
            offline.check(domain, address)
            return
        with told('looking why the copy broke'):
            if not domain.isActive():
                raise errors.Conflict(
                    'The machine was powered off during the copy. The next '
                    'execution starts from the last recovery point.'
                )
            sockets = {served.socket for served in address.disks.values()}
            if backup.job_socket(domain) not in sockets:
                raise errors.Conflict(
                    'The snapshot ended during the copy: the machine was '
                    'restarted, or somebody ended its backup job.'
                )

    def shut_down(self, vm: Vm, *, watch: Watch, grace_seconds: int) -> None:
        """By the agent or ACPI; pulled with a note after the grace."""
        domain = self._access.domain(vm.id)
        with told(f'shutting {vm.name!r} down'):
            if not domain.isActive():
                return
            # Through the agent where there is one, else ACPI.
            domain.shutdown()
            if not power.until_off(
                lambda: bool(domain.isActive()),
                watch=watch,
                grace_seconds=grace_seconds,
            ):
                watch.note(
                    f'{vm.name} did not shut down in {grace_seconds} s '
                    'and was switched off'
                )
                domain.destroy()

    def start_up(self, vm: Vm, *, watch: Watch, grace_seconds: int) -> bool:
        """Waits for a guest that was asked to shut down: it still looks
        like one that runs."""
        domain = self._access.domain(vm.id)
        with told(f'starting {vm.name!r}'):
            if not power.until_off(
                lambda: bool(domain.isActive()),
                watch=watch,
                grace_seconds=grace_seconds,
            ):
                return False
            domain.create()
        return True

    def drop(self, resource: Resource) -> None:
        """Ends a backup job (SNAPSHOT) or removes a checkpoint with its
        bitmaps; silent when it or the machine is gone."""
        if resource.kind is ResourceKind.SNAPSHOT:
            self._drop_snapshot(resource)
        elif resource.kind is ResourceKind.CHECKPOINT:
            uuid, name = checkpoints.split(resource.id)
            domain = self._access.find_domain(uuid)
            if domain is not None:
                disks = self._inventory.get_vm(uuid).disks
                checkpoints.drop(domain, name, disks)
        else:
            raise errors.Unsupported(
                f'A KVM source has no {resource.kind} of ours.'
            )

    def _drop_snapshot(self, resource: Resource) -> None:
        names = Names.of(resource.id, resource.parent or schemas.SCRATCH)
        domain = self._access.find_domain(names.domain)
        if domain is not None and domain.isActive():
            backup.end(domain, names)
        offline.end(names)
        shutil.rmtree(names.folder, ignore_errors=True)

    def list_tagged(self, tag: str) -> Sequence[Resource]:
        """Checkpoints; a snapshot that runs shows in its checkpoint."""
        with told('listing checkpoints'):
            domains = self._access.conn.listAllDomains()
        return [
            Resource(
                kind=ResourceKind.CHECKPOINT,
                id=checkpoints.id_of(domain, name),
                tag=mark.tag,
                side=Side.SOURCE,
            )
            for domain in domains
            for name, mark in checkpoints.ours(domain).items()
            if mark.tag.startswith(tag)
        ]


def _begin_off(plan: _Plan) -> tuple[Consistency, str]:
    reason = plan.domain.state()[1]
    plan.names.make_folder()
    offline.begin(
        plan.domain,
        plan.names,
        plan.tag,
        plan.disks,
        plan.reasons,
        plan.since_name,
    )
    if reason == libvirt.VIR_DOMAIN_SHUTOFF_SHUTDOWN:
        return Consistency.APPLICATION, 'the machine was shut down'
    return Consistency.CRASH, 'the machine is off, and did not shut down'


def _disk(plan: _Plan, disk: Disk) -> SnapshotDisk:
    reason = plan.reasons[disk.id]
    return SnapshotDisk(
        disk_id=disk.id,
        size=disk.size,
        mode=Mode.FULL if reason else Mode.DELTA,
        reason=reason or 'changes since the last recovery point',
        since=None if reason else plan.since,
    )


def _address(plan: _Plan) -> Address:
    running = plan.running
    served = {}
    for disk in plan.disks:
        delta = not plan.reasons[disk.id]
        served[disk.id] = Served(
            socket=str(
                plan.names.socket
                if running
                else plan.names.folder / f'{disk.id}.sock'
            ),
            export=disk.id,
            since=plan.since if delta else None,
            bitmap=_bitmap(plan, disk, running) if delta else None,
            path=disk.path,
            written=0 if running else offline.written(disk.path),
        )
    return Address(
        running=running, domain=plan.domain.UUIDString(), disks=served
    )


def _bitmap(plan: _Plan, disk: Disk, running: bool) -> str:
    return f'{backup.BITMAP}-{disk.id}' if running else plan.since_name
