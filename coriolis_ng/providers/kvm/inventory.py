# SPDX-License-Identifier: Apache-2.0
"""What a libvirt has: machines, networks, pools, values of options."""

from __future__ import annotations

import contextlib
import functools
import os
import time
import xml.etree.ElementTree as ET  # noqa: S405  # libvirt wrote it
from collections.abc import Sequence

import libvirt
import msgspec

from coriolis_ng.objects.network import Network, Option, Storage
from coriolis_ng.objects.vm import Disk, Power, Vm
from coriolis_ng.providers.kvm import domainxml, qcow2, schemas
from coriolis_ng.providers.kvm.connection import Access, parse, told

WORKER = 'worker'
_POWER = {
    libvirt.VIR_DOMAIN_RUNNING: Power.ON,
    libvirt.VIR_DOMAIN_BLOCKED: Power.ON,
    libvirt.VIR_DOMAIN_SHUTDOWN: Power.ON,
    libvirt.VIR_DOMAIN_PAUSED: Power.PAUSED,
    libvirt.VIR_DOMAIN_PMSUSPENDED: Power.PAUSED,
}


class Inventory:
    """Only looks."""

    def __init__(self, access: Access) -> None:
        self._access = access

    @functools.cached_property
    def _host(self) -> str:
        """The hypervisor that all of its machines run on."""
        return str(self._access.conn.getHostname())

    def list_vms(
        self, *, marker: str | None, limit: int | None, name: str | None
    ) -> Sequence[Vm]:
        """All machines but our worker VMs, whatever their state."""
        with told('listing machines'):
            domains = {d.name(): d for d in self._access.conn.listAllDomains()}
        found: list[Vm] = []
        for key in sorted(domains):
            if marker is not None and key <= marker:
                continue
            if name and name not in key:
                continue
            if limit is not None and len(found) >= limit:
                break
            with contextlib.suppress(libvirt.libvirtError):
                # One that vanished meanwhile is no longer there to list.
                root = parse(domains[key].XMLDesc())
                if domainxml.tag_of(root)[1] != WORKER:
                    found.append(self.describe(domains[key], root))
        return found

    def get_vm(self, name: str) -> Vm:
        """By name or UUID; ``NotFound``."""
        domain = self._access.domain(name)
        with told(f'reading machine {name!r}'):
            return self.describe(domain, parse(domain.XMLDesc()))

    def describe(self, domain: libvirt.virDomain, root: ET.Element) -> Vm:
        """A machine with the sizes of its disks as they are now."""
        found = tuple(
            self._disk(domain, facts) for facts in domainxml.disks(root)
        )
        power = _POWER.get(domain.state()[0], Power.OFF)
        vm = domainxml.machine(root, found, power)
        return msgspec.structs.replace(vm, host=self._host)

    def _disk(self, domain: libvirt.virDomain, facts: domainxml.Facts) -> Disk:
        path = self.path_of(facts)
        header = qcow2.find_header(path) if self._access.local else None
        size = _size(domain, facts.target) or (header.size if header else 0)
        why = domainxml.untracked(facts, header.version if header else None)
        return Disk(
            id=facts.target,
            size=size,
            format=facts.format,
            bus=facts.bus,
            backend=self._backend(path),
            path=path,
            shareable=facts.shareable,
            tracked=not why,
            untracked_reason=why,
        )

    def path_of(self, facts: domainxml.Facts) -> str:
        """The path on the host, also of a disk that names pool and volume."""
        if facts.kind != 'volume':
            return facts.path
        pool, _, volume = facts.path.partition('/')
        with contextlib.suppress(libvirt.libvirtError):
            return str(
                self._access.conn.storagePoolLookupByName(pool)
                .storageVolLookupByName(volume)
                .path()
            )
        return ''

    def _backend(self, path: str) -> str:
        """The pool that holds it, else its directory."""
        with contextlib.suppress(libvirt.libvirtError):
            volume = self._access.conn.storageVolLookupByPath(path)
            return str(volume.storagePoolLookupByVolume().name())
        return os.path.dirname(path)

    def list_networks(self) -> Sequence[Network]:
        """All networks, started or not."""
        with told('listing networks'):
            found = []
            for network in self._access.conn.listAllNetworks():
                bridge = ''
                with contextlib.suppress(libvirt.libvirtError):
                    bridge = network.bridgeName()
                found.append(
                    Network(
                        id=network.UUIDString(),
                        name=network.name(),
                        bridge=bridge,
                    )
                )
        return sorted(found, key=lambda network: network.name)

    def list_storage(self) -> Sequence[Storage]:
        """All pools; one that is not started has no sizes."""
        with told('listing storage pools'):
            found = []
            for pool in self._access.conn.listAllStoragePools():
                _, capacity, _, available = pool.info()
                active = pool.isActive()
                found.append(
                    Storage(
                        id=pool.name(),
                        name=pool.name(),
                        capacity=capacity if active else None,
                        available=available if active else None,
                        default=pool.name() == 'default',
                    )
                )
        return sorted(found, key=lambda storage: storage.name)

    def options(self, names: Sequence[str] | None) -> Sequence[Option]:
        """What could be chosen on this host, for options with choices."""
        pools = [storage.name for storage in self.list_storage()]
        values = {
            'storage_pool': tuple(pools),
            'network': tuple(n.name for n in self.list_networks()),
            'worker_image': self._images(pools),
            'machine_type': ('q35', 'pc', 'source'),
        }
        for schema in (schemas.SOURCE, schemas.TARGET):
            for name, rule in schema['properties'].items():
                if 'enum' in rule:
                    values.setdefault(name, tuple(rule['enum']))
        defaults = {
            **schemas.SOURCE['properties'],
            **schemas.TARGET['properties'],
        }
        return [
            Option(
                name=name, values=found, default=defaults[name].get('default')
            )
            for name, found in values.items()
            if names is None or name in names
        ]

    def _images(self, pools: Sequence[str]) -> tuple[str, ...]:
        found = []
        with contextlib.suppress(libvirt.libvirtError):
            for name in pools:
                pool = self._access.conn.storagePoolLookupByName(name)
                if not pool.isActive():
                    continue
                found += [
                    v.path()
                    for v in pool.listAllVolumes()
                    if not v.name().startswith('coriolis-')
                    and v.name().endswith(('.qcow2', '.img', '.raw'))
                ]
        return tuple(sorted(found))


def _size(domain: libvirt.virDomain, target: str) -> int:
    """In bytes; 0 for a file that is not there: preflight tells of it, the
    list must not fail. QEMU may also refuse for the moment in which a job
    on the disk begins, so it is asked again."""
    for _ in range(5):
        with contextlib.suppress(libvirt.libvirtError):
            if size := domain.blockInfo(target)[0]:
                return int(size)
        time.sleep(0.1)
    return 0
