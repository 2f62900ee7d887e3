# SPDX-License-Identifier: Apache-2.0
"""File systems by name instead of by place."""

from __future__ import annotations

import re

from coriolis_ng.morphing.guest import FileSystem, Guest
from coriolis_ng.morphing.root import Root
from coriolis_ng.morphing.stages.base import Stage
from coriolis_ng.morphing.target import Target

FSTAB = '/etc/fstab'
RESUME = '/etc/initramfs-tools/conf.d/resume'
# By UUID on the target as well as on the source.
STABLE = (
    'UUID=',
    'LABEL=',
    'PARTUUID=',
    'PARTLABEL=',
    '/dev/disk/by-uuid/',
    '/dev/disk/by-label/',
    '/dev/disk/by-part',
    '/dev/mapper/',
)


class Fstab(Stage):
    """Name file systems and swap by UUID in /etc/fstab, and the swap area
    to resume from in initramfs-tools: device names change with the bus.

    An entry is changed only when the file system that it means is surely
    known: its place and its type agree.
    """

    name = 'fstab'

    @classmethod
    def applies(cls, guest: Guest, target: Target) -> bool:  # noqa: ARG003
        """For every Linux guest."""
        return guest.is_linux

    def run(
        self,
        root: Root,
        guest: Guest,
        target: Target,  # noqa: ARG002
    ) -> None:
        """Rewrites the lines that name a device by its place; others stay as
        they are, byte by byte."""
        old = root.text(FSTAB)
        new = ''.join(
            self._line(line, guest) for line in old.splitlines(keepends=True)
        )
        if new != old:
            root.write(FSTAB, new)
        self._resume(root, guest)

    def _line(self, line: str, guest: Guest) -> str:
        found = re.match(r'(\s*)(\S+)(\s+)(\S+)(\s+)(\S+)', line)
        if not found or found[2].startswith('#'):
            return line
        spec, where, kind = found[2], found[4], found[6]
        if spec.startswith(STABLE) or not spec.startswith('/dev/'):
            return line
        known = _meant(spec, where, kind, guest)
        if known is None or not known.spec:
            if 'noauto' not in line and 'nofail' not in line:
                self.note(
                    f'fstab: {spec} on {where} is not known by its UUID and '
                    'is left as it is.'
                )
            return line
        self.note(f'fstab: {spec} on {where} is now {known.spec}.')
        return line.replace(spec, known.spec, 1)

    def _resume(self, root: Root, guest: Guest) -> None:
        old = root.text(RESUME)
        found = re.search(r'^RESUME=(/dev/\S+)', old, re.MULTILINE)
        if not found or found[1].startswith(STABLE):
            return
        known = _meant(found[1], 'none', 'swap', guest)
        if known is not None and known.spec:
            root.write(RESUME, old.replace(found[1], known.spec, 1))
            self.note(f'Resume from {found[1]} is now from {known.spec}.')


def _meant(
    spec: str, where: str, kind: str, guest: Guest
) -> FileSystem | None:
    if where == '/':
        return guest.root
    known = guest.file_system(spec)
    if known is None or kind not in ('auto', known.type):
        return None
    return known
