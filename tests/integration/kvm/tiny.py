# SPDX-License-Identifier: Apache-2.0
"""A machine without an operating system that writes where it is told.

A boot sector takes sectors over the serial port and writes them through the
BIOS, so its disks change as those of a running guest do, a second after the
machine was defined.
"""

import itertools
import os
import pathlib
import socket
import struct
import subprocess
import time

import libvirt

from tests.beds import libvirt as bed

SECTOR = 512
# What it does, in AT&T syntax (16 bit, loaded at 0x7c00):
#   xor %ax,%ax; mov %ax,%ds; mov %ax,%es; mov %ax,%ss; mov $0x7c00,%sp; cld
#   next: mov $0x8000,%di; mov $518,%cx     # drive, count, LBA, sector
#   byte: mov $0x3fd,%dx
#   wait: in %dx,%al; test $1,%al; jz wait
#         mov $0x3f8,%dx; in %dx,%al; stosb; loop byte
#   again: mov $0x7000,%si                  # the disk address packet
#   movw $0x10,(%si); movw $1,2(%si); movw $0x8006,4(%si); movw $0,6(%si)
#   mov 0x8002,%eax; mov %eax,8(%si); movl $0,12(%si)
#   mov 0x8000,%dl; mov $0x4300,%ax; int $0x13; test %ah,%ah; jnz done
#   incl 0x8002; decb 0x8001; jnz again
#   done: mov %ah,%al; mov $0x3f8,%dx; out %al,%dx; jmp next
CODE = bytes.fromhex(
    '31c08ed88ec08ed0bc007cfcbf0080b90602bafd03eca80174fbbaf803ec'
    'aae2f1be0070c7041000c744020100c744040680c74406000066a1028066'
    '89440866c7440c000000008a160080b80043cd1384e4750b66ff060280fe'
    '0e018075c288e0baf803eeeba5'
)
BOOT_SECTOR = CODE.ljust(510, b'\0') + b'\x55\xaa'
BOOT_SECONDS = 60


class Tiny:
    """One machine of a cloud; ``formats`` gives its disks (vda, vdb, ...).

    It is defined, and off; ``start`` starts it.
    """

    def __init__(
        self,
        cloud: bed.Cloud,
        name: str,
        formats: tuple[str, ...] = ('qcow2', 'qcow2'),
        size: int = 16 << 20,
    ) -> None:
        self.name = name
        self._conn = cloud.connect()
        self._serial = cloud.base / f'{name}.tty'
        self._socket: socket.socket | None = None
        self.paths = {}
        for index, form in enumerate(formats):
            target = f'vd{chr(ord("a") + index)}'
            path = cloud.base / 'pools/default' / f'{name}-{target}.{form}'
            run('qemu-img', 'create', '-q', '-f', form, path, str(size))
            self.paths[target] = path
        self.formats = dict(zip(self.paths, formats, strict=True))
        self.write_off('vda', 0, BOOT_SECTOR)
        self.domain = self._conn.defineXML(self._xml(cloud.virt_type))

    def _xml(self, virt_type: str) -> str:
        disks = ''.join(
            f"<disk type='file' device='disk'><driver name='qemu' "
            f"type='{self.formats[target]}'/><source file='{path}'/>"
            f"<target dev='{target}' bus='virtio'/>"
            f"<boot order='{index}'/></disk>"
            for index, (target, path) in enumerate(self.paths.items(), 1)
        )
        return (
            f"<domain type='{virt_type}'><name>{self.name}</name>"
            "<memory unit='MiB'>64</memory><vcpu>1</vcpu>"
            "<os><type arch='x86_64' machine='q35'>hvm</type></os>"
            f"<devices>{disks}<serial type='unix'>"
            f"<source mode='bind' path='{self._serial}'/></serial>"
            "<memballoon model='none'/></devices></domain>"
        )

    def start(self) -> None:
        self.domain.create()
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(BOOT_SECONDS)
        self._socket.connect(str(self._serial))
        # What comes before the program runs is lost: ask until it answers.
        time.sleep(1)
        self.write('vda', 0, BOOT_SECTOR)

    def write(self, target: str, offset: int, data: bytes) -> None:
        """Through the running machine; whole sectors, padded with zeros."""
        assert offset % SECTOR == 0
        drive = 0x80 + list(self.paths).index(target)
        data += bytes(-len(data) % SECTOR)
        sectors = [
            data[start : start + SECTOR]
            for start in range(0, len(data), SECTOR)
        ]
        first = offset // SECTOR
        for sector, same in itertools.groupby(sectors):
            left = len(list(same))
            while left:
                count = min(left, 255)
                self._command(drive, count, first, sector)
                left -= count
                first += count

    def _command(
        self, drive: int, count: int, first: int, sector: bytes
    ) -> None:
        assert self._socket is not None
        head = struct.pack('<BBI', drive, count, first)
        self._socket.sendall(head + sector)
        status = self._socket.recv(1)
        assert status == b'\0', f'the BIOS answered {status!r}'

    def write_off(self, target: str, offset: int, data: bytes) -> None:
        """Into the file of a machine that is off."""
        path = self.paths[target]
        scratch = path.with_name(path.name + '.data')
        scratch.write_bytes(data)
        command = f'write -q -s {scratch} {offset} {len(data)}'
        run('qemu-io', '-f', self.formats[target], '-c', command, path)
        scratch.unlink()

    def stop(self) -> None:
        """Pull the plug."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        if self.domain.isActive():
            self.domain.destroy()

    def remove(self) -> None:
        self.stop()
        for checkpoint in self.domain.listAllCheckpoints():
            checkpoint.delete(
                libvirt.VIR_DOMAIN_CHECKPOINT_DELETE_METADATA_ONLY
            )
        self.domain.undefine()
        self._conn.close()
        for path in self.paths.values():
            path.unlink()


def run(*argv: str | os.PathLike[str]) -> str:
    """Runs a program; its output."""
    return subprocess.run(
        [os.fspath(word) for word in argv],
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def content(path: pathlib.Path, form: str, scratch: pathlib.Path) -> bytes:
    """All that a disk file shows."""
    run('qemu-img', 'convert', '-U', '-f', form, '-O', 'raw', path, scratch)
    data = scratch.read_bytes()
    scratch.unlink()
    return data
