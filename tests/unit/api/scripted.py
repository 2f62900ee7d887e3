# SPDX-License-Identifier: Apache-2.0
"""A conductor that writes rows and runs nothing.

It keeps the contract of the real one's client as far as the API can see it:
what a command makes is in the database when it returns.
"""

from __future__ import annotations

from typing import Any

import msgspec

from coriolis_ng import errors
from coriolis_ng.conductor.versions import check_tag
from coriolis_ng.db import api as rows
from coriolis_ng.db.rows import NewTask
from coriolis_ng.db.session import Database
from coriolis_ng.objects import from_plain, new_id, to_plain
from coriolis_ng.objects.deployment import (
    DeployedVm,
    Deployment,
    DeploymentSpec,
)
from coriolis_ng.objects.endpoint import Endpoint, EndpointSpec
from coriolis_ng.objects.execution import (
    Cancel,
    Execution,
    ExecutionKind,
    ExecutionSpec,
    ExecutionState,
)
from coriolis_ng.objects.forecast import (
    Forecast,
    PlannedDisk,
    PlannedMode,
    PlannedTask,
)
from coriolis_ng.objects.network import Network, Option, Storage
from coriolis_ng.objects.preflight import Finding, Severity
from coriolis_ng.objects.quota import (
    UNLIMITED,
    Quota,
    QuotaResource,
    QuotaSource,
    tag,
)
from coriolis_ng.objects.recovery_point import RecoveryPoint
from coriolis_ng.objects.transfer import Transfer, TransferSpec
from coriolis_ng.objects.vm import Disk, Firmware, Nic, Vm
from coriolis_ng.rpc.conductor import ApiHalf
from tests.unit.api.resources import Resources

Context = Any

GUEST = Vm(
    id='4f0c',
    name='web/1 ünïcode',
    cpus=2,
    memory=2**30,
    firmware=Firmware.EFI,
    disks=(Disk(id='vda', size=2**31, format='qcow2', backend='source'),),
    nics=(Nic(mac='52:54:00:00:00:01', network='lan'),),
)


FORECAST = Forecast(
    tasks=(
        PlannedTask(index=1, name='CopyDisks', instance='vm1', cleanup=False),
        PlannedTask(
            index=2,
            name='CleanSource',
            instance='vm1',
            cleanup=True,
            needs=(1,),
            cleans=(1,),
        ),
    ),
    disks=(
        PlannedDisk(
            instance='vm1',
            disk_id='vda',
            size=2**31,
            mode=PlannedMode.DELTA,
            reason='what changed since c1',
            bytes=2**20,
            basis='as last time',
        ),
        PlannedDisk(
            instance='vm1',
            disk_id='vdb',
            size=2**30,
            mode=PlannedMode.FULL,
            reason='the volume is new',
            bytes=2**30,
            basis='The whole disk, at most.',
        ),
    ),
    notes=('nothing else',),
)


