# SPDX-License-Identifier: Apache-2.0
"""Worker VMs that are kept ready: defined machines whose own disk begins
anew each time they start, with volumes that come and go while they run.

Volumes are plugged into the running machine only, never into its definition:
whatever becomes of it, once it is off it has none.
"""

from __future__ import annotations

import pathlib
import time
import xml.etree.ElementTree as ET  # noqa: S405  # libvirt wrote it
from collections.abc import Iterator, Sequence

import libvirt
import msgspec

from coriolis_ng.objects.minion import Minion, MinionKeys, Purpose
from coriolis_ng.objects.minion_pool import Power
from coriolis_ng.objects.network import Option
from coriolis_ng.objects.volume import Volume
from coriolis_ng.providers import errors
from coriolis_ng.providers.base import Options, Watch
from coriolis_ng.providers.kvm import (
    build,
    domainxml,
    machines,
    minions,
    schemas,
)
from coriolis_ng.providers.kvm.connection import Access, code_of, parse, told
from coriolis_ng.providers.kvm.directories import Directories
from coriolis_ng.providers.kvm.inventory import WORKER, Inventory
from coriolis_ng.providers.kvm.pools import Pools, file_name

ROOT, SEED, BUS = 'vda', 'vdb', 'scsi'
_POLL_SECONDS = 0.2
# QEMU takes a disk of this bus away without asking the system in the machine.
_UNPLUG_SECONDS = 30


class MinionPools:
    """``providers.pools.Pools`` of one libvirt."""

    def __init__(
        self, access: Access, inventory: Inventory, directories: Directories
    ) -> None:
        self._access = access
        self._inventory = inventory
        self._directories = directories
        self._pools = Pools(access)

    def options(
        self, side: str, names: Sequence[str] | None
    ) -> Sequence[Option]:
        """Of destinations only: a source needs no worker VM."""
        if side != 'destination':
            return []
        known = schemas.POOL['properties']
        return [o for o in self._inventory.options(names) if o.name in known]

    def make(
        self, keys: MinionKeys, *, options: Options, watch: Watch
    ) -> Minion:
        """See ``minions.make``; one that an earlier attempt made has keys
        that nobody knows, and is replaced."""
        return minions.make(
            self._access,
            self._pools,
            self._directories,
            (),
            Purpose.POOL,
            keys,
            options=options,
            watch=watch,
            kept=True,
        )

    def check(self, minion: Minion) -> Power | None:
        """``OFF`` too for one that is suspended: it has to be started."""
        domain = self._access.find_domain(minion.id)
        if domain is None:
            return None
        try:
            with told('looking at a worker VM'):
                root = parse(domain.XMLDesc())
                kept = domain.isPersistent()
                runs = _runs(domain)
        except errors.NotFound:
            return None
        if not kept or domainxml.tag_of(root)[1] != WORKER:
            return None
        if not _file(root, SEED).is_file():
            return None
        return Power.ON if runs else Power.OFF

    def start(
        self, minion: Minion, *, options: Options, watch: Watch
    ) -> Minion:
        """``NotFound`` for one that is gone, ``Conflict`` for one that does
        not come up."""
        domain, root = self._find(minion)
        with told('starting a worker VM'):
            running = _runs(domain)
        if not running:
            self._boot(domain, root, options)
        host = minions.wait_for_address(
            self._access,
            domain,
            schemas.target(options, 'worker_timeout_seconds'),
            watch,
            _console(root),
        )
        assert minion.ssh is not None
        ssh = msgspec.structs.replace(minion.ssh, host=host)
        return msgspec.structs.replace(minion, ssh=ssh)

    def stop(self, minion: Minion) -> None:
        """At once: what is written in it is not kept anyway."""
        domain = self._access.find_domain(minion.id)
        if domain is not None:
            _off(domain)

    def renew(
        self, minion: Minion, keys: MinionKeys, *, options: Options
    ) -> None:
        """Off, and started with another seed; ``NotFound``."""
        domain, root = self._find(minion)
        _off(domain)
        minions.write_seed(_file(root, SEED), keys)
        self._boot(domain, root, options)

    def attach(
        self, minion: Minion, volumes: Sequence[Volume], *, watch: Watch
    ) -> Minion:
        """Plugs in what is not there yet, and unplugs all else."""
        domain, root = self._find(minion)
        serials = {v.disk_id: build.serial_of(v.disk_id) for v in volumes}
        wanted = {
            (serials[v.disk_id], str(self._pools.path(v.id))) for v in volumes
        }
        there = {_named(disk): disk for disk in _plugged(root)}
        for name, disk in there.items():
            if name not in wanted:
                _unplug(domain, disk)
        free = _free_targets(
            disk for name, disk in there.items() if name in wanted
        )
        for serial, path in sorted(wanted - there.keys()):
            watch.stop_if_asked()
            plug = build.NewDisk(
                path=path, target=next(free), bus=BUS, serial=serial
            )
            with told('attaching a volume to a worker VM'):
                domain.attachDeviceFlags(
                    build.disk_xml(plug), libvirt.VIR_DOMAIN_AFFECT_LIVE
                )
        return msgspec.structs.replace(minion, disks=serials)

    def detach(self, minion: Minion) -> None:
        """One that is off has none."""
        domain = self._access.find_domain(minion.id)
        if domain is None:
            return
        try:
            with told('looking at a worker VM'):
                root = parse(domain.XMLDesc())
        except errors.NotFound:
            return
        for disk in _plugged(root):
            _unplug(domain, disk)

    def drop(self, minion: Minion) -> None:
        """With its files, as far as its definition still names them."""
        domain = self._access.find_domain(minion.id)
        if domain is None:
            return
        with told('removing a worker VM'):
            root = parse(domain.XMLDesc())
        machines.destroy(self._access, minion.id)
        tag, _ = domainxml.tag_of(root)
        for target, what in ((ROOT, 'worker'), (SEED, 'seed')):
            path = _file(root, target)
            if path.stem == file_name(tag, what):
                path.unlink(missing_ok=True)

    def _find(self, minion: Minion) -> tuple[libvirt.virDomain, ET.Element]:
        """``NotFound``, also for a machine that is not ours to change."""
        domain = self._access.find_domain(minion.id)
        if domain is not None:
            with told('looking at a worker VM'):
                root = parse(domain.XMLDesc())
            if domainxml.tag_of(root)[1] == WORKER:
                return domain, root
        raise errors.NotFound(f'There is no worker VM {minion.id}.')

    def _boot(
        self, domain: libvirt.virDomain, root: ET.Element, options: Options
    ) -> None:
        """Starts it from an empty overlay of the image as it is now."""
        _off(domain)
        image = minions.image_path(self._pools, self._directories, options)
        minions.write_root(_file(root, ROOT), image)
        with told('starting a worker VM'):
            domain.create()


