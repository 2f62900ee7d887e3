# SPDX-License-Identifier: Apache-2.0
"""Reads libvirt's description of a machine.

The format is that of https://libvirt.org/formatdomain.html.
"""

from __future__ import annotations

import hashlib
import xml.etree.ElementTree as ET  # noqa: S405  # libvirt wrote it
from collections.abc import Iterator

from coriolis_ng.objects import Value
from coriolis_ng.objects.vm import Disk, Firmware, Nic, Power, Vm

NAMESPACE = 'urn:coriolis-ng:1'
AGENT = 'org.qemu.guest_agent.0'


class Facts(Value):
    """What libvirt says of a disk; ``path`` is a file, a block device or
    ``pool/volume``, '' for what only QEMU can reach."""

    target: str
    path: str
    format: str
    bus: str
    kind: str
    shareable: bool = False
    readonly: bool = False


def tag_of(root: ET.Element) -> tuple[str, str]:
    """(tag, role) that we gave a machine or network; ('', '') if none."""
    mark = root.find(f'./metadata/{{{NAMESPACE}}}made')
    if mark is None:
        return '', ''
    return mark.get('tag', ''), mark.get('role', '')


def metadata(tag: str, role: str) -> ET.Element:
    """The element that :func:`tag_of` reads."""
    root = ET.Element('metadata')
    ET.register_namespace('coriolis', NAMESPACE)
    ET.SubElement(root, f'{{{NAMESPACE}}}made', {'tag': tag, 'role': role})
    return root


def short(*words: str) -> str:
    """Twelve hex digits that stand for ``words``."""
    return hashlib.sha256('\0'.join(words).encode()).hexdigest()[:12]


def disks(root: ET.Element) -> Iterator[Facts]:
    """All hard disks: no CD, no floppy, no pass-through LUN."""
    for disk in root.findall('./devices/disk'):
        if disk.get('device', 'disk') != 'disk':
            continue
        target = disk.find('target')
        if target is None:
            continue
        driver = disk.find('driver')
        yield Facts(
            target=target.get('dev', ''),
            path=_path(disk),
            format='raw' if driver is None else driver.get('type', 'raw'),
            bus=target.get('bus', ''),
            kind=disk.get('type', ''),
            shareable=disk.find('shareable') is not None,
            readonly=disk.find('readonly') is not None,
        )


def passed_through(root: ET.Element) -> list[str]:
    """Target names of LUNs, which a snapshot of QEMU does not cover."""
    return [
        disk.find('target').get('dev', '')  # type: ignore[union-attr]
        for disk in root.findall("./devices/disk[@device='lun']")
        if disk.find('target') is not None
    ]


def _path(disk: ET.Element) -> str:
    source = disk.find('source')
    if source is None:
        return ''
    if source.get('pool'):
        return f'{source.get("pool")}/{source.get("volume")}'
    return source.get('file') or source.get('dev') or ''


def untracked(facts: Facts, version: int | None) -> str:
    """Why changes of this disk cannot be told; '' when they can.

    ``version`` is that of the qcow2 header, None where it is not known.
    """
    if facts.format != 'qcow2':
        return (
            f'a {facts.format} disk keeps no record of its changes '
            '(qcow2 does)'
        )
    if version is not None and version < 3:
        return 'qcow2 of version 2 keeps no record of its changes'
    return ''


def nics(root: ET.Element) -> tuple[Nic, ...]:
    """All network cards; ``network`` is what they are attached to."""
    found = []
    for nic in root.findall('./devices/interface'):
        mac, model = nic.find('mac'), nic.find('model')
        source = nic.find('source')
        where = {} if source is None else source.attrib
        network = next(
            (where[k] for k in ('network', 'bridge', 'dev') if k in where), ''
        )
        found.append(
            Nic(
                mac='' if mac is None else mac.get('address', ''),
                network=network,
                network_id=network,
                model='rtl8139' if model is None else model.get('type', ''),
            )
        )
    return tuple(found)


def has_agent(root: ET.Element) -> bool:
    """Whether the machine has the guest agent's channel."""
    return any(
        target.get('name') == AGENT
        for target in root.findall('./devices/channel/target')
    )


def firmware(root: ET.Element) -> tuple[Firmware, bool]:
    """(firmware, secure boot)."""
    os = root.find('os')
    loader = root.find('./os/loader')
    efi = (os is not None and os.get('firmware') == 'efi') or (
        loader is not None and loader.get('type') == 'pflash'
    )
    secure = loader is not None and loader.get('secure') == 'yes'
    feature = root.find("./os/firmware/feature[@name='secure-boot']")
    if feature is not None:
        secure = secure or feature.get('enabled') == 'yes'
    return (Firmware.EFI if efi else Firmware.BIOS), secure


def os_type(root: ET.Element) -> str:
    """``windows`` where the machine's maker said so, else ``linux``."""
    for element in root.iter():
        if element.tag.endswith('}os') and 'microsoft' in element.get(
            'id', ''
        ):
            return 'windows'
    if root.find('./features/hyperv') is not None:
        return 'windows'
    return 'linux'


def machine(root: ET.Element, found: tuple[Disk, ...], power: Power) -> Vm:
    """The machine, with disks that were measured elsewhere."""
    kind, secure = firmware(root)
    vcpu = root.find('vcpu')
    cpus = 1
    if vcpu is not None:
        cpus = int(vcpu.get('current') or vcpu.text or 1)
    board = root.find('./os/type')
    return Vm(
        id=root.findtext('uuid', ''),
        name=root.findtext('name', ''),
        cpus=cpus,
        # libvirt always answers in KiB.
        memory=int(root.findtext('memory', '0')) << 10,
        firmware=kind,
        power=power,
        os_type=os_type(root),
        machine='' if board is None else board.get('machine', ''),
        secure_boot=secure,
        guest_agent=has_agent(root),
        disks=found,
        nics=nics(root),
    )


def owner(root: ET.Element) -> tuple[int, int] | None:
    """(uid, gid) that a running machine's QEMU has, None if not said."""
    label = root.findtext("./seclabel[@model='dac']/label", '')
    user, _, group = label.partition(':')
    try:
        return int(user.lstrip('+')), int(group.lstrip('+'))
    except ValueError:
        return None
