# SPDX-License-Identifier: Apache-2.0
"""Worker VMs: an overlay of the worker image, a seed, the volumes."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import time
import uuid
from collections.abc import Sequence

import libvirt

from coriolis_ng.objects.minion import Minion, MinionKeys, Purpose, Ssh
from coriolis_ng.objects.resource import ResourceKind
from coriolis_ng.objects.volume import Volume
from coriolis_ng.providers import errors, flows
from coriolis_ng.providers.base import Options, Watch
from coriolis_ng.providers.kvm import (
    build,
    domainxml,
    machines,
    minioncheck,
    networks,
    probe,
    qcow2,
    schemas,
    seed,
)
from coriolis_ng.providers.kvm.connection import Access, parse, told
from coriolis_ng.providers.kvm.directories import Directories
from coriolis_ng.providers.kvm.inventory import WORKER
from coriolis_ng.providers.kvm.pools import PREFIX, Pools, file_name

_POLL_SECONDS = 0.3
_IMAGE = '$.destination_environment.worker_image'
_SOURCES = (
    libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_LEASE,
    libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_ARP,
)


def id_of(tag: str) -> str:
    """The UUID of the VM that the task of that tag makes."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f'{tag}:vm'))


def image_path(
    pools: Pools, directories: Directories, options: Options
) -> pathlib.Path:
    """The worker image; raises ``NotFound``, and ``InvalidInput`` for a
    file outside of the pools and of the directories that are allowed."""
    image = schemas.target(options, 'worker_image')
    if not image:
        raise errors.InvalidInput(
            'The destination environment names no worker image.',
            field=_IMAGE,
        )
    folders = [folder for _, folder in pools.folders()]
    path = pathlib.Path(image)
    if not path.is_absolute():
        folder = pools.folder(schemas.target(options, 'storage_pool'))
        path, folders = folder / image, [folder]
    path = directories.check(path, _IMAGE, folders)
    if path.name.startswith(PREFIX):
        # Else anybody could boot from, and so read, the disks of others.
        raise errors.InvalidInput(
            f'{path.name} is a disk of ours, no worker image.', field=_IMAGE
        )
    if not path.is_file():
        raise errors.NotFound(f'There is no worker image {path}.')
    return path


@dataclasses.dataclass(frozen=True)
class Plan:
    """One worker VM before it is there: what it is made of, and where.

    All names follow from the tag of the task, so a later attempt finds
    what an earlier one left. ``pool`` is the libvirt pool in whose
    directory ``folder`` its files lie. One that is ``kept`` outlives the
    execution: it is defined, and volumes come and go while it runs.
    """

    access: Access
    pools: Pools
    volumes: Sequence[Volume]
    purpose: Purpose
    keys: MinionKeys
    options: Options
    watch: Watch
    image: pathlib.Path
    pool: str
    folder: pathlib.Path
    kept: bool = False

    @property
    def id(self) -> str:
        """The VM's UUID."""
        return id_of(self.watch.tag)

    @property
    def root(self) -> pathlib.Path:
        """The overlay of the worker image that it boots from."""
        return self.folder / (file_name(self.watch.tag, 'worker') + '.qcow2')

    @property
    def seed(self) -> pathlib.Path:
        """The ISO with its keys."""
        return self.folder / (file_name(self.watch.tag, 'seed') + '.iso')

    @property
    def console(self) -> pathlib.Path:
        """What it prints on its serial port."""
        return self.folder / (file_name(self.watch.tag, 'console') + '.log')


class DropEarlier(flows.Step):
    """An earlier attempt's VM has keys that we no longer know."""

    def execute(self, plan: Plan) -> None:
        """Stops it, if there is one."""
        machines.destroy(plan.access, plan.id)


class Record(flows.Step):
    """Everything is in the ledger before the first of it is made."""

    def execute(self, plan: Plan) -> None:
        """Raises ``Stale`` and ``Canceled`` as the watch does."""
        plan.watch.record(ResourceKind.VM, plan.id)
        # The VM may not be defined: once it is off nothing else tells of
        # its log.
        parent = plan.id if plan.kept else plan.pool
        for path in (plan.root, plan.seed, plan.console):
            plan.watch.record(
                ResourceKind.FILE, f'{plan.pool}/{path.name}', parent
            )
        plan.watch.stop_if_asked()


class MakeRoot(flows.Step):
    """The disk that it boots from; the image itself stays as it is."""

    def execute(self, plan: Plan) -> None:
        """Raises ``Conflict`` where qemu-img refuses."""
        write_root(plan.root, plan.image)


class MakeSeed(flows.Step):
    """What makes the image ours: its host key, and who may log in."""

    def execute(self, plan: Plan) -> None:
        """Raises ``Unsupported`` without a program that makes ISOs."""
        write_seed(plan.seed, plan.keys)


class Start(flows.Step):
    """Starts it; provides the domain."""

    def execute(self, plan: Plan) -> libvirt.virDomain:
        """The running domain."""
        described = _describe(plan)
        with told('starting a worker VM'):
            if plan.kept:
                domain = plan.access.conn.defineXML(build.xml(described))
                domain.create()
                return domain
            # Not defined: after a crash of the host nothing of it comes
            # back.
            return plan.access.conn.createXML(build.xml(described))


