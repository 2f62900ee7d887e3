# SPDX-License-Identifier: Apache-2.0
"""What programs inside the guest need of the running kernel."""

from __future__ import annotations

from coriolis_ng.morphing.mounts.file_systems import Mounts
from coriolis_ng.morphing.root import Root


def mount(mounts: Mounts, root: Root) -> None:
    """/proc, /sys, /dev and an empty /run below the guest's root.

    /run is not the worker's: a package's script that talks to systemd or
    D-Bus there would talk to the worker. Only udev's database is shared,
    for programs that ask it about disks.
    """
    top = mounts.top
    mounts.mount(['-t', 'proc', 'proc'], f'{top}/proc')
    mounts.mount(['-t', 'sysfs', '-o', 'ro', 'sysfs'], f'{top}/sys')
    mounts.mount(['--bind', '/dev'], f'{top}/dev')
    mounts.mount(['--bind', '/dev/pts'], f'{top}/dev/pts')
    if mounts.mount(['-t', 'tmpfs', 'tmpfs'], f'{top}/run'):
        here = Root(root.worker, '/')
        if here.exists('/run/udev/data'):
            root.write('/run/udev/.made', b'')
            mounts.mount(
                ['--bind', '-o', 'ro', '/run/udev'], f'{top}/run/udev'
            )
