# SPDX-License-Identifier: Apache-2.0
"""What is known of a guest before anything in it is changed."""

from __future__ import annotations

import enum

from coriolis_ng.objects import Value
from coriolis_ng.objects.vm import Firmware


class Bootloader(enum.StrEnum):
    """What starts the guest's kernel; NONE when nothing known was found."""

    GRUB2 = 'grub2'
    EXTLINUX = 'extlinux'
    NONE = 'none'


class Stack(enum.StrEnum):
    """Who configures the guest's network; several may be in use."""

    IFUPDOWN = 'ifupdown'
    NETWORKD = 'systemd-networkd'
    NETPLAN = 'netplan'
    NETWORKMANAGER = 'networkmanager'


class FileSystem(Value):
    """A file system or swap area on the guest's disks.

    ``device`` is its name on the worker; ``disk`` the index of its disk in
    boot order, -1 for a volume over several; ``partition`` its number, 0 for
    a whole disk; ``part_type`` the type in the partition table.
    """

    device: str
    disk: int
    type: str
    partition: int = 0
    uuid: str = ''
    label: str = ''
    partuuid: str = ''
    part_type: str = ''

    @property
    def spec(self) -> str:
        """How fstab names it whatever the bus is."""
        return f'UUID={self.uuid}' if self.uuid else ''


class Kernel(Value):
    """A kernel and the drivers of interest that it has before its root file
    system is mounted: built in, or in its initrd. ``initrd`` is empty when
    there is none, ``unreadable`` says why its content is not known."""

    version: str
    image: str
    initrd: str = ''
    early: tuple[str, ...] = ()
    unreadable: str = ''

    def missing(self, drivers: tuple[str, ...]) -> tuple[str, ...]:
        """Those of ``drivers`` that it has not before the root is mounted."""
        return tuple(name for name in drivers if name not in self.early)


class Guest(Value):
    """Typed facts; ``root`` is the root file system, ``file_systems`` all
    that the guest's disks hold. ``tools`` are installed packages of some
    hypervisor."""

    family: str
    distro: str = ''
    distro_like: tuple[str, ...] = ()
    version: str = ''
    name: str = ''
    arch: str = ''
    firmware: Firmware = Firmware.BIOS
    bootloader: Bootloader = Bootloader.NONE
    init: str = ''
    network: tuple[Stack, ...] = ()
    package_tool: str = ''
    kernels: tuple[Kernel, ...] = ()
    tools: tuple[str, ...] = ()
    cloud_init: str = ''
    root: FileSystem | None = None
    file_systems: tuple[FileSystem, ...] = ()

    @property
    def is_linux(self) -> bool:
        """Whether the stages for Linux may look at it."""
        return self.family == 'linux'

    @property
    def is_debian_like(self) -> bool:
        """Debian itself, or what says in os-release that it is like it."""
        return 'debian' in (self.distro, *self.distro_like)

    def file_system(self, spec: str) -> FileSystem | None:
        """What an fstab-like name means: by UUID, LABEL, PARTUUID, a link
        of /dev/disk, or a kernel name of a disk in boot order."""
        return _find(spec, self.file_systems)


HYPERVISOR_TOOLS = {
    'open-vm-tools': 'vmware',
    'open-vm-tools-desktop': 'vmware',
    'open-vm-tools-sdmp': 'vmware',
    'hyperv-daemons': 'hyperv',
    'linux-cloud-tools-virtual': 'hyperv',
    'walinuxagent': 'azure',
    'xe-guest-utilities': 'xenserver',
    'virtualbox-guest-utils': 'virtualbox',
    'virtualbox-guest-x11': 'virtualbox',
    'google-guest-agent': 'gcp',
    'google-compute-engine': 'gcp',
}
"""Package names of guest tools, and the hypervisor that wants them."""

DRIVERS_OF_INTEREST = (
    'virtio_pci',
    'virtio_blk',
    'virtio_scsi',
    'virtio_net',
    'sd_mod',
    'ahci',
    'ata_piix',
    'nvme',
    'ext4',
    'xfs',
    'btrfs',
)

_LINKS = {
    '/dev/disk/by-uuid/': 'UUID=',
    '/dev/disk/by-label/': 'LABEL=',
    '/dev/disk/by-partuuid/': 'PARTUUID=',
}


def _find(spec: str, known: tuple[FileSystem, ...]) -> FileSystem | None:
    for folder, word in _LINKS.items():
        if spec.startswith(folder):
            spec = word + spec.removeprefix(folder)
    word, found, value = spec.partition('=')
    if found:
        field = word.lower()
        if field not in ('uuid', 'label', 'partuuid'):
            return None
        wanted = value.strip('"')
        for one in known:
            have = getattr(one, field)
            same = (
                have.lower() == wanted.lower()
                if field != 'label'
                else have == wanted
            )
            if have and same:
                return one
        return None
    place = device_place(spec)
    for one in known:
        if (one.disk, one.partition) == place:
            return one
    return None


def device_place(name: str) -> tuple[int, int] | None:
    """(index of the disk, partition or 0) of a kernel's device name such as
    ``/dev/sda1``, ``/dev/xvdb`` or ``/dev/nvme0n1p2``; None for others."""
    short = name.removeprefix('/dev/')
    if short == name:
        return None
    if short.startswith('nvme'):
        disk, _, rest = short.removeprefix('nvme').partition('n1')
        part = rest.removeprefix('p')
        if disk.isdigit() and (not rest or part.isdigit()):
            return int(disk), int(part or 0)
        return None
    for prefix in ('xvd', 'sd', 'vd', 'hd'):
        rest = short.removeprefix(prefix)
        letter = rest[:1]
        if rest != short and letter.isalpha() and letter.islower():
            number = rest[1:]
            if not number or number.isdigit():
                return ord(letter) - ord('a'), int(number or 0)
    return None
