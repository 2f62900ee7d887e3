# SPDX-License-Identifier: Apache-2.0
"""Checks, mounts and unmounts file systems under one folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from coriolis_ng import errors
from coriolis_ng.morphing.guest import FileSystem, Guest
from coriolis_ng.morphing.root import Root, Worker, run_on

EXT = ('ext2', 'ext3', 'ext4')
KNOWN = (*EXT, 'xfs', 'btrfs')
MOUNTABLE = (*KNOWN, 'vfat')
CHECK_SECONDS = 1800.0
NETWORK = ('nfs', 'nfs4', 'cifs', 'ceph', 'glusterfs', 'fuse.sshfs')


class Mounts:
    """What is mounted below ``top``, in order; ``close`` undoes it."""

    def __init__(
        self, worker: Worker, top: str, note: Callable[[str], None]
    ) -> None:
        self.worker = worker
        self.top = top
        self.note = note
        self._done: list[str] = []

    def mount(self, argv: Sequence[str], path: str) -> bool:
        """``mount ARGV PATH``; whether it worked."""
        ran = run_on(self.worker, ['mount', *argv, path], check=False)
        if ran.status == 0:
            self._done.append(path)
            return True
        self.note(
            f'{argv[-1]} cannot be mounted: '
            f'{(ran.stderr.strip().splitlines() or ["?"])[0]}'
        )
        return False

    def mount_device(
        self, one: FileSystem, path: str, options: Sequence[str] = ()
    ) -> bool:
        """Check a file system, then mount it read-write."""
        if one.type in EXT:
            # 1 and 2: errors were corrected. A journal is replayed here.
            ran = run_on(
                self.worker,
                ['e2fsck', '-p', one.device],
                check=False,
                timeout=CHECK_SECONDS,
            )
            if ran.status > 2:
                self.note(f'{one.device} has errors that fsck leaves.')
        given = ','.join(['noatime', *options])
        return self.mount(['-t', one.type, '-o', given, one.device], path)

    def try_root(self, one: FileSystem, options: Sequence[str]) -> bool:
        """Mount at the top; stays there when it is a root file system."""
        if not self.mount_device(one, self.top, options):
            return False
        if is_root(Root(self.worker, self.top).list('/')):
            return True
        self.unmount()
        return False

    def by_fstab(
        self,
        root: Root,
        root_fs: FileSystem,
        found: Sequence[FileSystem],
    ) -> None:
        """Mount the other local file systems of the guest's fstab.

        What is not found or not known is skipped with a note: a data disk
        that is not part of the replica must not stop the rest.
        """
        known = tuple(found)
        done = {'/'}
        for spec, where, kind, options in fstab_entries(
            root.text('/etc/fstab')
        ):
            if kind in NETWORK or where in done or 'noauto' in options:
                continue
            one = find(spec, known)
            if one is None or one.type not in MOUNTABLE:
                if one is None and spec.startswith(('UUID', 'LABEL', '/dev')):
                    self.note(f'{spec} on {where} is not on the disks.')
                continue
            if one.device == root_fs.device and one.type != 'btrfs':
                continue
            if self.mount_inside(root, one, where, _subvolume(options)):
                done.add(where)
        if '/boot' not in done and not _has_kernel(root.list('/boot')):
            self._boot_by_content(root, root_fs, known)

    def mount_inside(
        self,
        root: Root,
        one: FileSystem,
        where: str,
        options: Sequence[str] = (),
    ) -> bool:
        """Mount at a path of the guest; its links are resolved inside."""
        if not root.exists(where):
            run_on(self.worker, ['mkdir', '-p', '--', self._inside(where)])
        return self.mount_device(one, self._inside(where), options)

    def unmount(self) -> None:
        """Undo the last mount; never fails, says what it had to do."""
        path = self._done.pop()
        script = 'umount "$1" 2>/dev/null || { sleep 0.3; umount "$1"; }'
        argv = ['sh', '-c', script, 'umount', path]
        if run_on(self.worker, argv, check=False).status == 0:
            return
        killed = self.worker.call('kill_inside', self.top)
        if run_on(self.worker, argv, check=False).status == 0:
            self.note(f'{killed} programs still ran inside the guest.')
            return
        run_on(self.worker, ['umount', '-l', path], check=False)
        self.note(f'{path} was busy and is unmounted when it no longer is.')

    def close(self) -> None:
        """Unmount everything in reverse. Without a connection there is
        nothing to do: the namespace went with it."""
        try:
            while self._done:
                self.unmount()
        except (errors.Unreachable, errors.Canceled):
            self._done.clear()

    def _inside(self, where: str) -> str:
        return str(self.worker.call('real', self.top, where))

    def _boot_by_content(
        self,
        root: Root,
        root_fs: FileSystem,
        known: Sequence[FileSystem],
    ) -> None:
        for one in known:
            if one.type not in EXT or one.device == root_fs.device:
                continue
            if not self.mount_inside(root, one, '/boot'):
                continue
            if _has_kernel(root.list('/boot')):
                self.note(f'{one.device} is mounted on /boot: it has kernels.')
                return
            self.unmount()


def is_root(names: Sequence[str]) -> bool:
    """Whether a file system with these names at its top is a root."""
    have = set(names)
    return {'etc', 'boot'} <= have and bool(
        'usr' in have or {'bin', 'sbin'} <= have
    )


def fstab_entries(text: str) -> list[tuple[str, str, str, list[str]]]:
    """(spec, mount point, type, options) of fstab(5), parents first."""
    made = []
    for line in text.splitlines():
        words = line.split()
        if len(words) < 3 or words[0].startswith('#'):
            continue
        if words[1].startswith('/'):
            where = words[1].replace('\\040', ' ')
            where = '/' + where.strip('/')
            options = words[3].split(',') if len(words) > 3 else []
            made.append((words[0], where, words[2], options))
    return sorted(made, key=lambda one: (one[1].count('/'), one[1]))


def find(spec: str, known: tuple[FileSystem, ...]) -> FileSystem | None:
    """The file system that an fstab entry means."""
    for one in known:
        if one.device == spec and spec.startswith('/dev/mapper/'):
            return one
    return Guest(family='linux', file_systems=known).file_system(spec)


def _has_kernel(names: Sequence[str]) -> bool:
    return any(name.startswith('vmlinu') for name in names)


def _subvolume(options: Sequence[str]) -> list[str]:
    return [word for word in options if word.startswith('subvol')]
