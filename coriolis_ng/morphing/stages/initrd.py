# SPDX-License-Identifier: Apache-2.0
"""The drivers of the new machine's disks, before the root is mounted."""

from __future__ import annotations

from coriolis_ng import errors
from coriolis_ng.morphing.guest import Guest, Kernel
from coriolis_ng.morphing.inspect import kernel_modules, kernels
from coriolis_ng.morphing.root import Root
from coriolis_ng.morphing.stages.base import Stage
from coriolis_ng.morphing.target import DISK_DRIVERS, Target

MODULES = '/etc/initramfs-tools/modules'
REBUILD_SECONDS = 1800.0


class Initrd(Stage):
    """Rebuild initrds that lack drivers of the target's disks, by the
    guest's own tools, and name the drivers in initramfs-tools/modules.

    Nothing is rebuilt without need: it takes minutes on an emulated worker.
    A kernel that does not have the driver at all is left alone; when that
    is true of every kernel, the guest cannot boot and the stage fails.
    """

    name = 'initrd'

    @classmethod
    def applies(cls, guest: Guest, target: Target) -> bool:
        """Where a kernel lacks a driver of the new disks, or a rebuild is
        forced."""
        drivers = DISK_DRIVERS.get(target.disk_bus, ())
        return bool(guest.kernels) and (
            target.force_initrd
            or any(kernel.missing(drivers) for kernel in guest.kernels)
        )

    def run(self, root: Root, guest: Guest, target: Target) -> None:
        """Rebuilds what still lacks one, in the guest's own chroot, and checks
        the result; ``Unsupported`` when a kernel could not boot."""
        drivers = DISK_DRIVERS.get(target.disk_bus, ())
        wanted = [
            kernel
            for kernel in kernels(root)  # an earlier stage may have rebuilt
            if target.force_initrd or kernel.missing(drivers)
        ]
        if not wanted:
            return
        self._name_drivers(root, guest, drivers)
        for kernel in wanted:
            if self._has(root, kernel, drivers):
                self._rebuild(root, guest, kernel.version)
        self._check(root, drivers)

    def _name_drivers(
        self, root: Root, guest: Guest, drivers: tuple[str, ...]
    ) -> None:
        if not guest.is_debian_like:
            return
        old = root.text(MODULES)
        have = {line.strip() for line in old.splitlines()}
        new = [name for name in drivers if name not in have]
        if new:
            gap = '' if not old or old.endswith('\n') else '\n'
            root.write(MODULES, old + gap + '\n'.join(new) + '\n')

    def _has(
        self, root: Root, kernel: Kernel, drivers: tuple[str, ...]
    ) -> bool:
        have = kernel_modules(root, kernel.version, 'modules.dep')
        lacking = [n for n in kernel.missing(drivers) if n not in have]
        if lacking:
            self.note(
                f'Kernel {kernel.version} has no driver '
                f'{", ".join(lacking)}; it is left as it is.'
            )
        return not lacking

    def _rebuild(self, root: Root, guest: Guest, version: str) -> None:
        self.note(f'Rebuilding the initrd of {version}.')
        if guest.is_debian_like:
            # -c as well makes one where a kernel has none.
            have = root.exists(f'/boot/initrd.img-{version}')
            command = ['update-initramfs', '-u' if have else '-c']
            command += ['-k', version]
        else:
            command = ['dracut', '-f', '--kver', version]
        root.run(command, timeout=REBUILD_SECONDS)

    def _check(self, root: Root, drivers: tuple[str, ...]) -> None:
        now = kernels(root)
        if any(not kernel.missing(drivers) for kernel in now):
            return
        if any(kernel.unreadable for kernel in now):
            self.note('The new initrd cannot be read here; it is trusted.')
            return
        raise errors.Unsupported(
            "No kernel of the guest has the drivers of the target's disks: "
            f'{", ".join(drivers)}.',
            detail=repr(now),
        )
