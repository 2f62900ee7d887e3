# SPDX-License-Identifier: Apache-2.0
"""Writes libvirt's description of a machine.

The format is that of https://libvirt.org/formatdomain.html.
"""

from __future__ import annotations

import hashlib
import pathlib
import xml.etree.ElementTree as ET  # noqa: S405  # we write it
from collections.abc import Mapping, Sequence

from coriolis_ng.objects import Value
from coriolis_ng.objects.vm import Firmware
from coriolis_ng.providers.kvm import domainxml

MODES = ('host-model', 'host-passthrough', 'maximum')


class NewDisk(Value):
    """One disk of a new machine: ``path`` on the host, ``target`` such as vda;
    empty strings leave the choice to libvirt."""

    path: str
    target: str
    format: str = 'qcow2'
    bus: str = 'virtio'
    serial: str = ''
    readonly: bool = False
    cache: str = ''


class NewNic(Value):
    """``link`` is false for a cable that is not plugged in."""

    mac: str
    network: str
    bridge: bool = False
    link: bool = True


class NewDomain(Value):
    """A machine to be; ``memory`` in bytes. With ``hot_plug`` disks of the
    bus scsi may come and go while it runs."""

    name: str
    uuid: str
    tag: str
    role: str
    cpus: int
    memory: int
    domain_type: str
    machine: str
    cpu_mode: str
    disks: tuple[NewDisk, ...]
    nics: tuple[NewNic, ...]
    firmware: Firmware = Firmware.BIOS
    secure_boot: bool = False
    agent: bool = False
    hot_plug: bool = False
    console: str = ''
    title: str = ''


def serial_of(disk_id: str) -> str:
    """What finds a disk inside a worker VM: at most 20 characters, which
    is all that virtio-blk passes on."""
    if len(disk_id) <= 12 and disk_id.isalnum():
        return f'cng-{disk_id}'
    return 'cng-' + hashlib.sha256(disk_id.encode()).hexdigest()[:12]


def mac_of(*words: str) -> str:
    """A MAC address that stands for ``words``."""
    digits = hashlib.sha256('\0'.join(words).encode()).hexdigest()[:6]
    return '52:54:00:' + ':'.join(digits[i : i + 2] for i in (0, 2, 4))


def target_name(bus: str, index: int) -> str:
    """``vda``, ``sdb``, ... for the disk of that index (0-based)."""
    letters = ''
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(ord('a') + rest) + letters
    return ('vd' if bus == 'virtio' else 'sd') + letters


def xml(domain: NewDomain) -> str:
    """The whole description."""
    root = ET.Element('domain', {'type': domain.domain_type})
    _text(root, 'name', domain.name)
    _text(root, 'uuid', domain.uuid)
    if domain.title:
        _text(root, 'title', domain.title)
    root.append(domainxml.metadata(domain.tag, domain.role))
    _text(root, 'memory', str(domain.memory >> 10), unit='KiB')
    _text(root, 'vcpu', str(domain.cpus))
    _os(root, domain)
    _features(root, domain)
    _text(root, 'on_poweroff', 'destroy')
    _text(root, 'on_reboot', 'restart')
    _text(root, 'on_crash', 'destroy')
    devices = ET.SubElement(root, 'devices')
    for index, disk in enumerate(domain.disks):
        _disk(devices, disk, index)
    if domain.hot_plug or any(disk.bus == 'scsi' for disk in domain.disks):
        _sub(devices, 'controller', type='scsi', model='virtio-scsi')
    for nic in domain.nics:
        _nic(devices, nic)
    _console(devices, domain.console)
    if domain.agent:
        channel = _sub(devices, 'channel', type='unix')
        _sub(channel, 'target', type='virtio', name=domainxml.AGENT)
    rng = _sub(devices, 'rng', model='virtio')
    _text(rng, 'backend', '/dev/urandom', model='random')
    return ET.tostring(root, encoding='unicode')


