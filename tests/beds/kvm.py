# SPDX-License-Identifier: Apache-2.0
"""Whether this machine's /dev/kvm really boots a guest.

The device may be there, open, and still not run a stock kernel; so a guest is
booted with it once, and the answer is kept until the machine restarts.
"""

import os
import pathlib
import subprocess
import tempfile
import time

from tests.beds import cache, images

DEVICE = '/dev/kvm'
SECONDS = 25


def virt_type() -> str:
    """libvirt's domain type to use here: ``kvm`` or ``qemu``."""
    return 'kvm' if works() else 'qemu'


def works() -> bool:
    """Whether a guest boots to its login prompt with KVM."""
    if not os.access(DEVICE, os.R_OK | os.W_OK):
        return False
    boot = pathlib.Path('/proc/sys/kernel/random/boot_id').read_text().strip()
    answer = cache.root() / f'kvm-{boot}'
    with cache.lock('kvm'):
        if not answer.exists():
            answer.write_text('yes' if _boots() else 'no')
            cache.forget_others('kvm', answer)
    return answer.read_text() == 'yes'


def _boots() -> bool:
    with tempfile.TemporaryDirectory(prefix='cng-kvm-') as scratch:
        serial = pathlib.Path(scratch) / 'serial'
        serial.touch()
        disks = images.guest()
        argv = ['qemu-system-x86_64', '-accel', 'kvm', '-M', 'q35']
        argv += ['-cpu', 'host', '-m', '512', '-nodefaults', '-snapshot']
        argv += ['-display', 'none', '-no-reboot']
        for path in (disks.root, disks.data):
            argv += ['-drive', f'file={path},if=virtio']
        argv += ['-serial', f'file:{serial}']
        guest = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            return _prompts(guest, serial)
        finally:
            guest.kill()
            guest.wait()


def _prompts(guest: subprocess.Popen[bytes], serial: pathlib.Path) -> bool:
    until = time.monotonic() + SECONDS
    while time.monotonic() < until and guest.poll() is None:
        if b'login:' in serial.read_bytes():
            return True
        time.sleep(0.2)
    return False