def _runs(domain: libvirt.virDomain) -> bool:
    """On, and not suspended by whomever or by an error of its disks."""
    if not domain.isActive():
        return False
    paused = (libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PMSUSPENDED)
    return domain.state()[0] not in paused


def _off(domain: libvirt.virDomain) -> None:
    """Silent when it is off, or gone."""
    with told('stopping a worker VM'):
        try:
            if domain.isActive():
                domain.destroy()
        except libvirt.libvirtError as error:
            if code_of(error) not in (
                libvirt.VIR_ERR_NO_DOMAIN,
                libvirt.VIR_ERR_OPERATION_INVALID,
            ):
                raise


def _disks(root: ET.Element) -> Iterator[tuple[str, ET.Element]]:
    for disk in root.findall('./devices/disk'):
        target = disk.find('target')
        yield ('' if target is None else target.get('dev', '')), disk


def _file(root: ET.Element, wanted: str) -> pathlib.Path:
    """The file of a disk of its own; ``NotFound``."""
    for target, disk in _disks(root):
        source = disk.find('source')
        if target == wanted and source is not None:
            return pathlib.Path(source.get('file', ''))
    raise errors.NotFound(f'The worker VM has no disk {wanted} any more.')


def _console(root: ET.Element) -> pathlib.Path:
    log = root.find('./devices/serial/log')
    return pathlib.Path('' if log is None else log.get('file', ''))


def _plugged(root: ET.Element) -> Iterator[ET.Element]:
    """What is not its own."""
    for target, disk in _disks(root):
        if target not in (ROOT, SEED):
            yield disk


def _target(disk: ET.Element) -> str:
    target = disk.find('target')
    return '' if target is None else target.get('dev', '')


def _named(disk: ET.Element) -> tuple[str, str]:
    """(serial, file) of a disk."""
    source = disk.find('source')
    path = '' if source is None else source.get('file', '')
    return disk.findtext('serial', ''), path


def _free_targets(taken: Iterator[ET.Element]) -> Iterator[str]:
    used = {_target(disk) for disk in taken}
    index = 0
    while True:
        name = build.target_name(BUS, index)
        if name not in used:
            yield name
        index += 1


def _unplug(domain: libvirt.virDomain, disk: ET.Element) -> None:
    """Returns when QEMU has closed its file; ``Conflict`` when that does
    not happen."""
    target = _target(disk)
    with told('detaching a volume from a worker VM'):
        try:
            domain.detachDeviceFlags(
                ET.tostring(disk, encoding='unicode'),
                libvirt.VIR_DOMAIN_AFFECT_LIVE,
            )
            until = time.monotonic() + _UNPLUG_SECONDS
            while time.monotonic() < until:
                left = parse(domain.XMLDesc())
                if target not in [name for name, _ in _disks(left)]:
                    return
                time.sleep(_POLL_SECONDS)
        except libvirt.libvirtError as error:
            code = code_of(error)
            if code in (
                libvirt.VIR_ERR_NO_DOMAIN,
                libvirt.VIR_ERR_DEVICE_MISSING,
            ):
                return
            went_off = code == libvirt.VIR_ERR_OPERATION_INVALID
            if went_off and not domain.isActive():
                return
            raise
    raise errors.Conflict(f'The disk {target} stays in the worker VM.')