def disk_xml(disk: NewDisk) -> str:
    """One disk by itself, for a machine that runs; it does not boot from
    it."""
    devices = ET.Element('devices')
    _disk(devices, disk, index=1)
    return ET.tostring(devices[0], encoding='unicode')


def _os(root: ET.Element, domain: NewDomain) -> None:
    os = ET.SubElement(root, 'os')
    if domain.firmware is Firmware.EFI:
        os.set('firmware', 'efi')
        firmware = ET.SubElement(os, 'firmware')
        wanted = 'yes' if domain.secure_boot else 'no'
        for name in ('secure-boot', 'enrolled-keys'):
            _sub(firmware, 'feature', enabled=wanted, name=name)
    _text(os, 'type', 'hvm', arch='x86_64', machine=domain.machine)


def _features(root: ET.Element, domain: NewDomain) -> None:
    features = ET.SubElement(root, 'features')
    ET.SubElement(features, 'acpi')
    ET.SubElement(features, 'apic')
    if domain.secure_boot:
        _sub(features, 'smm', state='on')
    if domain.cpu_mode in MODES:
        _sub(root, 'cpu', mode=domain.cpu_mode)
        return
    cpu = _sub(root, 'cpu', mode='custom', match='exact', check='none')
    _text(cpu, 'model', domain.cpu_mode)
    # QEMU's own models claim it, and no emulator here can do it.
    _sub(cpu, 'feature', policy='disable', name='svm')


def _disk(devices: ET.Element, disk: NewDisk, index: int) -> None:
    element = _sub(devices, 'disk', type='file', device='disk')
    driver = {'name': 'qemu', 'type': disk.format, 'discard': 'unmap'}
    if disk.cache:
        driver['cache'] = disk.cache
    ET.SubElement(element, 'driver', driver)
    _sub(element, 'source', file=disk.path)
    _sub(element, 'target', dev=disk.target, bus=disk.bus)
    if disk.serial:
        _text(element, 'serial', disk.serial)
    if disk.readonly:
        ET.SubElement(element, 'readonly')
    if index == 0:
        _sub(element, 'boot', order='1')


def _nic(devices: ET.Element, nic: NewNic) -> None:
    kind = 'bridge' if nic.bridge else 'network'
    element = _sub(devices, 'interface', type=kind)
    _sub(element, 'mac', address=nic.mac)
    ET.SubElement(element, 'source', {kind: nic.network})
    _sub(element, 'model', type='virtio')
    # No network boot: looking for one costs seconds of each start.
    _sub(element, 'rom', enabled='no')
    if not nic.link:
        _sub(element, 'link', state='down')


def _console(devices: ET.Element, log: str) -> None:
    serial = _sub(devices, 'serial', type='pty')
    if log:
        _sub(serial, 'log', file=log, append='off')
    _sub(serial, 'target', port='0')


def _sub(parent: ET.Element, tag: str, /, **attributes: str) -> ET.Element:
    return ET.SubElement(parent, tag, attributes)


def _text(
    parent: ET.Element, tag: str, text: str, /, **attributes: str
) -> ET.Element:
    element = _sub(parent, tag, **attributes)
    element.text = text
    return element


def disks_of(
    paths: Mapping[str, pathlib.Path], bus: str, first: int = 0
) -> tuple[NewDisk, ...]:
    """Disks in the order of ``paths`` (disk id -> file), with serials."""
    return tuple(
        NewDisk(
            path=str(path),
            target=target_name(bus, first + index),
            bus=bus,
            serial=serial_of(disk_id),
        )
        for index, (disk_id, path) in enumerate(paths.items())
    )


def named(networks: Sequence[str], macs: Sequence[str]) -> tuple[NewNic, ...]:
    """Cards on libvirt networks, one for each MAC address."""
    return tuple(
        NewNic(mac=mac, network=network)
        for mac, network in zip(macs, networks, strict=True)
    )
