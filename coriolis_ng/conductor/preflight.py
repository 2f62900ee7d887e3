# SPDX-License-Identifier: Apache-2.0
"""All that may go wrong with a transfer, asked at once and changed nowhere.

The providers know their clouds; the rules here hold for every cloud.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy.orm import Session

from coriolis_ng import errors
from coriolis_ng.conductor import queries
from coriolis_ng.conductor.asking import Asker
from coriolis_ng.conductor.parts import Parts
from coriolis_ng.db import api as db
from coriolis_ng.objects import from_plain, to_plain
from coriolis_ng.objects.endpoint import Endpoint
from coriolis_ng.objects.preflight import Finding, Severity
from coriolis_ng.objects.replica import Replica
from coriolis_ng.objects.transfer import Transfer
from coriolis_ng.objects.vm import Vm
from coriolis_ng.objects.volume import Volumes

_WORST_FIRST = (Severity.ERROR, Severity.WARNING, Severity.INFO)


def check(parts: Parts, who: Asker, transfer_id: str) -> Sequence[Finding]:
    """Findings, the worst first. A cloud that cannot be asked is a finding
    too, and does not keep the other one from being asked."""

    def look(session: Session) -> tuple[Transfer, Endpoint, Endpoint, Any]:
        transfer = db.transfers.get(session, transfer_id, who.project_id)
        spec = transfer.spec
        return (
            transfer,
            db.endpoints.get(session, spec.origin_endpoint_id),
            db.endpoints.get(session, spec.destination_endpoint_id),
            db.replicas.list(session, transfer_id),
        )

    transfer, origin, destination, replicas = parts.database.read(look)
    found: list[Finding] = [*_of_replicas(replicas)]
    by_name = {replica.instance: replica for replica in replicas}
    for name in transfer.spec.instances:
        there = by_name[name].volumes if name in by_name else Volumes()
        found.extend(
            _of_instance(parts, transfer, origin, destination, name, there)
        )
    found.sort(key=lambda one: _WORST_FIRST.index(one.severity))
    return found


def _of_instance(
    parts: Parts,
    transfer: Transfer,
    origin: Endpoint,
    destination: Endpoint,
    name: str,
    existing: Volumes,
) -> Iterable[Finding]:
    spec = transfer.spec
    try:
        plain = queries.ask(
            parts,
            origin,
            'instance',
            {'name': name},
            dict(spec.source_environment),
            transfer_id=transfer.id,
        )
        vm = from_plain(Vm, plain)
    except errors.NotFound as error:
        yield Finding(
            code='instance_not_found',
            severity=Severity.ERROR,
            meaning=error.message,
            remedy='Check the name of the instance at the source.',
            instance=name,
        )
        return
    except errors.CoriolisError as error:
        yield _unasked('source', error, name)
        return
    yield from _of_vm(vm, transfer, name)
    args = {'instance': name, 'options': spec.source_environment}
    yield from _asked(parts, transfer, origin, 'source', name, args)
    args = {
        'vm': to_plain(vm),
        'storage': to_plain(spec.storage_mappings),
        'existing': to_plain(existing),
        'options': spec.destination_environment,
    }
    yield from _asked(parts, transfer, destination, 'target', name, args)


def _asked(
    parts: Parts,
    transfer: Transfer,
    endpoint: Endpoint,
    end: str,
    name: str,
    args: dict[str, Any],
) -> Iterable[Finding]:
    """What the provider of one end finds; that it can't be asked is a
    finding as well."""
    try:
        plain = queries.ask(
            parts,
            endpoint,
            f'{end}_preflight',
            args,
            transfer_id=transfer.id,
        )
        yield from from_plain(list[Finding], plain)
    except errors.CoriolisError as error:
        place = 'source' if end == 'source' else 'destination'
        yield _unasked(place, error, name)


def _unasked(end: str, error: errors.CoriolisError, name: str) -> Finding:
    return Finding(
        code=f'{end}_{error.code}',
        severity=Severity.ERROR,
        meaning=f'The {end} could not be asked: {error.message}',
        remedy=f'Validate the connection of the {end} endpoint.',
        instance=name,
    )


def _of_vm(vm: Vm, transfer: Transfer, name: str) -> Iterable[Finding]:
    if not vm.disks:
        yield Finding(
            code='no_disks',
            severity=Severity.ERROR,
            meaning=f'{name!r} has no disks.',
            remedy='Take it out of the transfer.',
            instance=name,
        )
    disks = {disk.id for disk in vm.disks}
    for mapping in transfer.spec.storage_mappings.disk_mappings:
        # With several machines a disk of another one is meant.
        if len(transfer.spec.instances) == 1 and mapping.disk_id not in disks:
            yield Finding(
                code='unknown_disk',
                severity=Severity.WARNING,
                meaning=f'{name!r} has no disk {mapping.disk_id!r}, which '
                'the storage mappings name.',
                remedy=f'Its disks are {", ".join(sorted(disks))}.',
                instance=name,
            )
    for network in sorted({nic.network for nic in vm.nics if nic.network}):
        if network not in transfer.spec.network_map:
            yield Finding(
                code='unmapped_network',
                severity=Severity.WARNING,
                meaning=f'The network {network!r} of {name!r} is not mapped.',
                remedy='Add it to the network map; a deployment fails or '
                'takes a default without it.',
                instance=name,
            )


def _of_replicas(replicas: Sequence[Replica]) -> Iterable[Finding]:
    for replica in replicas:
        if replica.full_reason:
            yield Finding(
                code='next_copy_is_full',
                severity=Severity.INFO,
                meaning=f'The next copy of {replica.instance!r} is a full '
                f'one: {replica.full_reason}',
                remedy='Nothing has to be done.',
                instance=replica.instance,
            )
