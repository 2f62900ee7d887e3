# SPDX-License-Identifier: Apache-2.0
"""How machines are run here: with KVM, or emulated."""

from __future__ import annotations

import contextlib
import os
import pathlib
import subprocess
import tempfile

from coriolis_ng.providers.base import Options
from coriolis_ng.providers.kvm import schemas
from coriolis_ng.providers.kvm.connection import Access, parse, told

# Where it works it takes well under a second.
PROBE_SECONDS = 5
# isa-debug-exit ends QEMU with 2 * value + 1.
_VALUE = 0x2A
# 16-bit code of a boot sector: mov al, _VALUE; mov dx, 0x501; out dx, al;
# hlt. It runs after the firmware has, in the mode that broken KVMs lack.
_CODE = bytes([0xB0, _VALUE, 0xBA, 0x01, 0x05, 0xEE, 0xF4])


def domain_type(access: Access, options: Options) -> str:
    """``kvm`` or ``qemu``, as the options say or a probe shows."""
    wanted = str(schemas.target(options, 'domain_type'))
    if wanted != 'auto':
        return wanted
    with told('asking what it can run'):
        root = parse(access.conn.getCapabilities())
    kinds = {
        domain.get('type') for domain in root.findall('./guest/arch/domain')
    }
    if 'kvm' not in kinds:
        return 'qemu'
    return 'kvm' if not access.local or _runs() else 'qemu'


def cpu_mode(kind: str, options: Options) -> str:
    """The CPU of a new machine of that domain type: a mode, or a model.

    Emulated, a rich CPU costs a guest half a minute more until it answers:
    the kernel loads and tests a module for each feature (92 CPU seconds with
    ``maximum``, 49 with ``qemu64``). Nehalem has what systems of today
    demand (x86-64-v2) and little more.
    """
    wanted = str(schemas.target(options, 'cpu_mode'))
    if wanted != 'auto':
        return wanted
    return 'host-model' if kind == 'kvm' else 'Nehalem'


def worker_cpu(kind: str, options: Options) -> str:
    """The CPU of a worker VM: nobody works in it but us."""
    wanted = cpu_mode(kind, options)
    return 'qemu64' if wanted == 'Nehalem' else wanted


def machine_type(source: str, options: Options) -> str:
    """The machine type, of ``source``'s family where that is asked."""
    wanted = str(schemas.target(options, 'machine_type'))
    if wanted != 'source':
        return wanted
    return (
        'pc'
        if source.startswith(('pc-i440fx', 'pc')) and ('q35' not in source)
        else 'q35'
    )


def _runs() -> bool:
    """Whether KVM runs on this machine; found out once after each boot.

    Every task is a process of its own, so the answer is kept in a file.
    """
    # Emptied when the machine starts.
    kept = pathlib.Path(
        os.environ.get('XDG_RUNTIME_DIR') or '/run', 'coriolis-kvm-probe'
    )
    with contextlib.suppress(OSError):
        return kept.read_text() == 'runs'
    found = _try()
    with contextlib.suppress(OSError):
        kept.write_text('runs' if found else 'does not run')
    return found


def _try() -> bool:
    """Whether a boot sector runs with KVM."""
    sector = _CODE.ljust(510, b'\0') + b'\x55\xaa'
    with tempfile.NamedTemporaryFile(suffix='.img') as file:
        file.write(sector.ljust(1 << 20, b'\0'))
        file.flush()
        argv = ['qemu-system-x86_64', '-accel', 'kvm', '-machine', 'q35']
        argv += ['-cpu', 'host', '-m', '64', '-display', 'none']
        argv += ['-nodefaults', '-no-reboot', '-device']
        argv += ['isa-debug-exit,iobase=0x501,iosize=0x04', '-drive']
        argv += [f'file={file.name},format=raw,if=virtio']
        try:
            done = subprocess.run(
                argv,
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=PROBE_SECONDS,
            )
        except (OSError, subprocess.TimeoutExpired):
            return False
    return done.returncode == 2 * _VALUE + 1
