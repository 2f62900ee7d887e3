# SPDX-License-Identifier: Apache-2.0
"""KVM as a destination: qcow2 files in directory pools.

How recovery points are kept is in ``chains``. Ledger: VOLUME,
VOLUME_SNAPSHOT and FILE are ``pool/file``, a VM is its UUID, an isolated
network is a PORT with its machine's UUID as the parent: it goes with the
machine.
"""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import libvirt

from coriolis_ng.objects.minion import Minion, MinionKeys, Purpose
from coriolis_ng.objects.preflight import Finding
from coriolis_ng.objects.resource import Resource, ResourceKind, Side
from coriolis_ng.objects.transfer import StorageMappings
from coriolis_ng.objects.vm import Disk, Vm
from coriolis_ng.objects.volume import (
    NO_VOLUMES,
    ClonedVolumes,
    Volume,
    Volumes,
    VolumeSnapshot,
)
from coriolis_ng.providers import errors
from coriolis_ng.providers.base import Options, Watch
from coriolis_ng.providers.kvm import (
    build,
    chains,
    domainxml,
    machines,
    minioncheck,
    minions,
    networks,
    probe,
    qcow2,
    schemas,
    targetcheck,
)
from coriolis_ng.providers.kvm.connection import Access, parse, told
from coriolis_ng.providers.kvm.directories import Directories
from coriolis_ng.providers.kvm.inventory import Inventory
from coriolis_ng.providers.kvm.pointreader import PointReader
from coriolis_ng.providers.kvm.pools import Pools, file_name
from coriolis_ng.transport.contracts import Reader, Sink

_ADDRESSES = (
    libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_LEASE,
    libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT,
    libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_ARP,
)


