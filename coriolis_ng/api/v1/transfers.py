# SPDX-License-Identifier: Apache-2.0
"""Transfers: what is kept in sync, from where to where."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET
from sqlalchemy.orm import Session

from coriolis_ng import errors
from coriolis_ng.api.method import (
    Actions,
    Call,
    Controller,
    Tagged,
    action,
    fields_of,
    method,
)
from coriolis_ng.api.schemas import bandwidth
from coriolis_ng.api.schemas import executions as execution_schema
from coriolis_ng.api.schemas import plans as plan_schema
from coriolis_ng.api.schemas import transfers as schema
from coriolis_ng.api.v1 import executions, recovery_points, schedules
from coriolis_ng.api.views import executions as execution_view
from coriolis_ng.api.views import plans as plan_view
from coriolis_ng.api.views import transfers as view
from coriolis_ng.api.views import words
from coriolis_ng.db import api as rows
from coriolis_ng.objects import to_plain
from coriolis_ng.objects.execution import ExecutionSpec
from coriolis_ng.objects.transfer import Scenario, Transfer, TransferSpec
from coriolis_ng.policies import transfers as rules

ONE = '/transfers/{transfer_id}'
_MAPPINGS = 'instance_osmorphing_minion_pool_mappings'
# What null takes away.
_REMOVABLE = frozenset({'notes', 'destination_minion_pool_id', 'bandwidth'})
# What has a default of its own in the domain.
_DEFAULTED = (
    'keep_points',
    'keep_hourly',
    'keep_daily',
    'keep_weekly',
    'execution_retries',
)
_FIXED = (
    'instances',
    'origin_endpoint_id',
    'destination_endpoint_id',
    'scenario',
)


class TransferActions(Actions):
    @action(
        f'POST {ONE}/actions',
        'delete-disks',
        rules.DELETE_DISKS,
        answer=execution_schema.ExecutionAnswer,
    )
    def delete_disks(
        self, id: str, *, call: Call
    ) -> execution_schema.ExecutionAnswer:
        """Delete what the transfer keeps on the destination."""
        found(call, id)
        made = call.site.conductor.transfer_delete_disks(call.rpc(), id)
        return executions.answer(executions.with_tasks(call, made))

    @action(
        f'POST {ONE}/actions',
        'preflight',
        rules.PREFLIGHT,
        answer=schema.PreflightAnswer,
    )
    def preflight(self, id: str, *, call: Call) -> schema.PreflightAnswer:
        """Look for all that would fail, at once."""
        found(call, id)
        findings = call.site.conductor.transfer_preflight(call.rpc(), id)
        return schema.PreflightAnswer(preflight=view.preflight(findings))

    @action(
        f'POST {ONE}/actions',
        'plan',
        rules.PLAN,
        body=plan_schema.PlanExecution,
        answer=plan_schema.PlanAnswer,
    )
    def plan(self, id: str, *, call: Call) -> plan_schema.PlanAnswer:
        """Tell what an execution would do: tasks, and for each disk full or
        delta, why, and about how many bytes. Nothing is made."""
        found(call, id)
        given: plan_schema.PlanExecution = call.body
        spec = ExecutionSpec(
            shutdown_instances=given.shutdown_instances,
            auto_deploy=given.auto_deploy,
            checksum=bool(given.checksum),
        )
        told = call.site.conductor.transfer_plan(call.rpc(), id, spec)
        return plan_schema.PlanAnswer(plan=plan_view.plan(told))


class Transfers(Controller):
    actions = TransferActions()
    executions = executions.Executions()
    recovery_points = recovery_points.PointsOfTransfer()
    schedules = schedules.controller(ONE)
    _custom_actions = {'detail': ['GET']}

    @method(
        'GET /transfers',
        rules.LIST,
        query=schema.TransfersQuery,
        answer=schema.TransfersAnswer,
    )
    def get_all(self, *, call: Call) -> schema.TransfersAnswer:
        """List transfers."""
        return _page(call)

    @method(
        'GET /transfers/detail',
        rules.LIST,
        query=schema.TransfersQuery,
        answer=schema.TransfersAnswer,
    )
    def detail(self, *, call: Call) -> schema.TransfersAnswer:
        """List transfers."""
        return _page(call)

    @method(
        f'GET {ONE}',
        rules.SHOW,
        query=schema.TransferQuery,
        answer=schema.TransferAnswer,
        tagged=True,
    )
    def get_one(self, id: str, *, call: Call) -> Tagged:
        """Show a transfer."""
        with call.site.database.reader() as session:
            value = rows.transfers.get(session, id, call.project_id)
            [value] = rows.owners.told(session, [value])
            shown = _shown(session, value, call.query.include_task_info)
        return Tagged(schema.TransferAnswer(transfer=shown), value.version)

    @method(
        'POST /transfers',
        rules.CREATE,
        body=schema.CreateTransfer,
        answer=schema.TransferAnswer,
    )
    def post(self, *, call: Call) -> schema.TransferAnswer:
        """Create a transfer."""
        given: schema.NewTransfer = call.body.transfer
        with fields_of('$.transfer'):
            spec = spec_of(given)
            made = call.site.conductor.transfer_create(call.rpc(), spec)
        return schema.TransferAnswer(transfer=view.transfer(made))

    @method(
        f'PUT {ONE}',
        rules.UPDATE,
        body=schema.UpdateTransfer,
        answer=schema.UpdatedAnswer,
        tagged=True,
    )
    def put(self, id: str, *, call: Call) -> Tagged:
        """Change a transfer."""
        before = found(call, id)
        version = call.bound_to(before.version)
        with fields_of('$.transfer'):
            changes = changes_of(call.body.transfer, before)
            made = call.site.conductor.transfer_update(
                call.rpc(), id, changes, version
            )
        after = found(call, id)
        shown = schema.UpdatedAnswer(
            transfer=view.transfer(after),
            execution=execution_view.execution(made),
        )
        return Tagged(shown, after.version)

    @method(f'DELETE {ONE}', rules.DELETE, status=204, tagged=True)
    def delete(self, id: str, *, call: Call) -> None:
        """Delete a transfer that keeps nothing on the destination."""
        call.bound_to(found(call, id).version)
        call.site.conductor.transfer_delete(call.rpc(), id)


def found(call: Call, id: str) -> Transfer:
    """The transfer of the caller's project; ``NotFound``."""
    with call.site.database.reader() as session:
        return rows.transfers.get(session, id, call.project_id)