class Conductor(Resources, ApiHalf):
    """``asked`` are the questions to clouds; an error put into
    ``refusals`` under a verb is raised by it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.cancelled: list[tuple[str, bool]] = []
        self.callers: list[dict[str, Any]] = []
        self.refusals: dict[str, Exception] = {}
        self.planned: list[ExecutionSpec | DeploymentSpec] = []
        self.removed: list[tuple[str, bool]] = []

    def reachable(self) -> bool:
        return 'reachable' not in self.refusals

    def endpoint_create(
        self, context: Context, spec: EndpointSpec
    ) -> Endpoint:
        self.callers.append(context)
        if 'create' in self.refusals:
            raise self.refusals['create']
        info = spec.connection_info
        made = Endpoint(
            id=new_id(),
            project_id=context['project_id'],
            user_id=context['user_id'],
            name=spec.name,
            type=spec.type,
            secret=next(
                (info[k] for k in ('secret_ref', 'secret_id') if k in info),
                f'local:{new_id()}',
            ),
            description=spec.description,
            mapped_regions=spec.mapped_regions,
            slots=spec.slots,
            bandwidth=spec.bandwidth,
        )
        return self.database.write(lambda s: rows.endpoints.create(s, made))

    def endpoint_update(
        self,
        context: Context,
        id: str,
        changes: dict[str, Any],
        version: int | None = None,
    ) -> Endpoint:
        kept = {k: v for k, v in changes.items() if k != 'connection_info'}

        def change(s: Any) -> Endpoint:
            value = rows.endpoints.get(s, id)
            return rows.endpoints.update(
                s, from_plain(Endpoint, {**to_plain(value), **kept})
            )

        return self.database.write(change)

    def endpoint_delete(self, context: Context, id: str) -> None:
        with self.database.reader() as session:
            users = rows.endpoints.users_of(session, id)
        if users:
            raise errors.Forbidden(f'{len(users)} transfers use it')
        self.database.write(lambda s: rows.endpoints.delete(s, id))

    def endpoint_query(
        self, context: Context, id: str, verb: str, args: dict[str, Any]
    ) -> Any:
        self.asked.append((verb, args))
        if verb in self.refusals:
            raise self.refusals[verb]
        return to_plain(
            {
                'validate': {'valid': True, 'message': None},
                'instances': [GUEST],
                'instance': GUEST,
                'networks': [Network(id='n1', name='lan', bridge='br0')],
                'storage': [
                    Storage(id='p1', name='pool', capacity=9, default=True)
                ],
                'pool_options': [Option(name='flavor', values=('m1',))],
                'options': [Option(name='pool', values=('pool',))],
            }[verb]
        )

    def transfer_create(
        self, context: Context, spec: TransferSpec
    ) -> Transfer:
        made = Transfer(
            id=new_id(),
            project_id=context['project_id'],
            user_id=context['user_id'],
            spec=spec,
        )
        return self.database.write(lambda s: rows.transfers.create(s, made))

    def transfer_update(
        self,
        context: Context,
        id: str,
        changes: dict[str, Any],
        version: int | None = None,
    ) -> Execution:
        if 'destination_environment' in self.refusals:
            raise self.refusals['destination_environment']

        def change(s: Any) -> None:
            value = rows.transfers.get(s, id)
            spec = from_plain(
                TransferSpec, {**to_plain(value.spec), **changes}
            )
            rows.transfers.update(s, msgspec.structs.replace(value, spec=spec))

        self.database.write(change)
        made = self._execution(context, id, ExecutionKind.UPDATE)
        self.database.write(
            lambda s: rows.executions.end(s, made.id, ExecutionState.DONE)
        )
        return msgspec.structs.replace(made, state=ExecutionState.DONE)

    def transfer_delete(
        self, context: Context, id: str, with_disks: bool = False
    ) -> None:
        self.database.write(lambda s: rows.transfers.delete(s, id))

    def transfer_delete_disks(self, context: Context, id: str) -> Execution:
        return self._execution(context, id, ExecutionKind.DISKS_DELETE)

    def transfer_preflight(self, context: Context, id: str) -> list[Finding]:
        return [
            Finding(
                code='no_agent',
                severity=Severity.WARNING,
                meaning='The guest has no agent.',
                remedy='Install one.',
                instance='vm1',
            ),
            Finding(
                code='no_space',
                severity=Severity.ERROR,
                meaning='The pool is too small.',
                remedy='Choose another.',
            ),
        ]

    def quota_show(self, context: Context, project_id: str) -> list[Quota]:
        def read(s: Any) -> list[Quota]:
            limits = rows.quotas.limits(s, project_id)
            return [
                Quota(
                    resource=one,
                    limit=limits.get(one, UNLIMITED),
                    usage=rows.quotas.usage(s, project_id, one),
                    source=QuotaSource.PROJECT
                    if one in limits
                    else QuotaSource.DEFAULT,
                )
                for one in QuotaResource
            ]

        return self.database.read(read)

    def quota_update(
        self,
        context: Context,
        project_id: str,
        limits: Any,
        seen: str | None = None,
    ) -> list[Quota]:
        check_tag(tag(self.quota_show(context, project_id)), seen)
        wanted = {QuotaResource(name): one for name, one in limits.items()}
        self.database.write(
            lambda s: rows.quotas.set_limits(s, project_id, wanted)
        )
        return self.quota_show(context, project_id)

    def transfer_plan(
        self, context: Context, id: str, spec: ExecutionSpec
    ) -> Forecast:
        self.planned.append(spec)
        return FORECAST

    def deployment_plan(
        self, context: Context, spec: DeploymentSpec
    ) -> Forecast:
        self.planned.append(spec)
        return FORECAST

    def stray_remove(
        self, context: Context, id: str, forget: bool = False
    ) -> None:
        self.removed.append((id, forget))
        if 'stray_remove' in self.refusals:
            raise self.refusals['stray_remove']

    def execution_create(
        self, context: Context, transfer_id: str, spec: ExecutionSpec
    ) -> Execution:
        if 'execute' in self.refusals:
            raise self.refusals['execute']
        return self._execution(
            context, transfer_id, ExecutionKind.TRANSFER, spec
        )

    def execution_cancel(
        self, context: Context, id: str, force: bool = False
    ) -> None:
        self.cancelled.append((id, force))
        how = Cancel.FORCED if force else Cancel.GRACEFUL
        self.database.write(lambda s: rows.executions.ask_cancel(s, id, how))

    def execution_delete(self, context: Context, id: str) -> None:
        self.database.write(lambda s: rows.executions.delete(s, id))

    def deployment_create(
        self, context: Context, spec: DeploymentSpec
    ) -> Deployment:
        id = new_id()

        def make(s: Any) -> Deployment:
            transfer = rows.transfers.get(s, spec.transfer_id)
            return rows.deployments.create(
                s,
                Deployment(
                    id=id,
                    project_id=context['project_id'],
                    user_id=context['user_id'],
                    spec=spec,
                    instances=tuple(
                        DeployedVm(deployment_id=id, instance=name)
                        for name in transfer.spec.instances
                    ),
                ),
            )

        self.database.write(make)
        self._execution(context, id, ExecutionKind.DEPLOYMENT)
        with self.database.reader() as session:
            return rows.deployments.get(session, id)

    def deployment_cancel(
        self, context: Context, id: str, force: bool = False
    ) -> None:
        self.cancelled.append((id, force))
        how = Cancel.FORCED if force else Cancel.GRACEFUL

        def ask(s: Any) -> None:
            for run in rows.executions.of_owners(s, [id])[id]:
                rows.executions.ask_cancel(s, run.id, how)

        self.database.write(ask)

    def deployment_delete(self, context: Context, id: str) -> None:
        self.database.write(lambda s: rows.deployments.delete(s, id))

    def recovery_point_delete(self, context: Context, id: str) -> Execution:
        with self.database.reader() as session:
            point = rows.recovery_points.get(session, id)
        return self._execution(
            context, point.transfer_id, ExecutionKind.POINTS_DELETE
        )

    def recovery_point_pin(
        self, context: Context, id: str, pinned: bool
    ) -> RecoveryPoint:
        return self.database.write(
            lambda s: rows.recovery_points.set_pinned(s, id, pinned)
        )

    def _execution(
        self,
        context: Context,
        owner_id: str,
        kind: ExecutionKind,
        spec: ExecutionSpec | None = None,
    ) -> Execution:
        made = Execution(
            id=new_id(),
            project_id=context['project_id'],
            owner_id=owner_id,
            kind=kind,
            number=0,
            state=ExecutionState.RUNNING,
            spec=spec or ExecutionSpec(),
        )
        get, copy, clean = new_id(), new_id(), new_id()
        steps = [
            NewTask(id=get, name='GetVm', version=1, instance='vm1', index=1),
            NewTask(
                id=copy,
                name='CopyDisks',
                version=1,
                instance='vm1',
                index=2,
                needs=(get,),
            ),
            NewTask(
                id=clean,
                name='CleanTarget',
                version=1,
                instance='vm1',
                index=3,
                cleans=(copy,),
                cleanup=True,
            ),
        ]
        return self.database.write(
            lambda s: rows.executions.create(s, made, steps)
        )
