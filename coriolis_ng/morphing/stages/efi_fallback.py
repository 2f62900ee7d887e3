# SPDX-License-Identifier: Apache-2.0
"""A machine with new, empty EFI variables must find its boot loader."""

from __future__ import annotations

from coriolis_ng.morphing.guest import Guest
from coriolis_ng.morphing.root import Root
from coriolis_ng.morphing.stages.base import Stage
from coriolis_ng.morphing.target import Target
from coriolis_ng.objects.vm import Firmware

ESP = '/boot/efi/EFI'
# UEFI specification 2.10, 3.5.1.1: the file of the removable-media path.
FALLBACK = {'amd64': 'BOOTX64.EFI', 'arm64': 'BOOTAA64.EFI'}
LOADERS = {
    'amd64': ('shimx64.efi', 'grubx64.efi'),
    'arm64': ('shimaa64.efi', 'grubaa64.efi'),
}


class EfiFallback(Stage):
    """Copy the distribution's boot loader to EFI/BOOT where nothing is."""

    name = 'efi_fallback'

    @classmethod
    def applies(cls, guest: Guest, target: Target) -> bool:
        """For EFI machines of an architecture whose fallback name is known."""
        return target.firmware is Firmware.EFI and guest.arch in FALLBACK

    def run(
        self,
        root: Root,
        guest: Guest,
        target: Target,  # noqa: ARG002
    ) -> None:
        """Copies the guest's own loader to the fallback path, unless one is
        there."""
        fallback = FALLBACK[guest.arch]
        folders = root.list(ESP)
        boot = next((n for n in folders if n.upper() == 'BOOT'), 'BOOT')
        have = root.list(f'{ESP}/{boot}')
        if any(name.upper() == fallback for name in have):
            return
        for folder in folders:
            names = root.list(f'{ESP}/{folder}')
            for loader in LOADERS[guest.arch]:
                if folder == boot or loader not in names:
                    continue
                self._copy(root, folder, boot, loader, fallback)
                return
        self.note('The EFI system partition holds no boot loader we know.')

    def _copy(
        self, root: Root, folder: str, boot: str, loader: str, name: str
    ) -> None:
        root.copy(f'{ESP}/{folder}/{loader}', f'{ESP}/{boot}/{name}')
        for beside in root.list(f'{ESP}/{folder}'):
            # shim starts the grub that lies beside it.
            if beside.startswith(('grub', 'mm')):
                root.copy(f'{ESP}/{folder}/{beside}', f'{ESP}/{boot}/{beside}')
        self.note(f'{loader} of {folder} is now also EFI/{boot}/{name}.')
