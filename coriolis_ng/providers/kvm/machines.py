# SPDX-License-Identifier: Apache-2.0
"""Defines, starts and removes machines on a destination."""

from __future__ import annotations

import contextlib
import pathlib
import time
from collections.abc import Sequence

import libvirt

from coriolis_ng.providers import errors
from coriolis_ng.providers.kvm import build, domainxml, networks
from coriolis_ng.providers.kvm.connection import Access, code_of, parse, told
from coriolis_ng.providers.kvm.pools import PREFIX

MACHINE = 'machine'
_FLAGS = (
    libvirt.VIR_DOMAIN_UNDEFINE_NVRAM
    | libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
    | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
    | libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA
)
_POLL_SECONDS = 0.1
_STOP_SECONDS = 60


def start(access: Access, described: build.NewDomain) -> libvirt.virDomain:
    """Defines and starts; ``Conflict`` where the name is somebody's."""
    other = access.find_domain(described.name)
    if other is not None and other.UUIDString() != described.uuid:
        raise errors.Conflict(
            f'The destination already has a machine called {described.name!r}.'
        )
    with told(f'making machine {described.name!r}'):
        domain = access.conn.defineXML(build.xml(described))
        if not domain.isActive():
            domain.create()
    return domain


def destroy(access: Access, ident: str) -> None:
    """Stops and removes one of ours, with its console log, its NVRAM and
    its isolated network; silent when it is gone."""
    domain = access.find_domain(ident)
    if domain is None:
        return
    with told('removing a machine'):
        try:
            root = parse(domain.XMLDesc())
            tag, _ = domainxml.tag_of(root)
            if not tag:
                raise errors.Conflict(
                    f'The machine {domain.name()!r} is not ours.'
                )
            if domain.isActive():
                domain.destroy()
            if domain.isPersistent():
                domain.undefineFlags(_FLAGS)
        except libvirt.libvirtError as error:
            if code_of(error) != libvirt.VIR_ERR_NO_DOMAIN:
                raise
    _wait_gone(access, ident)
    for log in root.findall('./devices/serial/log'):
        path = pathlib.Path(log.get('file', ''))
        if path.name.startswith(PREFIX):
            path.unlink(missing_ok=True)
    networks.drop(access, networks.name_of(tag))


def _wait_gone(access: Access, ident: str) -> None:
    """A machine that is still stopping holds the locks of its disks."""
    until = time.monotonic() + _STOP_SECONDS
    while time.monotonic() < until:
        if access.find_domain(ident) is None:
            return
        time.sleep(_POLL_SECONDS)


def detach_clones(domain: libvirt.virDomain, targets: Sequence[str]) -> None:
    """Starts copying what the disks share with their recovery points; QEMU
    does it on its own, and the machine runs meanwhile."""
    for target in targets:
        # Without it all works; only the point cannot be deleted.
        with contextlib.suppress(libvirt.libvirtError):
            domain.blockPull(target, 0, 0)
