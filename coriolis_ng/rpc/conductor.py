# SPDX-License-Identifier: Apache-2.0
"""The client of the conductor: one half for the API, one for workers.

``context`` of the API's half is a dict with ``project_id``, ``user_id``,
``roles`` and ``request_id``. All methods raise the errors of
``coriolis_ng.errors`` that the conductor raised, and ``Unreachable``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import oslo_messaging

from coriolis_ng.objects import from_plain, to_plain
from coriolis_ng.objects.deployment import (
    Deployment,
    DeploymentPurpose,
    DeploymentSpec,
)
from coriolis_ng.objects.endpoint import Endpoint, EndpointSpec
from coriolis_ng.objects.execution import Execution, ExecutionSpec
from coriolis_ng.objects.preflight import Finding
from coriolis_ng.objects.recovery_point import RecoveryPoint
from coriolis_ng.objects.resource import Resource, ResourceKind
from coriolis_ng.objects.transfer import Transfer, TransferSpec
from coriolis_ng.rpc import sealing
from coriolis_ng.rpc import transport as bus
from coriolis_ng.rpc.minion_pools import MinionPoolCalls
from coriolis_ng.rpc.quotas import QuotaCalls, said
from coriolis_ng.rpc.regions import RegionCalls
from coriolis_ng.rpc.schedules import ScheduleCalls
from coriolis_ng.rpc.shares import Shares
from coriolis_ng.rpc.wire import Assignment, Beat, Orders, Result

Context = Mapping[str, Any]


class ApiHalf(MinionPoolCalls, QuotaCalls, RegionCalls, ScheduleCalls):
    """What users ask for."""

    _client: bus.Client

    def reachable(self) -> bool:
        """Whether the bus takes messages."""
        return self._client.reachable()

    def endpoint_create(
        self, context: Context, spec: EndpointSpec
    ) -> Endpoint:
        plain = self._client.call(
            'endpoint_create', context, spec=to_plain(spec)
        )
        return from_plain(Endpoint, plain)

    def endpoint_update(
        self,
        context: Context,
        id: str,
        changes: dict[str, Any],
        version: int | None = None,
    ) -> Endpoint:
        """``changes``: any of name, description, connection_info,
        mapped_regions, slots, bandwidth. ``PreconditionFailed`` when it is
        not of ``version`` any more; None is any."""
        plain = self._client.call(
            'endpoint_update', context, id=id, changes=changes, version=version
        )
        return from_plain(Endpoint, plain)

    def endpoint_delete(self, context: Context, id: str) -> None:
        """``Forbidden`` while transfers refer to it."""
        self._client.call('endpoint_delete', context, id=id)

    def endpoint_query(
        self, context: Context, id: str, verb: str, args: dict[str, Any]
    ) -> Any:
        """Asks the cloud; the plain value of ``wire.Answer``. ``args`` may
        have ``env``, the environment's options."""
        return self._ask(
            'endpoint_query', context, id=id, verb=verb, args=args
        )

    def transfer_create(
        self, context: Context, spec: TransferSpec
    ) -> Transfer:
        plain = self._client.call(
            'transfer_create', context, spec=to_plain(spec)
        )
        return from_plain(Transfer, plain)

    def transfer_update(
        self,
        context: Context,
        id: str,
        changes: dict[str, Any],
        version: int | None = None,
    ) -> Execution:
        """``changes`` are fields of ``TransferSpec``; environments and the
        network map are merged, the others replaced. Gives the execution
        (of kind update, done already) that records the change.
        ``PreconditionFailed`` when it is not of ``version`` any more."""
        plain = self._client.call(
            'transfer_update', context, id=id, changes=changes, version=version
        )
        return from_plain(Execution, plain)

    def transfer_delete(
        self, context: Context, id: str, with_disks: bool = False
    ) -> None:
        """``Conflict`` while it is busy or has disks left; ``with_disks``
        removes those first, and the transfer goes when they are gone."""
        self._client.call(
            'transfer_delete', context, id=id, with_disks=with_disks
        )

    def transfer_delete_disks(self, context: Context, id: str) -> Execution:
        plain = self._client.call('transfer_delete_disks', context, id=id)
        return from_plain(Execution, plain)

    def transfer_preflight(self, context: Context, id: str) -> list[Finding]:
        plain = self._ask('transfer_preflight', context, id=id)
        return from_plain(list[Finding], plain)

    def stray_remove(
        self, context: Context, id: str, forget: bool = False
    ) -> None:
        """Asks a cloud to drop it and takes it out of the ledger; with
        ``forget`` only the latter. Raises what the cloud raised."""
        self._ask('stray_remove', context, id=id, forget=forget)

    def execution_create(
        self, context: Context, transfer_id: str, spec: ExecutionSpec
    ) -> Execution:
        plain = self._client.call(
            'execution_create',
            context,
            transfer_id=transfer_id,
            spec=said(spec),
        )
        return from_plain(Execution, plain)

    def execution_cancel(
        self, context: Context, id: str, force: bool = False
    ) -> None:
        self._client.call('execution_cancel', context, id=id, force=force)

    def execution_delete(self, context: Context, id: str) -> None:
        self._client.call('execution_delete', context, id=id)

    def deployment_create(
        self, context: Context, spec: DeploymentSpec
    ) -> Deployment:
        # For the last deployment the source is asked about each machine.
        final = spec.purpose is DeploymentPurpose.FINAL
        call = self._ask if final else self._client.call
        plain = call('deployment_create', context, spec=to_plain(spec))
        return from_plain(Deployment, plain)

    def deployment_cancel(
        self, context: Context, id: str, force: bool = False
    ) -> None:
        self._client.call('deployment_cancel', context, id=id, force=force)

    def deployment_delete(self, context: Context, id: str) -> None:
        self._client.call('deployment_delete', context, id=id)

    def recovery_point_delete(self, context: Context, id: str) -> Execution:
        plain = self._client.call('recovery_point_delete', context, id=id)
        return from_plain(Execution, plain)

    def recovery_point_pin(
        self, context: Context, id: str, pinned: bool
    ) -> RecoveryPoint:
        plain = self._client.call(
            'recovery_point_pin', context, id=id, pinned=pinned
        )
        return from_plain(RecoveryPoint, plain)


