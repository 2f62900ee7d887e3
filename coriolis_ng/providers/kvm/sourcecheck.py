# SPDX-License-Identifier: Apache-2.0
"""What may go wrong with a machine as a source, found beforehand."""

from __future__ import annotations

import os
import pathlib
import shutil
import xml.etree.ElementTree as ET  # noqa: S405  # libvirt wrote it
from collections.abc import Iterator, Sequence

from coriolis_ng.objects.preflight import Finding, Severity
from coriolis_ng.objects.vm import Disk, Power, Vm
from coriolis_ng.providers import errors
from coriolis_ng.providers.base import Options
from coriolis_ng.providers.kvm import domainxml, schemas
from coriolis_ng.providers.kvm.directories import Directories

# Less room than this for what the guest overwrites is worth a warning.
LITTLE = 1 << 30


def missing(vm: Vm) -> Finding:
    """What is told of a machine that is not there."""
    return Finding(
        code='vm_not_found',
        severity=Severity.ERROR,
        meaning=f'There is no machine {vm.name!r} on the source.',
        remedy='Check the name, and the libvirt of the endpoint.',
        instance=vm.name,
    )


def findings(
    vm: Vm,
    root: ET.Element,
    options: Options,
    directories: Directories | None,
) -> Sequence[Finding]:
    """All findings for a machine that is there; ``directories`` is None
    where its libvirt is on another host."""
    found = list(_machine(vm, root, options))
    for disk in vm.disks:
        found += _disk(vm, disk)
    found += _host(vm, options, directories)
    return found


def _machine(vm: Vm, root: ET.Element, options: Options) -> Iterator[Finding]:
    mode = schemas.source(options, 'quiesce')
    if not vm.disks:
        yield _error(
            vm,
            'no_disks',
            'The machine has no disk that can be copied.',
            'Attach a disk of a file or a block device.',
        )
    if not vm.guest_agent and mode != 'never':
        meaning = 'The machine has no channel for a guest agent: '
        if mode == 'require' and vm.power is not Power.OFF:
            yield _error(
                vm,
                'no_guest_agent',
                meaning + 'it cannot be quiesced, which is required.',
                'Install qemu-guest-agent and add its channel, or set '
                'quiesce to auto.',
            )
        else:
            yield _warning(
                vm,
                'no_guest_agent',
                meaning + 'recovery points are crash-consistent.',
                'Install qemu-guest-agent and add its channel.',
            )
    for target in domainxml.passed_through(root):
        yield _error(
            vm,
            'lun',
            f'Disk {target} is a LUN passed through: it is not copied.',
            'Attach it as a disk, or detach it.',
        )
    if vm.power is Power.OFF:
        yield Finding(
            code='powered_off',
            severity=Severity.INFO,
            meaning='The machine is off: it cannot be started during a copy.',
            remedy='Start it before, if it must run.',
            instance=vm.name,
        )


def _disk(vm: Vm, disk: Disk) -> Iterator[Finding]:
    if not disk.size:
        yield _error(
            vm,
            'disk_unreadable',
            f'Disk {disk.id} cannot be opened: {disk.path or "no path"}.',
            'See to it that the file or device is there.',
        )
    if not disk.tracked:
        yield _warning(
            vm,
            'untracked_disk',
            f'Disk {disk.id} is copied in full each time: '
            f'{disk.untracked_reason}.',
            'Convert the disk to qcow2.',
        )
    if disk.shareable:
        yield _warning(
            vm,
            'shareable_disk',
            f'Disk {disk.id} is shared: what other machines write is not '
            'consistent with the snapshot, and not tracked.',
            'Copy it with one machine only.',
        )


def scratch_of(options: Options, directories: Directories) -> pathlib.Path:
    """The scratch directory; ``InvalidInput`` where it is not allowed."""
    return directories.check(
        schemas.source(options, 'scratch_dir'),
        '$.source_environment.scratch_dir',
    )


def _host(
    vm: Vm, options: Options, directories: Directories | None
) -> Iterator[Finding]:
    if directories is None:
        yield _error(
            vm,
            'remote_libvirt',
            'The libvirt is on another host: its disks cannot be read from '
            'here.',
            'Run a worker on that host, with a libvirt URI without a host.',
        )
        return
    try:
        folder = scratch_of(options, directories)
    except errors.InvalidInput as error:
        yield _error(
            vm,
            'scratch_dir',
            error.message,
            'Set scratch_dir to a directory below one of these.',
        )
        return
    while not folder.exists():
        folder = folder.parent
    if not os.access(folder, os.W_OK):
        yield _error(
            vm,
            'scratch_dir',
            f'The scratch directory below {folder} cannot be written.',
            'Set scratch_dir to a directory that the worker may write to.',
        )
    free = shutil.disk_usage(folder).free
    if free < LITTLE:
        yield _warning(
            vm,
            'scratch_space',
            f'Only {free} bytes are free in {folder} for what the guest '
            'overwrites during a copy.',
            'Make room, or set scratch_dir to another file system.',
        )


def _error(vm: Vm, code: str, meaning: str, remedy: str) -> Finding:
    return _finding(vm, Severity.ERROR, code, meaning, remedy)


def _warning(vm: Vm, code: str, meaning: str, remedy: str) -> Finding:
    return _finding(vm, Severity.WARNING, code, meaning, remedy)


def _finding(
    vm: Vm, severity: Severity, code: str, meaning: str, remedy: str
) -> Finding:
    return Finding(
        code=code,
        severity=severity,
        meaning=meaning,
        remedy=remedy,
        instance=vm.name,
    )
