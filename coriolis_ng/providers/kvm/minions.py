# SPDX-License-Identifier: Apache-2.0
"""Worker VMs: an overlay of the worker image, a seed, the volumes."""

from __future__ import annotations

import os
import pathlib
import time
import uuid
from collections.abc import Sequence

import libvirt

from coriolis_ng.objects.minion import Minion, MinionKeys, Purpose, Ssh
from coriolis_ng.objects.resource import ResourceKind
from coriolis_ng.objects.volume import Volume
from coriolis_ng.providers import errors
from coriolis_ng.providers.base import Options, Watch
from coriolis_ng.providers.kvm import (
    build,
    domainxml,
    machines,
    networks,
    probe,
    qcow2,
    schemas,
    seed,
)
from coriolis_ng.providers.kvm.connection import Access, told
from coriolis_ng.providers.kvm.inventory import WORKER
from coriolis_ng.providers.kvm.pools import Pools, file_name

_POLL_SECONDS = 0.3
_SOURCES = (
    libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_LEASE,
    libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_ARP,
)


def id_of(tag: str) -> str:
    """The UUID of the VM that the task of that tag makes."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f'{tag}:vm'))


def image_path(pools: Pools, options: Options) -> pathlib.Path:
    """The worker image; raises ``NotFound``."""
    image = schemas.target(options, 'worker_image')
    if not image:
        raise errors.InvalidInput(
            'The destination environment names no worker image.',
            field='$.destination_environment.worker_image',
        )
    path = pathlib.Path(image)
    if not path.is_absolute():
        path = pools.folder(schemas.target(options, 'storage_pool')) / image
    if not path.is_file():
        raise errors.NotFound(f'There is no worker image {path}.')
    return path


def make(
    access: Access,
    pools: Pools,
    volumes: Sequence[Volume],
    purpose: Purpose,
    keys: MinionKeys,
    *,
    options: Options,
    watch: Watch,
) -> Minion:
    """Starts the VM and waits for its address."""
    image = image_path(pools, options)
    pool = schemas.target(options, 'storage_pool')
    folder = pools.folder(pool)
    ident = id_of(watch.tag)
    root = file_name(watch.tag, 'worker') + '.qcow2'
    console = folder / (file_name(watch.tag, 'console') + '.log')
    iso = file_name(watch.tag, 'seed') + '.iso'
    # An earlier attempt's VM has keys that we no longer know.
    machines.destroy(access, ident)
    watch.record(ResourceKind.VM, ident)
    watch.record(ResourceKind.FILE, f'{pool}/{root}', pool)
    watch.record(ResourceKind.FILE, f'{pool}/{iso}', pool)
    # The VM is not defined: once it is off nothing else tells of its log.
    watch.record(ResourceKind.FILE, f'{pool}/{console.name}', pool)
    watch.stop_if_asked()
    qcow2.overlay(folder / root, os.fspath(image), qcow2.format_of(image))
    seed.make(
        folder / iso,
        f'i-{domainxml.short(watch.tag, str(time.time()))}',
        seed.user_data(keys, seed.host_public(keys.host_key)),
    )
    paths = {v.disk_id: pools.path(v.id) for v in volumes}
    kind = probe.domain_type(access, options)
    system = build.NewDisk(
        path=str(folder / root), target='vda', cache='unsafe'
    )
    data = build.NewDisk(
        path=str(folder / iso), target='vdb', format='raw', readonly=True
    )
    described = build.NewDomain(
        console=str(console),
        name=f'coriolis-{purpose}-{domainxml.short(watch.tag)}',
        uuid=ident,
        tag=watch.tag,
        role=WORKER,
        cpus=schemas.target(options, 'worker_vcpus'),
        memory=schemas.target(options, 'worker_memory') << 20,
        domain_type=kind,
        machine=probe.machine_type('', options),
        cpu_mode=probe.worker_cpu(kind, options),
        disks=(system, data, *build.disks_of(paths, 'virtio', 2)),
        nics=(
            build.NewNic(
                mac=build.mac_of(watch.tag),
                network=access.network(
                    schemas.target(options, 'network')
                ).name(),
            ),
        ),
    )
    with told('starting a worker VM'):
        # Not defined: after a crash of the host nothing of it comes back.
        domain = access.conn.createXML(build.xml(described))
    seconds = schemas.target(options, 'worker_timeout_seconds')
    host = _wait(domain, seconds, watch, console)
    return Minion(
        id=ident,
        ssh=Ssh(host=host, user=seed.USER, key='', host_key=''),
        disks={v.disk_id: build.serial_of(v.disk_id) for v in volumes},
    )


def _wait(
    domain: libvirt.virDomain,
    seconds: int,
    watch: Watch,
    console: pathlib.Path,
) -> str:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        watch.stop_if_asked()
        with told('waiting for a worker VM'):
            if not domain.isActive():
                raise errors.Conflict(
                    'The worker VM stopped by itself.', detail=_tail(console)
                )
        host = networks.address(domain, _SOURCES)
        if host is not None:
            return host
        time.sleep(_POLL_SECONDS)
    raise errors.Conflict(
        f'The worker VM got no address within {seconds} s. Check that its '
        'network has DHCP, and that the worker image boots.',
        detail=_tail(console),
    )


def _tail(console: pathlib.Path) -> str:
    """The last words on its console."""
    try:
        return console.read_text(errors='replace')[-2000:]
    except OSError:
        return ''
