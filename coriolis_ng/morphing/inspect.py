# SPDX-License-Identifier: Apache-2.0
"""Looks at a mounted guest and says what it is; changes nothing."""

from __future__ import annotations

from collections.abc import Sequence

from coriolis_ng import errors
from coriolis_ng.morphing.guest import (
    DRIVERS_OF_INTEREST,
    HYPERVISOR_TOOLS,
    Bootloader,
    FileSystem,
    Guest,
    Kernel,
    Stack,
)
from coriolis_ng.morphing.root import Root
from coriolis_ng.objects.vm import Firmware

DPKG_STATUS = '/var/lib/dpkg/status'
PACKAGE_TOOLS = {
    'apt': ('/usr/bin/apt-get',),
    'dnf': ('/usr/bin/dnf',),
    'yum': ('/usr/bin/yum',),
    'zypper': ('/usr/bin/zypper',),
}
INITRD_NAMES = (
    'initrd.img-{0}',
    'initramfs-{0}.img',
    'initrd-{0}',
)
WANTS = '/etc/systemd/system/multi-user.target.wants/'


def inspect(
    root: Root,
    file_systems: Sequence[FileSystem] = (),
    root_file_system: FileSystem | None = None,
) -> Guest:
    """The facts of the guest that is mounted at ``root``.

    Raises ``Unsupported`` when it is not a Linux that can be recognised.
    """
    release = os_release(root)
    if not release.get('ID'):
        raise errors.Unsupported(
            'The operating system on the disks is not recognised: there is '
            'no os-release file in it.'
        )
    packages = dpkg_packages(root.text(DPKG_STATUS))
    return Guest(
        family='linux',
        distro=release['ID'],
        distro_like=tuple(release.get('ID_LIKE', '').split()),
        version=release.get('VERSION_ID', ''),
        name=release.get('PRETTY_NAME', release['ID']),
        arch=packages.get('dpkg', ('', ''))[1],
        firmware=_firmware(root, file_systems),
        bootloader=_bootloader(root),
        init=_init(root),
        network=_network(root, packages),
        package_tool=_package_tool(root),
        kernels=kernels(root),
        tools=tuple(name for name in HYPERVISOR_TOOLS if name in packages),
        cloud_init=packages.get('cloud-init', ('', ''))[0],
        root=root_file_system,
        file_systems=tuple(file_systems),
    )


def os_release(root: Root) -> dict[str, str]:
    """The fields of os-release(5), unquoted; empty without the file."""
    text = root.text('/etc/os-release') or root.text('/usr/lib/os-release')
    fields = {}
    for line in text.splitlines():
        name, found, value = line.strip().partition('=')
        if found and not name.startswith('#'):
            fields[name] = value.strip('"\'')
    return fields


def dpkg_packages(status: str) -> dict[str, tuple[str, str]]:
    """name -> (version, architecture) of what dpkg has installed."""
    found = {}
    for block in status.split('\n\n'):
        fields = {}
        for line in block.splitlines():
            name, colon, value = line.partition(': ')
            if colon and not line.startswith(' '):
                fields[name] = value
        if fields.get('Status', '').endswith(' installed'):
            found[fields.get('Package', '')] = (
                fields.get('Version', ''),
                fields.get('Architecture', ''),
            )
    return found


def kernels(root: Root) -> tuple[Kernel, ...]:
    """The kernels in /boot that have modules, newest name last."""
    boot = root.list('/boot')
    found = []
    for name in boot:
        if not name.startswith('vmlinuz-'):
            continue
        version = name.removeprefix('vmlinuz-')
        initrd = ''
        for form in INITRD_NAMES:
            if form.format(version) in boot:
                initrd = '/boot/' + form.format(version)
                break
        found.append(_kernel(root, version, f'/boot/{name}', initrd))
    return tuple(found)


def kernel_modules(root: Root, version: str, list_name: str) -> set[str]:
    """Names in ``modules.builtin`` or ``modules.dep`` of a kernel."""
    text = root.text(f'/lib/modules/{version}/{list_name}')
    return {
        module_name(line.partition(':')[0])
        for line in text.splitlines()
        if line.strip()
    }


def module_name(path: str) -> str:
    """``.../virtio-blk.ko.xz`` is the module ``virtio_blk``."""
    return path.rpartition('/')[2].partition('.ko')[0].replace('-', '_')


def _kernel(root: Root, version: str, image: str, initrd: str) -> Kernel:
    early = kernel_modules(root, version, 'modules.builtin')
    unreadable = ''
    if initrd:
        try:
            names = root.initrd_names(initrd)
        except (errors.Unsupported, OSError) as error:
            unreadable = str(error)
        else:
            early |= {module_name(name) for name in names if '.ko' in name}
    return Kernel(
        version=version,
        image=image,
        initrd=initrd,
        early=tuple(name for name in DRIVERS_OF_INTEREST if name in early),
        unreadable=unreadable,
    )


def _firmware(root: Root, file_systems: Sequence[FileSystem]) -> Firmware:
    if root.list('/boot/efi/EFI'):
        return Firmware.EFI
    mounted = any(
        line.split()[1:2] == ['/boot/efi']
        for line in root.text('/etc/fstab').splitlines()
        if not line.lstrip().startswith('#')
    )
    has_fat = any(one.type == 'vfat' for one in file_systems)
    return Firmware.EFI if mounted and has_fat else Firmware.BIOS


def _bootloader(root: Root) -> Bootloader:
    for path in ('/boot/grub/grub.cfg', '/boot/grub2/grub.cfg'):
        if root.exists(path):
            return Bootloader.GRUB2
    for path in ('/boot/extlinux', '/extlinux.conf', '/boot/syslinux'):
        if root.exists(path):
            return Bootloader.EXTLINUX
    return Bootloader.NONE


def _init(root: Root) -> str:
    for path in ('/lib/systemd/systemd', '/usr/lib/systemd/systemd'):
        if root.exists(path):
            return 'systemd'
    return 'sysvinit' if root.exists('/etc/inittab') else ''


def _network(
    root: Root, packages: dict[str, tuple[str, str]]
) -> tuple[Stack, ...]:
    found = []
    if any(name.endswith('.yaml') for name in root.list('/etc/netplan')):
        found.append(Stack.NETPLAN)
    if root.kind(WANTS + 'NetworkManager.service') is not None:
        found.append(Stack.NETWORKMANAGER)
    # netplan starts networkd by itself, without enabling it.
    if root.kind(WANTS + 'systemd-networkd.service') is not None:
        found.append(Stack.NETWORKD)
    if 'ifupdown' in packages or (not packages and root.exists('/sbin/ifup')):
        found.append(Stack.IFUPDOWN)
    return tuple(found)


def _package_tool(root: Root) -> str:
    for tool, paths in PACKAGE_TOOLS.items():
        if any(root.exists(path) for path in paths):
            return tool
    return ''