class WorkerHalf:
    """What workers tell and ask; all of it may be repeated."""

    _client: bus.Client
    _beats: bus.Client

    def take(
        self, task_id: str, attempt: int, host: str, incarnation: str
    ) -> Assignment:
        """Confirms a start; ``Stale`` when it is another's or over."""
        plain = self._client.call(
            'take',
            task_id=task_id,
            attempt=attempt,
            host_name=host,
            incarnation=incarnation,
        )
        return from_plain(Assignment, plain)

    def beat(self, beat: Beat) -> Orders:
        plain = self._beats.call('beat', beat=to_plain(beat))
        return from_plain(Orders, plain)

    def created(self, task_id: str, attempt: int, resource: Resource) -> None:
        """Returns after the commit; ``Stale`` when the attempt is over."""
        self._client.call(
            'created',
            task_id=task_id,
            attempt=attempt,
            resource=to_plain(resource),
        )

    def dropped(
        self, task_id: str, attempt: int, kind: ResourceKind, id: str
    ) -> None:
        """Takes an entry out of the ledger."""
        self._client.call(
            'dropped', task_id=task_id, attempt=attempt, kind=kind.value, id=id
        )

    def finish(self, task_id: str, attempt: int, result: Result) -> None:
        """Repeat it until it returns or raises ``Stale``."""
        self._client.call(
            'finish',
            task_id=task_id,
            attempt=attempt,
            result=to_plain(result),
        )

    def secret_get(self, ref: str, task_id: str, attempt: int) -> str:
        """The payload, sealed to the key that the taker beats with."""
        return self._client.call(
            'secret_get', ref=ref, task_id=task_id, attempt=attempt
        )

    def secret_put(self, task_id: str, attempt: int, sealed: str) -> str:
        """Stores what was sealed to ``Assignment.seal_to``; a reference."""
        return self._client.call(
            'secret_put', task_id=task_id, attempt=attempt, sealed=sealed
        )

    def secret_drop(self, ref: str, task_id: str, attempt: int) -> None:
        """Drops what ``secret_put`` stored."""
        self._client.call(
            'secret_drop', ref=ref, task_id=task_id, attempt=attempt
        )


class ConductorClient(ApiHalf, WorkerHalf):
    """Both halves over the bus.

    ``seal`` encrypts for a public key, ``(public key, payload) -> sealed``:
    the API's secrets go to the conductors in this way only; ``tokens`` says
    that the callers' tokens are of use there. Nobody waits longer than half
    a lease (``lease_seconds``) for the answer to a beat: a conductor that
    ends takes it along, and there must be time for another one. No more than
    ``questions`` that clouds have to answer are asked at once,
    ``project_questions`` of them by one project.
    """

    def __init__(
        self,
        transport: oslo_messaging.Transport,
        *,
        timeout_seconds: float = 30,
        query_seconds: float = 60,
        lease_seconds: float = 90,
        seal: sealing.Seal | None = None,
        tokens: bool = False,
        questions: int = 10,
        project_questions: int = 6,
    ) -> None:
        self._asked = Shares(questions, project_questions)
        sealer = None
        if seal is not None:
            sealer = sealing.Sealer(seal, self._seal_key, tokens=tokens)
        self._client = bus.Client(
            transport,
            bus.CONDUCTOR,
            timeout_seconds=timeout_seconds,
            who='conductor',
            sealer=sealer,
        )
        self._beats = bus.Client(
            transport,
            bus.CONDUCTOR,
            timeout_seconds=min(timeout_seconds, lease_seconds / 2),
            who='conductor',
            sealer=sealer,
        )
        # A preflight asks two clouds for each machine, one after the other.
        self._queries = bus.Client(
            transport,
            bus.QUERIES,
            timeout_seconds=4 * query_seconds,
            who='conductor',
            sealer=sealer,
        )

    def _seal_key(self) -> str:
        return str(self._client.call('seal_key'))