class Imports:
    """Volumes, worker VMs, recovery points and new machines."""

    def __init__(
        self, access: Access, inventory: Inventory, directories: Directories
    ) -> None:
        self._access = access
        self._inventory = inventory
        self._pools = Pools(access)
        self._directories = directories

    def preflight(
        self,
        vm: Vm,
        storage: StorageMappings,
        options: Options,
        existing: Volumes = NO_VOLUMES,
    ) -> Sequence[Finding]:
        """Room in the pools, the worker image and network, the name, hardware
        that changes."""
        return targetcheck.Rules(
            self._access,
            self._pools,
            self._directories,
            vm,
            storage,
            options,
            existing,
        ).findings()

    def make_volumes(
        self,
        vm: Vm,
        existing: Volumes,
        storage: StorageMappings,
        *,
        options: Options,
        watch: Watch,
    ) -> Volumes:
        """qcow2 files; what shrank or vanished is made anew, with a note."""
        before = {volume.disk_id: volume for volume in existing.items}
        made = []
        for disk in vm.disks:
            watch.stop_if_asked()
            kept = self._keep(before.get(disk.id), disk, watch)
            if kept is None:
                pool = targetcheck.pool_of(
                    storage, options, disk.id, disk.backend
                )
                kept = self._make_volume(disk, pool, watch)
            made.append(kept)
        for pool in {volume.storage for volume in made}:
            self._pools.refresh(pool)
        return Volumes(items=tuple(made))

    def _keep(
        self, volume: Volume | None, disk: Disk, watch: Watch
    ) -> Volume | None:
        """The volume, grown where the disk grew; None when it cannot be
        kept."""
        if volume is None:
            return None
        path = self._pools.path(volume.id)
        header = qcow2.find_header(path)
        if header is None:
            watch.note(f'the volume of {disk.id} is gone; it is made anew')
            return None
        if header.size > disk.size:
            watch.note(f'disk {disk.id} shrank; its volume is made anew')
            return None
        if header.size < disk.size:
            qcow2.qemu_img('resize', '-q', '-f', 'qcow2', path, str(disk.size))
            watch.note(
                f'the volume of {disk.id} grew from {header.size} to '
                f'{disk.size} bytes'
            )
        return Volume(
            id=volume.id,
            disk_id=disk.id,
            size=disk.size,
            storage=volume.storage,
        )

    def _make_volume(self, disk: Disk, pool: str, watch: Watch) -> Volume:
        name = file_name(watch.tag, disk.id) + chains.SUFFIX
        path = self._pools.folder(pool) / name
        watch.record(ResourceKind.VOLUME, f'{pool}/{name}', pool)
        header = qcow2.find_header(path)
        if header is None or header.size != disk.size:
            qcow2.create(path, disk.size)
        return Volume(
            id=f'{pool}/{name}',
            disk_id=disk.id,
            size=disk.size,
            storage=pool,
            # Unallocated clusters of a qcow2 file without backing read as
            # zeros; an adopted file may have been written to.
            zeroed=qcow2.is_empty(path),
            fresh=True,
        )

    def make_minion(
        self,
        volumes: Sequence[Volume],
        purpose: Purpose,
        keys: MinionKeys,
        *,
        options: Options,
        watch: Watch,
    ) -> Minion:
        """A VM that lives until it is dropped; see ``minions.make``."""
        return minions.make(
            self._access,
            self._pools,
            self._directories,
            volumes,
            purpose,
            keys,
            options=options,
            watch=watch,
        )

    def check_minion(self, minion: Minion) -> None:
        """By the state that libvirt tells; see ``minioncheck.check``."""
        minioncheck.check(self._access, minion.id)

    def open(self, minion: Minion, volume: Volume, attempt: int) -> Sink:
        """Always ``Unsupported``: there is an agent."""
        raise errors.Unsupported(
            'Volumes are written by the agent in the worker VM.'
        )

    def make_snapshots(
        self, volumes: Volumes, *, watch: Watch
    ) -> tuple[VolumeSnapshot, ...]:
        """The volume's file becomes the point, and an empty one on top of it
        the volume (``chains.freeze``)."""
        made = []
        for volume in volumes.items:
            path = self._pools.path(volume.id)
            name = chains.point_name(path.name, domainxml.short(watch.tag))
            ident = f'{volume.storage}/{name}'
            watch.record(ResourceKind.VOLUME_SNAPSHOT, ident, volume.storage)
            chains.freeze(path, path.with_name(name))
            made.append(
                VolumeSnapshot(
                    id=ident,
                    disk_id=volume.disk_id,
                    volume_id=volume.id,
                    size=volume.size,
                    storage=volume.storage,
                )
            )
        return tuple(made)

    def read(self, snapshot: VolumeSnapshot) -> Reader:
        """A reader with a qemu-nbd of its own, ended by ``close``;
        ``NotFound``."""
        path = self._pools.path(snapshot.id)
        if not path.exists():
            raise errors.NotFound(f'There is no recovery point {snapshot.id}.')
        return PointReader(path, snapshot.disk_id)

    def make_clones(
        self,
        snapshots: Sequence[VolumeSnapshot],
        *,
        options: Options,
        watch: Watch,
    ) -> ClonedVolumes:
        """Overlays of the points: no byte is copied."""
        made = []
        for snapshot in snapshots:
            watch.stop_if_asked()
            name = file_name(watch.tag, f'{snapshot.disk_id}_clone')
            name += chains.SUFFIX
            ident = f'{snapshot.storage}/{name}'
            point = self._pools.path(snapshot.id)
            watch.record(ResourceKind.VOLUME, ident, snapshot.storage)
            chains.clone(point, point.with_name(name))
            made.append(
                Volume(
                    id=ident,
                    disk_id=snapshot.disk_id,
                    size=snapshot.size,
                    storage=snapshot.storage,
                    fresh=True,
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
        """Puts the volumes back to the points; what was written to them since
        is lost."""
        released = []
        for snapshot in snapshots:
            volume = volumes.of(snapshot.disk_id)
            chains.restore(
                self._pools.path(volume.id), self._pools.path(snapshot.id)
            )
            released.append(volume)
        return ClonedVolumes(items=tuple(released))

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
        """Defined and running; its id follows from the tag. ``Conflict`` where
        the name is somebody's, ``NotFound`` for a network that is not there.
        """
        ident = minions.id_of(watch.tag)
        watch.record(ResourceKind.VM, ident)
        if isolated:
            network = networks.name_of(watch.tag)
            watch.record(ResourceKind.PORT, network, ident)
            networks.make_isolated(self._access, watch.tag)
            nics = tuple(
                build.NewNic(mac=nic.mac, network=network) for nic in vm.nics
            )
        else:
            nics = networks.mapped(self._access, vm, network_map)
        described = self._describe(
            vm, volumes, name=name, nics=nics, options=options, tag=watch.tag
        )
        domain = machines.start(self._access, described)
        if not isolated and schemas.target(options, 'detach_clones'):
            machines.detach_clones(
                domain, [disk.target for disk in described.disks]
            )
        return self._inventory.get_vm(ident)

    def _describe(
        self,
        vm: Vm,
        volumes: ClonedVolumes,
        *,
        name: str,
        nics: tuple[build.NewNic, ...],
        options: Options,
        tag: str,
    ) -> build.NewDomain:
        kind = probe.domain_type(self._access, options)
        by_id = {volume.disk_id: volume for volume in volumes.items}
        # The machine's order is its boot order.
        paths = {
            disk.id: self._pools.path(by_id[disk.id].id)
            for disk in vm.disks
            if disk.id in by_id
        }
        console = ''
        if paths and schemas.target(options, 'console_log'):
            console = str(_log_of(next(iter(paths.values()))))
        return build.NewDomain(
            name=name,
            uuid=minions.id_of(tag),
            tag=tag,
            role=machines.MACHINE,
            cpus=vm.cpus,
            memory=vm.memory,
            domain_type=kind,
            machine=probe.machine_type(vm.machine, options),
            cpu_mode=probe.cpu_mode(kind, options),
            disks=build.disks_of(paths, schemas.target(options, 'disk_bus')),
            nics=nics,
            firmware=vm.firmware,
            secure_boot=vm.secure_boot,
            agent=True,
            console=console,
        )

    def find_address(self, vm: Vm) -> str | None:
        """By the DHCP lease, the guest agent or ARP; None while none of them
        knows."""
        domain = self._access.domain(vm.id)
        with told(f'looking for the address of {vm.name!r}'):
            if not domain.isActive():
                return None
        return networks.address(domain, _ADDRESSES)

    def drop(self, resource: Resource) -> None:
        """Only what carries our mark: ``Conflict`` for everything else."""
        if resource.kind is ResourceKind.VM:
            machines.destroy(self._access, resource.id)
        elif resource.kind is ResourceKind.PORT:
            # While its machine is there the network belongs to it.
            if self._access.find_domain(resource.parent) is None:
                networks.drop(self._access, resource.id)
        elif resource.kind in (
            ResourceKind.VOLUME,
            ResourceKind.VOLUME_SNAPSHOT,
            ResourceKind.FILE,
        ):
            self._drop_file(resource)
        else:
            raise errors.Unsupported(
                f'A KVM destination has no {resource.kind} of ours.'
            )

    def _drop_file(self, resource: Resource) -> None:
        path = self._pools.find_path(resource.id)
        if path is None:
            return
        path.with_name(path.name + '.half').unlink(missing_ok=True)
        if resource.kind is ResourceKind.VOLUME_SNAPSHOT:
            chains.drop_point(path)
        elif resource.kind is ResourceKind.VOLUME:
            chains.drop_volume(path)
            _log_of(path).unlink(missing_ok=True)
        else:
            path.unlink(missing_ok=True)
        self._pools.refresh(resource.id.partition('/')[0])

    def list_tagged(self, tag: str) -> Sequence[Resource]:
        """Machines and networks by their metadata. Files carry a digest of
        their whole tag only, so they are found by a whole tag."""
        found = []
        with told('listing machines'):
            domains = self._access.conn.listAllDomains()
            for domain in domains:
                mark, role = domainxml.tag_of(parse(domain.XMLDesc()))
                if role and mark.startswith(tag):
                    found.append(
                        _resource(ResourceKind.VM, domain.UUIDString(), mark)
                    )
        for name, mark in networks.tagged(self._access, tag):
            found.append(
                _resource(ResourceKind.PORT, name, mark, minions.id_of(mark))
            )
        short = domainxml.short(tag)
        for ident in self._pools.tagged(short):
            found.append(
                _resource(_kind(ident), ident, tag, ident.partition('/')[0])
            )
        return found


def _log_of(path: pathlib.Path) -> pathlib.Path:
    """What a machine whose first volume this is prints on its console.

    Named after the volume, and so removed with it where the machine was
    removed by somebody else; as a file of the ledger it would seem to be
    left over by the deployment that made it.
    """
    return path.with_suffix('.console.log')


def _kind(ident: str) -> ResourceKind:
    name = pathlib.PurePath(ident)
    if name.suffix != chains.SUFFIX or name.stem.endswith('-worker'):
        return ResourceKind.FILE
    if '.' in name.stem:
        return ResourceKind.VOLUME_SNAPSHOT
    return ResourceKind.VOLUME


def _resource(
    kind: ResourceKind, ident: str, tag: str, parent: str = ''
) -> Resource:
    return Resource(
        kind=kind, id=ident, tag=tag, side=Side.TARGET, parent=parent
    )