def _page(call: Call) -> schema.TransfersAnswer:
    query: schema.TransfersQuery = call.query
    filters: dict[str, Any] = {}
    cancelling = None
    if query.status:
        state, cancelling = words.wanted(query.status)
        filters['last_execution_state'] = state
    with call.site.database.reader() as session:
        several = rows.transfers.list(
            session, call.project_id, query.page(**filters), cancelling
        )
        several = rows.owners.told(session, several)
        kept = {}
        if query.include_task_info:
            kept = rows.replicas.several(session, [one.id for one in several])
    return schema.TransfersAnswer(
        transfers=[view.transfer(one, kept.get(one.id)) for one in several]
    )


def _shown(
    session: Session, value: Transfer, with_info: bool
) -> schema.Transfer:
    replicas = rows.replicas.list(session, value.id) if with_info else None
    return view.transfer(value, replicas)


def spec_of(given: schema.NewTransfer) -> TransferSpec:
    """A body as the domain has it; fields of errors are relative to it."""
    _refuse_pools(given)
    environment = dict(given.destination_environment or {})
    # Answers show both inside the environment too; who sends an answer
    # back means the same.
    network_map = environment.pop('network_map', None)
    inside = environment.pop('storage_mappings', None)
    mappings = given.storage_mappings
    if mappings is None and inside:
        mappings = _mappings(inside)
    keep: dict[str, Any] = {
        name: value
        for name in _DEFAULTED
        if (value := getattr(given, name)) is not None
    }
    return TransferSpec(
        origin_endpoint_id=given.origin_endpoint_id,
        destination_endpoint_id=given.destination_endpoint_id,
        instances=tuple(given.instances),
        scenario=given.scenario or Scenario.REPLICA,
        source_environment=given.source_environment or {},
        destination_environment=environment,
        network_map=given.network_map or network_map or {},
        storage_mappings=(mappings or schema.NewStorageMappings()).value(),
        notes=given.notes,
        user_scripts=(given.user_scripts or schema.NewUserScripts()).value(),
        clone_disks=given.clone_disks is not False,
        skip_os_morphing=bool(given.skip_os_morphing),
        destination_minion_pool_id=given.destination_minion_pool_id,
        morphing_pools=given.instance_osmorphing_minion_pool_mappings or {},
        bandwidth=bandwidth.value(given.bandwidth_limit),
        **keep,
    )


def _mappings(plain: Any) -> schema.NewStorageMappings:
    try:
        return msgspec.convert(plain, schema.NewStorageMappings)
    except msgspec.ValidationError as error:
        where = '$.destination_environment.storage_mappings'
        raise errors.InvalidInput(f'{error}', field=where) from None


def changes_of(
    given: schema.TransferChanges, before: Transfer
) -> dict[str, Any]:
    """Fields of ``TransferSpec``, plain; what stays is left out."""
    for name in _FIXED:
        value = getattr(given, name)
        current = getattr(before.spec, name)
        if name == 'instances':
            current = list(current)
        if value is not UNSET and value != current:
            raise errors.InvalidInput(
                f'The {name.replace("_", " ")} of a transfer cannot be '
                'updated.',
                field=f'$.{name}',
            )
    _refuse_pools(given)
    changes = {
        name: value
        for name, value in msgspec.structs.asdict(given).items()
        if value is not UNSET
        and name not in (*_FIXED, 'origin_minion_pool_id')
    }
    scripts = changes.get('user_scripts')
    if scripts is not None:
        # Clients that have nothing to say of scripts send empty ones.
        changes['user_scripts'] = (
            to_plain(scripts.value()) if scripts.any() else None
        )
    kept = before.spec.storage_mappings
    mappings = changes.get('storage_mappings')
    if mappings is not None:
        changes['storage_mappings'] = to_plain(mappings.over(kept))
    environment = changes.get('destination_environment')
    if environment:
        inside = dict(environment)
        changes.setdefault('network_map', inside.pop('network_map', None))
        within = inside.pop('storage_mappings', None)
        if within and mappings is None:
            found_ = _mappings(within).over(kept)
            changes['storage_mappings'] = to_plain(found_)
        changes['destination_environment'] = inside
    if 'bandwidth_limit' in changes:
        limit = bandwidth.value(changes.pop('bandwidth_limit'))
        changes['bandwidth'] = limit and to_plain(limit)
    if _MAPPINGS in changes:
        changes['morphing_pools'] = changes.pop(_MAPPINGS) or {}
    # Null means "as it is" but for what it removes.
    return {
        name: value
        for name, value in changes.items()
        if value is not None or name in _REMOVABLE
    }


def _refuse_pools(given: Any) -> None:
    if given.origin_minion_pool_id:
        raise errors.InvalidInput(
            'No platform uses worker VMs at a source, so a pool of the origin '
            'would never be used: leave it out.',
            field='$.origin_minion_pool_id',
        )