class WaitForAddress(flows.Step):
    """Waits until it has asked for an address; provides that."""

    def execute(self, plan: Plan, domain: libvirt.virDomain) -> str:
        """Raises ``Conflict`` with the end of its console when the time of
        the options is over, or it stopped; ``Canceled``."""
        seconds = schemas.target(plan.options, 'worker_timeout_seconds')
        return wait_for_address(
            plan.access, domain, seconds, plan.watch, plan.console
        )


def write_root(path: pathlib.Path, image: pathlib.Path) -> None:
    """An empty overlay of the image, in place of what was there."""
    qcow2.overlay(path, os.fspath(image), qcow2.format_of(image))


def write_seed(path: pathlib.Path, keys: MinionKeys) -> None:
    """``Unsupported`` without a program that makes ISOs."""
    # cloud-init works once for each id of an instance.
    instance = domainxml.short(path.name, str(time.time()))
    user = seed.user_data(keys, seed.host_public(keys.host_key))
    seed.make(path, f'i-{instance}', user)


def make(
    access: Access,
    pools: Pools,
    directories: Directories,
    volumes: Sequence[Volume],
    purpose: Purpose,
    keys: MinionKeys,
    *,
    options: Options,
    watch: Watch,
    kept: bool = False,
) -> Minion:
    """Starts the VM with the volumes, and waits for its address.

    Raises ``NotFound`` without an image, and what the steps raise. No step
    undoes itself: all is in the ledger before it is made, and whoever
    cleans up after a failure may be another worker.
    """
    pool = schemas.target(options, 'storage_pool')
    plan = Plan(
        access=access,
        pools=pools,
        volumes=volumes,
        purpose=purpose,
        keys=keys,
        options=options,
        watch=watch,
        image=image_path(pools, directories, options),
        pool=pool,
        folder=pools.folder(pool),
        kept=kept,
    )
    steps = flows.in_order(
        'worker VM',
        DropEarlier(),
        Record(),
        MakeRoot(),
        MakeSeed(),
        Start(provides='domain'),
        WaitForAddress(provides='host'),
    )
    made = flows.run(steps, {'plan': plan})
    return Minion(
        id=plan.id,
        ssh=Ssh(host=made['host'], user=seed.USER, key='', host_key=''),
        disks={v.disk_id: build.serial_of(v.disk_id) for v in volumes},
    )


def _describe(plan: Plan) -> build.NewDomain:
    """Its own disk and seed first, then the volumes."""
    kind = probe.domain_type(plan.access, plan.options)
    root = build.NewDisk(path=str(plan.root), target='vda', cache='unsafe')
    keys = build.NewDisk(
        path=str(plan.seed), target='vdb', format='raw', readonly=True
    )
    paths = {v.disk_id: plan.pools.path(v.id) for v in plan.volumes}
    network = schemas.target(plan.options, 'network')
    nic = build.NewNic(
        mac=build.mac_of(plan.watch.tag),
        network=plan.access.network(network).name(),
    )
    short = domainxml.short(plan.watch.tag)
    return build.NewDomain(
        console=str(plan.console),
        name=f'coriolis-{plan.purpose}-{short}',
        uuid=plan.id,
        tag=plan.watch.tag,
        role=WORKER,
        cpus=schemas.target(plan.options, 'worker_vcpus'),
        memory=schemas.target(plan.options, 'worker_memory') << 20,
        domain_type=kind,
        machine=probe.machine_type('', plan.options),
        cpu_mode=probe.worker_cpu(kind, plan.options),
        disks=(root, keys, *build.disks_of(paths, 'virtio', 2)),
        nics=(nic,),
        hot_plug=plan.kept,
    )


def wait_for_address(
    access: Access,
    domain: libvirt.virDomain,
    seconds: int,
    watch: Watch,
    console: pathlib.Path,
) -> str:
    """The address that it has; ``Conflict`` where it has none in time or
    stopped, ``Canceled``."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        watch.stop_if_asked()
        with told('waiting for a worker VM'):
            if not domain.isActive():
                raise errors.Conflict(
                    'The worker VM stopped by itself.', detail=_tail(console)
                )
        minioncheck.check(access, domain.UUIDString())
        host = _newest_lease(access, domain) or networks.address(
            domain, _SOURCES
        )
        if host is not None:
            return host
        time.sleep(_POLL_SECONDS)
    raise errors.Conflict(
        f'The worker VM got no address within {seconds} s. Check that its '
        'network has DHCP, and that the worker image boots.',
        detail=_tail(console),
    )


def _newest_lease(access: Access, domain: libvirt.virDomain) -> str | None:
    """A machine that begins anew may ask as somebody else: the leases that
    it had before stay listed until they expire."""
    found = []
    with contextlib.suppress(libvirt.libvirtError, errors.NotFound):
        for nic in domainxml.nics(parse(domain.XMLDesc())):
            for lease in access.network(nic.network).DHCPLeases(nic.mac):
                found.append((lease['expirytime'], lease['ipaddr']))
    return str(max(found)[1]) if found else None


def _tail(console: pathlib.Path) -> str:
    """The last words on its console."""
    try:
        return console.read_text(errors='replace')[-2000:]
    except OSError:
        return ''
