# SPDX-License-Identifier: Apache-2.0
"""Boot loaders: the root file system by UUID, and a serial console."""

from __future__ import annotations

import re

from coriolis_ng.morphing.guest import Bootloader, Guest
from coriolis_ng.morphing.root import Root
from coriolis_ng.morphing.stages.base import Stage
from coriolis_ng.morphing.target import Target

DEFAULT_GRUB = '/etc/default/grub'
GRUB_CONFIGS = ('/boot/grub/grub.cfg', '/boot/grub2/grub.cfg')
DEVICE_MAP = '/boot/grub/device.map'
EXTLINUX_FOLDERS = ('/boot/extlinux', '/boot/syslinux')
EXTLINUX_FILES = ('/extlinux.conf', '/etc/default/extlinux')
# A kernel's name of a device; UUIDs and mapped names are not among them.
DEVICE_ROOT = re.compile(r'\broot=/dev/(?!mapper/|disk/)[a-z0-9]+')


class Grub(Stage):
    """Adapt /etc/default/grub and make grub.cfg anew by the guest's own
    update-grub, only if something in it depends on the old machine.

    Removes /boot/grub/device.map, and keeps os-prober from listing the
    systems of the worker machine.
    """

    name = 'grub'

    @classmethod
    def applies(cls, guest: Guest, target: Target) -> bool:  # noqa: ARG003
        """Where grub is the boot loader; whether its files fit shows when they
        are read."""
        return guest.bootloader is Bootloader.GRUB2

    def run(self, root: Root, guest: Guest, target: Target) -> None:
        """Names the root by UUID and adds the console, then has grub.cfg made
        anew if anything in it is stale; ``CommandFailed``."""
        changed = self._defaults(root, guest, target)
        if root.remove(DEVICE_MAP):
            self.note('Removed the old list of BIOS disks (device.map).')
        stale = any(
            DEVICE_ROOT.search(root.text(path)) for path in GRUB_CONFIGS
        )
        if not changed and not stale:
            self.note('grub.cfg already fits; it is not made anew.')
            return
        if guest.is_debian_like:
            root.run(['update-grub'])
        else:
            made = next(path for path in GRUB_CONFIGS if root.exists(path))
            root.run(['grub2-mkconfig', '-o', made])
        self._rooted_configs(root, guest)
        self.note('grub.cfg was made anew.')

    def _rooted_configs(self, root: Root, guest: Guest) -> None:
        # grub-mkconfig names the worker's device where the worker has no
        # link in /dev/disk/by-uuid for it.
        for path in GRUB_CONFIGS:
            old = root.text(path)
            new = rooted(old, guest)
            if new != old:
                root.write(path, new)
                self.note(f'{path} names the root file system by UUID.')

    def _defaults(self, root: Root, guest: Guest, target: Target) -> bool:
        old = root.text(DEFAULT_GRUB)
        if not old:
            return False
        lines = []
        for line in old.splitlines():
            name, found, value = line.partition('=')
            if found and name == 'GRUB_DISABLE_LINUX_UUID':
                continue
            if found and name.startswith('GRUB_CMDLINE_LINUX'):
                value = rooted(value, guest)
                if name == 'GRUB_CMDLINE_LINUX':
                    value = _with_console(value, old, target.console)
            lines.append(name + found + value)
        if not re.search(r'^GRUB_DISABLE_OS_PROBER=', old, re.MULTILINE):
            lines.append('GRUB_DISABLE_OS_PROBER=true')
        new = '\n'.join(lines) + '\n'
        if new == old:
            return False
        root.write(DEFAULT_GRUB, new)
        return True


class Extlinux(Stage):
    """Rewrite ``root=`` and add a console in extlinux' own files: there is
    no program to run, and nothing else is changed."""

    name = 'extlinux'

    @classmethod
    def applies(cls, guest: Guest, target: Target) -> bool:  # noqa: ARG003
        """Where extlinux is the boot loader."""
        return guest.bootloader is Bootloader.EXTLINUX

    def run(self, root: Root, guest: Guest, target: Target) -> None:
        """Mends the configuration files in place; there is nothing to make
        anew."""
        paths = list(EXTLINUX_FILES)
        for folder in EXTLINUX_FOLDERS:
            for name in root.list(folder):
                if name.endswith(('.conf', '.cfg')):
                    paths.append(f'{folder}/{name}')
        for path in paths:
            old = root.text(path)
            new = ''.join(
                _extlinux_line(line, guest, target.console)
                for line in old.splitlines(keepends=True)
            )
            if new != old:
                root.write(path, new)
                self.note(f'{path} now names the root file system by UUID.')


def rooted(text: str, guest: Guest) -> str:
    """``root=/dev/sda1`` as ``root=UUID=...`` where the UUID is known."""
    if guest.root is None or not guest.root.spec:
        return text
    return DEVICE_ROOT.sub(f'root={guest.root.spec}', text)


def _with_console(value: str, whole: str, console: str) -> str:
    """A quoted list of kernel arguments, with consoles if there are none."""
    if not console or 'console=' in whole:
        return value
    quote = value[:1] if value[:1] in ('"', "'") else '"'
    words = [*value.strip('"\' ').split(), *_consoles(console)]
    return quote + ' '.join(words) + quote


def _consoles(console: str) -> list[str]:
    # The last one is /dev/console: messages of the boot can be read from
    # outside, and the screen still shows the kernel's.
    return ['console=tty0', f'console={console},115200']


def _extlinux_line(line: str, guest: Guest, console: str) -> str:
    if not re.match(r'\s*(append|EXTLINUX_ROOT|EXTLINUX_PARAM)', line, re.I):
        return line
    line = rooted(line, guest)
    if not re.match(r'\s*append\b', line, re.I) or 'console=' in line:
        return line
    if not console:
        return line
    return ' '.join([line.rstrip('\n'), *_consoles(console)]) + '\n'
