# SPDX-License-Identifier: Apache-2.0
"""What may go wrong with a machine on a destination, found beforehand."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Iterator, Sequence

from coriolis_ng.objects.preflight import Finding, Severity
from coriolis_ng.objects.sizes import readable
from coriolis_ng.objects.transfer import StorageMappings
from coriolis_ng.objects.vm import Disk, Firmware, Vm
from coriolis_ng.objects.volume import Volume, Volumes
from coriolis_ng.providers import errors
from coriolis_ng.providers.base import Options
from coriolis_ng.providers.kvm import domainxml, minions, qcow2, schemas
from coriolis_ng.providers.kvm.connection import Access, parse, told
from coriolis_ng.providers.kvm.directories import Directories
from coriolis_ng.providers.kvm.pools import Pools

# A worker VM's own disk grows by what its system writes; its seed is small.
WORKER_BYTES = 512 << 20
# What a delta of a guest that hardly works needs, file tables included.
LEAST_BYTES = 64 << 20


@dataclasses.dataclass
class _Need:
    """Bytes of volumes that are to be made in a pool or are there, and what
    must be free beside them."""

    reserve: int = LEAST_BYTES
    new: int = 0
    kept: int = 0


class Rules:
    """All rules, for one machine."""

    def __init__(
        self,
        access: Access,
        pools: Pools,
        directories: Directories,
        vm: Vm,
        storage: StorageMappings,
        options: Options,
        existing: Volumes,
    ) -> None:
        self._access = access
        self._pools = pools
        self._directories = directories
        self._vm = vm
        self._storage = storage
        self._options = options
        self._existing = {v.disk_id: v for v in existing.items}

    def findings(self) -> Sequence[Finding]:
        """All of them, errors or not, in the order of the rules."""
        return [
            *self._space(),
            *self._worker(),
            *self._network(),
            *self._name(),
            *self._hardware(),
        ]

    def _space(self) -> Iterator[Finding]:
        for pool, need in self._needs().items():
            fault = _fault(lambda name=pool: self._pools.folder(name))  # type: ignore[misc]
            if fault is not None:
                yield self._error(
                    'storage_pool', fault, 'Choose another storage pool.'
                )
                continue
            # libvirt's own figure is as old as its last look at the pool.
            free = shutil.disk_usage(self._pools.folder(pool)).free
            yield from self._room(pool, need, free)

    def _needs(self) -> dict[str, _Need]:
        """What each pool needs, in the order of the disks."""
        needs: dict[str, _Need] = {}
        for disk in self._vm.disks:
            volume = self._volume_of(disk)
            if volume is not None:
                need = needs.setdefault(volume.storage, _Need())
                need.new += disk.size - volume.size
                need.kept += volume.size
                continue
            pool = pool_of(self._storage, self._options, disk.id, disk.backend)
            needs.setdefault(pool, _Need()).new += disk.size
        worker = str(schemas.target(self._options, 'storage_pool'))
        needs.setdefault(worker, _Need()).reserve = WORKER_BYTES
        return needs

    def _volume_of(self, disk: Disk) -> Volume | None:
        """The volume that will be kept for it; one that is gone or larger is
        made anew."""
        volume = self._existing.get(disk.id)
        if volume is None or volume.size > disk.size:
            return None
        path = self._pools.find_path(volume.id)
        if path is None or qcow2.find_header(path) is None:
            return None
        return volume

    def _room(self, pool: str, need: _Need, free: int) -> Iterator[Finding]:
        has = f'the storage pool {pool!r} has {readable(free)} free'
        beside = f'{readable(need.reserve)} must be free to work'
        if free < need.new + need.reserve:
            new = f'New volumes take up to {readable(need.new)}, and '
            yield self._error(
                'pool_too_small',
                f'{new if need.new else ""}{beside}; {has}.',
                'Make room, or map the disks to another pool.',
            )
        elif free < 2 * need.new + need.kept:
            yield self._warning(
                'pool_small',
                f'The disks have {readable(need.new + need.kept)}; {has}: '
                'what changes and recovery points need room too.',
                'Keep fewer recovery points, or make room.',
            )

    def _worker(self) -> Iterator[Finding]:
        fault = _fault(
            lambda: minions.image_path(
                self._pools, self._directories, self._options
            )
        )
        if fault is not None:
            yield self._error(
                'worker_image',
                fault,
                'Put a cloud image there, or set worker_image.',
            )

    def _network(self) -> Iterator[Finding]:
        name = schemas.target(self._options, 'network')
        fault = _fault(lambda: self._access.network(name))
        if fault is not None:
            yield self._error(
                'worker_network',
                fault,
                'Set the option network to one with DHCP.',
            )
            return
        with told(f'network {name!r}'):
            network = self._access.network(name)
            if not network.isActive():
                yield self._error(
                    'worker_network',
                    f'The network {name!r} of worker VMs is not started.',
                    'Start it.',
                )
            elif parse(network.XMLDesc()).find('./ip/dhcp') is None:
                yield self._warning(
                    'worker_network_dhcp',
                    f'libvirt gives no addresses on the network {name!r}.',
                    'See to it that somebody else does.',
                )

    def _name(self) -> Iterator[Finding]:
        other = self._access.find_domain(self._vm.name)
        if other is None or other.UUIDString() == self._vm.id:
            return
        with told(f'reading machine {self._vm.name!r}'):
            tag, _ = domainxml.tag_of(parse(other.XMLDesc()))
        whose = 'an earlier deployment' if tag else 'somebody else'
        yield self._warning(
            'name_taken',
            f'The destination already has a machine called '
            f'{self._vm.name!r}, made by {whose}.',
            'Remove or rename it before a deployment; a test deployment '
            'has a name of its own.',
        )

    def _hardware(self) -> Iterator[Finding]:
        bus = schemas.target(self._options, 'disk_bus')
        others = sorted({d.bus for d in self._vm.disks} - {bus})
        if others:
            yield Finding(
                code='disk_bus',
                severity=Severity.INFO,
                meaning=f'Disks on {", ".join(others)} are attached by '
                f'{bus} on the destination.',
                remedy='Nothing, where the guest has drivers for it; '
                'OSMorphing sees to that on Linux.',
                instance=self._vm.name,
            )
        if self._vm.firmware is Firmware.EFI:
            yield self._warning(
                'efi_variables',
                'EFI variables are not taken along: the machine starts '
                'from the fallback boot loader.',
                'Install the boot loader as removable (EFI/BOOT/BOOTX64).',
            )

    def _error(self, code: str, meaning: str, remedy: str) -> Finding:
        return self._finding(code, Severity.ERROR, meaning, remedy)

    def _warning(self, code: str, meaning: str, remedy: str) -> Finding:
        return self._finding(code, Severity.WARNING, meaning, remedy)

    def _finding(
        self, code: str, severity: Severity, meaning: str, remedy: str
    ) -> Finding:
        return Finding(
            code=code,
            severity=severity,
            meaning=meaning,
            remedy=remedy,
            instance=self._vm.name,
        )


def pool_of(
    storage: StorageMappings, options: Options, disk_id: str, backend: str
) -> str:
    """The pool for a disk: mapped, else that of the options."""
    return storage.destination(disk_id, backend) or str(
        schemas.target(options, 'storage_pool')
    )


def _fault(look: Callable[[], object]) -> str | None:
    """What is wrong, None when nothing is."""
    try:
        look()
    except (
        errors.NotFound,
        errors.Conflict,
        errors.Unsupported,
        errors.InvalidInput,
    ) as error:
        return error.message
    return None
