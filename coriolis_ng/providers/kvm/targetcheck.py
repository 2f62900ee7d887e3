# SPDX-License-Identifier: Apache-2.0
"""What may go wrong with a machine on a destination, found beforehand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from coriolis_ng.objects.preflight import Finding, Severity
from coriolis_ng.objects.transfer import StorageMappings
from coriolis_ng.objects.vm import Firmware, Vm
from coriolis_ng.providers import errors
from coriolis_ng.providers.base import Options
from coriolis_ng.providers.kvm import domainxml, minions, schemas
from coriolis_ng.providers.kvm.connection import Access, parse, told
from coriolis_ng.providers.kvm.directories import Directories
from coriolis_ng.providers.kvm.pools import Pools


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
    ) -> None:
        self._access = access
        self._pools = pools
        self._directories = directories
        self._vm = vm
        self._storage = storage
        self._options = options

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
        needed: dict[str, int] = {}
        for disk in self._vm.disks:
            pool = pool_of(self._storage, self._options, disk.id, disk.backend)
            needed[pool] = needed.get(pool, 0) + disk.size
        for pool, size in needed.items():
            fault = _fault(lambda name=pool: self._pools.folder(name))  # type: ignore[misc]
            if fault is not None:
                yield self._error(
                    'storage_pool', fault, 'Choose another storage pool.'
                )
                continue
            with told(f'storage pool {pool!r}'):
                free = self._access.pool(pool).info()[3]
            if free < size:
                yield self._error(
                    'pool_too_small',
                    f'The disks have {size} bytes, the storage pool '
                    f'{pool!r} has {free} bytes free.',
                    'Make room, or map the disks to another pool.',
                )
            elif free < size * 2:
                yield self._warning(
                    'pool_small',
                    f'The disks have {size} bytes, the storage pool '
                    f'{pool!r} has {free} bytes free: recovery points need '
                    'room too.',
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
