# SPDX-License-Identifier: Apache-2.0
"""What this process runs on, for those who have to find out why it behaves
as it does: addresses, packages, operating system."""

from __future__ import annotations

import fcntl
import functools
import importlib.metadata
import ipaddress
import pathlib
import platform
import re
import socket
import struct

from coriolis_ng import version
from coriolis_ng.objects.service import Facts

_GET_ADDRESS = 0x8915  # SIOCGIFADDR of Linux
_NAME = re.compile(r'[A-Za-z0-9._-]+')


@functools.cache
def facts() -> Facts:
    """Looked up once: what changes later is told by the next start."""
    return Facts(
        ip_addresses=tuple(_addresses()),
        packages=tuple(_packages()),
        os_info=f'{_distribution()} ({platform.platform()})',
        architecture=platform.machine(),
    )


def _addresses() -> list[str]:
    """Of all interfaces, but those that nobody else could reach."""
    found = {*_addresses_of_4(), *_addresses_of_6()}
    kept = [
        one
        for one in map(ipaddress.ip_address, found)
        if not one.is_loopback and not one.is_link_local
    ]
    return [str(one) for one in sorted(kept, key=lambda a: (a.version, a))]  # type: ignore[type-var]


def _addresses_of_4() -> list[str]:
    found = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        for _, name in socket.if_nameindex():
            asked = struct.pack('256s', name.encode()[:15])
            try:
                told = fcntl.ioctl(one.fileno(), _GET_ADDRESS, asked)
            except OSError:
                continue  # it has none
            found.append(socket.inet_ntoa(told[20:24]))
    return found


def _addresses_of_6() -> list[str]:
    try:
        text = pathlib.Path('/proc/net/if_inet6').read_text()
    except OSError:
        return []
    return [
        str(ipaddress.IPv6Address(bytes.fromhex(line.split()[0])))
        for line in text.splitlines()
    ]


def _packages() -> list[str]:
    """Ourselves, then what we are built on, with the releases that are
    installed."""
    try:
        wanted = importlib.metadata.requires('coriolis-ng') or []
    except importlib.metadata.PackageNotFoundError:
        wanted = []
    names = {
        found.group()
        for one in wanted
        if 'extra ==' not in one and (found := _NAME.match(one))
    }
    told = [f'coriolis-ng {version.release()}']
    for name in sorted(names, key=str.lower):
        try:
            told.append(f'{name} {importlib.metadata.version(name)}')
        except importlib.metadata.PackageNotFoundError:
            continue
    return told


def _distribution() -> str:
    try:
        told = platform.freedesktop_os_release()
    except OSError:
        return platform.system()
    return told.get('PRETTY_NAME', platform.system())
