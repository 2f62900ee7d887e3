# SPDX-License-Identifier: Apache-2.0
"""A virtual machine as a source describes it, and a target rebuilds it."""

from __future__ import annotations

import enum

from coriolis_ng.objects.value import Value


class Firmware(enum.StrEnum):
    BIOS = 'bios'
    EFI = 'efi'


class Power(enum.StrEnum):
    ON = 'on'
    OFF = 'off'
    PAUSED = 'paused'


class Disk(Value):
    """A disk of a machine.

    ``id`` is unique and stable within the machine (for KVM the target
    device, ``vda``); ``size`` is the virtual size in bytes; ``backend`` the
    storage it lies on; ``bus`` the controller (``virtio``, ``sata``, ...);
    ``tracked`` says whether the source can tell what changed on it, and
    ``untracked_reason`` why it cannot.
    """

    id: str
    size: int
    format: str = 'raw'
    bus: str = 'virtio'
    backend: str = ''
    path: str = ''
    shareable: bool = False
    tracked: bool = True
    untracked_reason: str = ''


class Nic(Value):
    """A network card; ``network`` is the name a network map starts from."""

    mac: str
    network: str = ''
    network_id: str = ''
    model: str = 'virtio'
    ip_addresses: tuple[str, ...] = ()


class Vm(Value):
    """A machine: ``memory`` is in bytes, ``disks`` in boot order; ``host``
    is the hypervisor that it runs on, where the source tells it."""

    id: str
    name: str
    cpus: int
    memory: int
    firmware: Firmware = Firmware.BIOS
    power: Power = Power.OFF
    os_type: str = 'linux'
    machine: str = ''
    secure_boot: bool = False
    guest_agent: bool = False
    host: str = ''
    disks: tuple[Disk, ...] = ()
    nics: tuple[Nic, ...] = ()

    def disk(self, disk_id: str) -> Disk:
        """The disk with that id; ``KeyError`` when there is none."""
        for disk in self.disks:
            if disk.id == disk_id:
                return disk
        raise KeyError(disk_id)
