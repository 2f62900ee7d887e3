# SPDX-License-Identifier: Apache-2.0
"""Why a worker VM cannot work on, asked of libvirt from outside.

QEMU pauses a machine whose disk has no room (``werror=enospc``, its default):
the guest does not notice, and neither do connections to it for a long time.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import libvirt

from coriolis_ng.providers import errors
from coriolis_ng.providers.kvm import domainxml
from coriolis_ng.providers.kvm.connection import Access, code_of, parse, told

_OFF = (
    libvirt.VIR_DOMAIN_SHUTDOWN,
    libvirt.VIR_DOMAIN_SHUTOFF,
    libvirt.VIR_DOMAIN_CRASHED,
)


def check(access: Access, ident: str) -> None:
    """Returns where the machine runs; ``NotFound``, ``Conflict`` or
    ``QuotaExceeded`` (a pool is full) where it does not."""
    domain = access.find_domain(ident)
    if domain is None:
        # Ours are not defined: one that is off is not there any more.
        raise _gone()
    with told('looking at a worker VM'):
        try:
            state, reason = domain.state()
            if state in _OFF:
                raise _gone()
            if state != libvirt.VIR_DOMAIN_PAUSED:
                return
            if reason != libvirt.VIR_DOMAIN_PAUSED_IOERROR:
                _suspended(reason)
                return
            found = domain.diskErrors()
            root = parse(domain.XMLDesc())
        except libvirt.libvirtError as error:
            if code_of(error) in (
                libvirt.VIR_ERR_NO_DOMAIN,
                libvirt.VIR_ERR_OPERATION_INVALID,
            ):
                raise _gone() from error
            raise
    paths = {disk.target: disk.path for disk in domainxml.disks(root)}
    _raise(
        access, {paths.get(disk, disk): what for disk, what in found.items()}
    )


def _gone() -> errors.NotFound:
    return errors.NotFound(
        'The worker VM is gone: it crashed, or somebody stopped it. '
        'Execute again.'
    )


def _suspended(reason: int) -> None:
    """Only what somebody did on purpose lasts; libvirt pauses for moments
    itself."""
    if reason == libvirt.VIR_DOMAIN_PAUSED_USER:
        raise errors.Conflict(
            'The worker VM was suspended by somebody: leave it alone, and '
            'execute again.'
        )


def _raise(access: Access, found: dict[str, int]) -> None:
    """``found`` has libvirt's kind of error for each path."""
    detail = ', '.join(f'{path}: {what}' for path, what in found.items())
    full = [
        path
        for path, what in found.items()
        if what == libvirt.VIR_DOMAIN_DISK_ERROR_NO_SPACE
    ]
    if full:
        pools = ' and '.join(sorted(set(_pools(access, full))))
        raise errors.QuotaExceeded(
            f'The worker VM was paused: {pools} is full. Make room and '
            'execute again.',
            detail=detail,
        )
    names = ', '.join(sorted(os.path.basename(path) for path in found))
    raise errors.Conflict(
        'The worker VM was paused by an error of its disks '
        f'({names or "not named"}): look at the storage of the host, and '
        'execute again.',
        detail=detail,
    )


def _pools(access: Access, paths: list[str]) -> Iterator[str]:
    for path in paths:
        folder = os.path.dirname(path)
        try:
            name = access.conn.storagePoolLookupByTargetPath(folder).name()
        except libvirt.libvirtError:
            yield f'the storage at {folder}'
        else:
            yield f'the storage pool {name!r}'


__all__ = ['check']
