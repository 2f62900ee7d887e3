# SPDX-License-Identifier: Apache-2.0
"""Packages of a Debian-like guest, changed from outside while it is off."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from urllib.parse import urlsplit

from coriolis_ng.morphing.root import Root

POLICY = '/usr/sbin/policy-rc.d'
RESOLV = '/etc/resolv.conf'
SAVED = '.coriolis-saved'
OPTIONS = (
    '-y',
    '-q',
    '-o',
    'Dpkg::Use-Pty=0',
    '-o',
    'Dpkg::Options::=--force-confold',
    '-o',
    'APT::Install-Recommends=false',
)
INSTALL_SECONDS = 3600.0
PORTS = {'http': 80, 'https': 443, 'ftp': 21}


def remove(root: Root, names: tuple[str, ...]) -> None:
    """Purge packages; needs no network. Raises ``CommandFailed``."""
    with quiet_services(root):
        root.run(['apt-get', *OPTIONS, 'purge', *names])


def install(root: Root, names: tuple[str, ...], timeout: float) -> None:
    """Install packages from the guest's own sources.

    ``timeout`` limits the downloads, after which nothing is changed yet; a
    dpkg that is killed would leave a broken guest, so it gets its time.
    Raises ``CommandFailed`` or ``TimedOut``.
    """
    get = ['apt-get', *OPTIONS, 'install']
    with quiet_services(root), worker_resolver(root):
        root.run(['apt-get', '-q', 'update'], timeout=timeout)
        root.run([*get, '--download-only', *names], timeout=timeout)
        root.run([*get, '--no-download', *names], timeout=INSTALL_SECONDS)


@contextlib.contextmanager
def quiet_services(root: Root) -> Iterator[None]:
    """Nothing that a package installs is started: it would run on the
    worker. (policy-rc.d, Debian's interface for exactly that.)"""
    with _replaced(root, POLICY, b'#!/bin/sh\nexit 101\n', 0o755):
        yield


@contextlib.contextmanager
def worker_resolver(root: Root) -> Iterator[None]:
    """Names are resolved as the worker does it, for this while."""
    asked = Root(root.worker, '/')
    try:
        data = asked.read(RESOLV)
    except OSError:
        data = b''
    with _replaced(root, RESOLV, data, 0o644):
        yield


@contextlib.contextmanager
def _replaced(root: Root, path: str, data: bytes, mode: int) -> Iterator[None]:
    """Another file (never what a link points to) in a path's place."""
    # Whatever a morphing that was cut off has left is the guest's own.
    if root.kind(path + SAVED) is None and root.kind(path) is not None:
        root.rename(path, path + SAVED)
    root.write(path, data, mode)
    try:
        yield
    finally:
        root.remove(path)
        if root.kind(path + SAVED) is not None:
            root.rename(path + SAVED, path)


def sources(root: Root) -> tuple[tuple[str, int], ...]:
    """(host, port) of the guest's package sources, each once, sorted."""
    texts = [root.text('/etc/apt/sources.list')]
    folder = '/etc/apt/sources.list.d'
    for name in root.list(folder):
        if name.endswith(('.list', '.sources')):
            texts.append(root.text(f'{folder}/{name}'))
    found = set()
    for line in '\n'.join(texts).splitlines():
        if line.lstrip().startswith('#'):
            continue
        for word in line.split():
            place = urlsplit(word) if '://' in word else None
            if place and place.hostname and place.scheme in PORTS:
                port = place.port or PORTS[place.scheme]
                found.add((place.hostname, port))
    return tuple(sorted(found))


def source_reachable(root: Root, seconds: float) -> bool:
    """Whether a package source answers the worker within ``seconds``."""
    places = [list(place) for place in sources(root)]
    if not places:
        return False
    return bool(
        root.worker.call(
            'reachable', None, places, seconds, seconds=seconds + 5
        )
    )
