# SPDX-License-Identifier: Apache-2.0
"""The contract between this service and a cloud.

A :class:`Provider` is found by the entry point ``coriolis_ng.providers``;
its :class:`Connection` has the capabilities that the cloud offers, or None.
Arguments and results are values of ``objects``; options are JSON that the
provider's own schema has checked. ``make_*`` may be called again with the
same tag (it adopts what is complete, else drops and makes it anew);
``drop*`` may be called any number of times. Before anything is made,
``record`` must have returned. Errors are those of ``providers.errors``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from coriolis_ng.objects.minion import Minion, MinionKeys, Purpose
from coriolis_ng.objects.network import Network, Option, Storage
from coriolis_ng.objects.preflight import Finding
from coriolis_ng.objects.resource import Resource, ResourceKind
from coriolis_ng.objects.snapshot import Snapshot
from coriolis_ng.objects.transfer import StorageMappings
from coriolis_ng.objects.vm import Vm
from coriolis_ng.objects.volume import (
    NO_VOLUMES,
    ClonedVolumes,
    Volume,
    Volumes,
    VolumeSnapshot,
)
from coriolis_ng.transport.contracts import Reader, Sink

Schema = Mapping[str, Any]
Options = Mapping[str, Any]

INVENTORY, EXPORTS, IMPORTS, POOLS = CAPABILITIES = (
    'inventory',
    'exports',
    'imports',
    'pools',
)


class Watch(Protocol):
    """How a provider speaks to the platform while it works."""

    tag: str

    def record(self, kind: ResourceKind, id: str, parent: str = '') -> None:
        """Writes the ledger; returns after the commit. Call it BEFORE the
        thing is made; raises ``Stale`` when the attempt was given up."""

    def note(self, text: str) -> None:
        """A line for the user."""

    def stop_if_asked(self) -> None:
        """Raises ``Canceled`` when the work was asked to stop; call it in
        every loop that waits."""


class Inventory(Protocol):
    """What is there. Nothing here changes anything."""

    def list_vms(
        self, *, marker: str | None, limit: int | None, name: str | None
    ) -> Sequence[Vm]:
        """Machines in the order of their names, after ``marker`` (a name);
        ``name`` is a part of the name to look for."""

    def get_vm(self, name: str) -> Vm:
        """A machine by name or id; raises ``NotFound``."""

    def list_networks(self) -> Sequence[Network]:
        """All networks that a machine could be attached to, by name."""
        ...

    def list_storage(self) -> Sequence[Storage]:
        """All places for volumes, by name; sizes in bytes, None where the
        cloud does not tell."""
        ...

    def options(self, names: Sequence[str] | None) -> Sequence[Option]:
        """Values for the options of the environment schema."""


class Exports(Protocol):
    """A cloud as a source. Its machines are never written to."""

    def preflight(self, vm: Vm, options: Options) -> Sequence[Finding]:
        """All that may go wrong with this machine, at once."""

    def make_snapshot(
        self, vm: Vm, *, since: str | None, options: Options, watch: Watch
    ) -> Snapshot:
        """A consistent view of all disks, and a new checkpoint in the same
        instant. ``since`` is the checkpoint of the last recovery point;
        where it (or its bitmap) is lost or a disk was resized, that disk's
        mode is ``full`` with the reason: never silently, never an error.
        Consistency falls back from application to crash with the reason.
        """

    def open(self, snapshot: Snapshot, disk_id: str) -> Reader:
        """Reads a disk of the snapshot; ``Reader.extents(since)`` takes
        ``SnapshotDisk.since``."""

    def shut_down(self, vm: Vm, *, watch: Watch, grace_seconds: int) -> None:
        """Off when it returns: asked first, pulled after the grace."""

    def start_up(self, vm: Vm, *, watch: Watch, grace_seconds: int) -> bool:
        """On again what ``shut_down`` switched off, or was about to when it
        was stopped: a guest that was asked goes off later. False where it
        still ran after the grace, so that nothing was started."""
        ...

    def drop(self, resource: Resource) -> None:
        """Removes a SNAPSHOT or CHECKPOINT of ours; silent when gone."""

    def list_tagged(self, tag: str) -> Sequence[Resource]:
        """Everything whose tag begins with ``tag``, as far as the platform
        can tell; no more than a second look beside the ledger."""


class Imports(Protocol):
    """A cloud as a destination."""

    def preflight(
        self,
        vm: Vm,
        storage: StorageMappings,
        options: Options,
        existing: Volumes = NO_VOLUMES,
    ) -> Sequence[Finding]:
        """All that may go wrong with bringing this machine here: space,
        networks, worker image, limits. What the replica has already
        (``existing``) is not counted as if it had to be made."""

    def make_volumes(
        self,
        vm: Vm,
        existing: Volumes,
        storage: StorageMappings,
        *,
        options: Options,
        watch: Watch,
    ) -> Volumes:
        """A volume of the right size for each disk: ``existing`` ones are
        kept (grown where the disk grew), missing ones are made."""

    def make_minion(
        self,
        volumes: Sequence[Volume],
        purpose: Purpose,
        keys: MinionKeys,
        *,
        options: Options,
        watch: Watch,
    ) -> Minion:
        """Starts a worker VM with the volumes attached and returns when it
        has an address (not necessarily an SSH server yet). A platform whose
        volumes need no VM returns a minion without ``ssh``. ``Ssh.key`` is
        '' in the answer: the caller fills it in."""

    def check_minion(self, minion: Minion) -> None:
        """Asked when nothing moves, or its connection was lost: returns
        where the worker VM can work on (or nothing is known), else says why
        not in words for the user: ``QuotaExceeded`` where storage is full
        (which), ``NotFound`` for one that is gone, ``Conflict`` for one that
        is off or suspended, ``Unreachable`` where the cloud does not answer.
        Changes nothing, and takes a few seconds at most."""

    def open(self, minion: Minion, volume: Volume, attempt: int) -> Sink:
        """Writes a volume without an agent; ``Unsupported`` where the
        minion has an SSH address, because then an agent does it. Writes of
        an older ``attempt`` than the newest seen must be refused."""

    def make_snapshots(
        self, volumes: Volumes, *, watch: Watch
    ) -> tuple[VolumeSnapshot, ...]:
        """A snapshot of each volume, which nothing writes at that time."""

    def read(self, snapshot: VolumeSnapshot) -> Reader:
        """Reads a recovery point's disk, for checks; ``Unsupported`` where
        the worker cannot reach it."""

    def make_clones(
        self,
        snapshots: Sequence[VolumeSnapshot],
        *,
        options: Options,
        watch: Watch,
    ) -> ClonedVolumes:
        """Writable volumes with a recovery point's content."""

    def release(
        self,
        snapshots: Sequence[VolumeSnapshot],
        volumes: Volumes,
        *,
        watch: Watch,
    ) -> ClonedVolumes:
        """The replica's own volumes, put back to the recovery point, as
        volumes of a deployment (``clone_disks: false``)."""

    def make_vm(
        self,
        vm: Vm,
        volumes: ClonedVolumes,
        *,
        name: str,
        network_map: Mapping[str, Any],
        isolated: bool,
        options: Options,
        watch: Watch,
    ) -> Vm:
        """Defines and starts the machine: CPUs, memory, firmware and MACs
        as in ``vm``. ``isolated`` cuts its networks off (test)."""

    def find_address(self, vm: Vm) -> str | None:
        """An IP address of a running machine, once it is known."""

    def drop(self, resource: Resource) -> None:
        """Removes something of ours of any kind; silent when gone."""

    def list_tagged(self, tag: str) -> Sequence[Resource]:
        """Everything whose tag begins with ``tag``."""


class Connection(Protocol):
    """Access to one cloud; made cheaply, checked by ``ping``."""

    inventory: Inventory | None
    exports: Exports | None
    imports: Imports | None

    def ping(self) -> None:
        """Raises ``AuthFailed`` or ``Unreachable`` with a clear message."""

    def close(self) -> None:
        """Frees everything that belongs to the connection."""


class Provider(Protocol):
    """A kind of cloud.

    ``capabilities`` are words of :data:`CAPABILITIES`; the schemas are JSON
    Schema 2020-12 of the connection information and of both environments.
    One that the operator can restrict has ``settings`` too: JSON that its
    class, given it as keywords, makes the same provider of.
    """

    name: str
    capabilities: tuple[str, ...]
    connection_schema: Schema
    source_schema: Schema
    target_schema: Schema

    def connect(self, info: Mapping[str, Any]) -> Connection:
        """A connection; ``InvalidInput`` where ``info`` is wrong."""
