# SPDX-License-Identifier: Apache-2.0
"""Replicas: what transfers were called until 2024, at the same rows."""

from __future__ import annotations

from typing import Any

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
from coriolis_ng.api.schemas import executions as execution_schema
from coriolis_ng.api.schemas import replicas as schema
from coriolis_ng.api.schemas.parts import PageQuery
from coriolis_ng.api.v1 import ends, executions, schedules, transfers
from coriolis_ng.api.views import replicas as view
from coriolis_ng.db import api as rows
from coriolis_ng.objects.endpoint import Endpoint
from coriolis_ng.objects.execution import Execution
from coriolis_ng.objects.transfer import Scenario, Transfer
from coriolis_ng.policies import executions as execution_rules
from coriolis_ng.policies import transfers as rules

ONE = '/replicas/{replica_id}'
EXECUTIONS = f'{ONE}/executions'
EXECUTION = EXECUTIONS + '/{execution_id}'


def _replica_actions(word: str) -> Actions:
    """``actions``, or ``action`` as the first description spelled it."""

    class ReplicaActions(Actions):
        @action(
            f'POST {ONE}/{word}',
            'delete-disks',
            rules.DELETE_DISKS,
            answer=execution_schema.ExecutionAnswer,
        )
        def delete_disks(
            self, id: str, *, call: Call
        ) -> execution_schema.ExecutionAnswer:
            """Delete what the replica keeps on the destination."""
            found(call, id)
            made = call.site.conductor.transfer_delete_disks(call.rpc(), id)
            return _execution(executions.with_tasks(call, made))

    return ReplicaActions()


def _execution_actions(word: str) -> Actions:
    class ReplicaExecutionActions(Actions):
        @action(
            f'POST {EXECUTION}/{word}',
            'cancel',
            execution_rules.CANCEL,
            body=execution_schema.Cancel,
            status=204,
        )
        def cancel(self, replica_id: str, id: str, *, call: Call) -> None:
            """Ask an execution to stop; with force it is killed."""
            force = bool(call.body.force)
            if force:
                call.check(execution_rules.FORCE_CANCEL)
            executions.found(call, replica_id, id)
            call.site.conductor.execution_cancel(call.rpc(), id, force)

    return ReplicaExecutionActions()


class ReplicaExecutions(Controller):
    actions = _execution_actions('actions')
    action = _execution_actions('action')
    _custom_actions = {'detail': ['GET']}

    @method(
        f'GET {EXECUTIONS}',
        execution_rules.LIST,
        query=execution_schema.ExecutionsQuery,
        answer=execution_schema.ExecutionsAnswer,
    )
    def get_all(
        self, replica_id: str, *, call: Call
    ) -> execution_schema.ExecutionsAnswer:
        """List the executions of a replica with their tasks."""
        return _executions(call, replica_id)

    @method(
        f'GET {EXECUTIONS}/detail',
        execution_rules.LIST,
        query=execution_schema.ExecutionsQuery,
        answer=execution_schema.ExecutionsAnswer,
    )
    def detail(
        self, replica_id: str, *, call: Call
    ) -> execution_schema.ExecutionsAnswer:
        """List the executions of a replica with their tasks."""
        return _executions(call, replica_id)

    @method(
        f'GET {EXECUTION}',
        execution_rules.SHOW,
        answer=execution_schema.ExecutionAnswer,
    )
    def get_one(
        self, replica_id: str, id: str, *, call: Call
    ) -> execution_schema.ExecutionAnswer:
        """Show an execution with its tasks."""
        return _execution(executions.found(call, replica_id, id))

    @method(
        f'POST {EXECUTIONS}',
        execution_rules.CREATE,
        body=execution_schema.CreateExecution,
        answer=execution_schema.ExecutionAnswer,
    )
    def post(
        self, replica_id: str, *, call: Call
    ) -> execution_schema.ExecutionAnswer:
        """Execute a replica."""
        found(call, replica_id)
        made = executions.create(call, replica_id, call.body.execution)
        return _execution(made)

    @method(f'DELETE {EXECUTION}', execution_rules.DELETE, status=204)
    def delete(self, replica_id: str, id: str, *, call: Call) -> None:
        """Delete the record of an execution that has ended."""
        executions.found(call, replica_id, id)
        call.site.conductor.execution_delete(call.rpc(), id)


class Replicas(Controller):
    actions = _replica_actions('actions')
    action = _replica_actions('action')
    executions = ReplicaExecutions()
    schedules = schedules.controller(ONE)
    _custom_actions = {'detail': ['GET']}

    @method(
        'GET /replicas',
        rules.LIST,
        query=PageQuery,
        answer=schema.ReplicasAnswer,
    )
    def get_all(self, *, call: Call) -> schema.ReplicasAnswer:
        """List replicas."""
        return _page(call)

    @method(
        'GET /replicas/detail',
        rules.LIST,
        query=PageQuery,
        answer=schema.ReplicasAnswer,
    )
    def detail(self, *, call: Call) -> schema.ReplicasAnswer:
        """List replicas."""
        return _page(call)

    @method(f'GET {ONE}', rules.SHOW, answer=schema.ReplicaAnswer, tagged=True)
    def get_one(self, id: str, *, call: Call) -> Tagged:
        """Show a replica with what its tasks know."""
        with call.site.database.reader() as session:
            value = _get(session, call, id)
            kept = rows.replicas.list(session, id)
            [shown] = _shown(session, [value], kept)
        return Tagged(schema.ReplicaAnswer(replica=shown), value.version)

    @method(
        'POST /replicas',
        rules.CREATE,
        body=schema.CreateReplica,
        answer=schema.ReplicaAnswer,
    )
    def post(self, *, call: Call) -> schema.ReplicaAnswer:
        """Create a replica."""
        with fields_of('$.replica'):
            made = ends.create_transfer(call, call.body.replica)
        with call.site.database.reader() as session:
            [shown] = _shown(session, [made])
        return schema.ReplicaAnswer(replica=shown)

    @method(
        f'PUT {ONE}',
        rules.UPDATE,
        body=schema.UpdateReplica,
        answer=schema.UpdatedReplicaAnswer,
        tagged=True,
    )
    def put(self, id: str, *, call: Call) -> Tagged:
        """Change a replica."""
        before = found(call, id)
        version = call.bound_to(before.version)
        with fields_of('$.replica'):
            changes = transfers.changes_of(call.body.replica, before)
            made = call.site.conductor.transfer_update(
                call.rpc(), id, changes, version
            )
        with call.site.database.reader() as session:
            after = _get(session, call, id)
            [shown] = _shown(session, [after])
        answer = schema.UpdatedReplicaAnswer(
            replica=shown, execution=view.execution(made)
        )
        return Tagged(answer, after.version)

    @method(f'DELETE {ONE}', rules.DELETE, status=204, tagged=True)
    def delete(self, id: str, *, call: Call) -> None:
        """Delete a replica that keeps nothing on the destination."""
        call.bound_to(found(call, id).version)
        call.site.conductor.transfer_delete(call.rpc(), id)


def found(call: Call, id: str) -> Transfer:
    """The replica of the caller's project; ``NotFound``, also for what is a
    migration."""
    with call.site.database.reader() as session:
        return _get(session, call, id)


def clouds(session: Session, values: list[Transfer]) -> dict[str, Endpoint]:
    """The endpoints of all of them, by id."""
    ids = {
        id
        for one in values
        for id in (
            one.spec.origin_endpoint_id,
            one.spec.destination_endpoint_id,
        )
    }
    return rows.endpoints.several(session, [*ids])


def _get(session: Session, call: Call, id: str) -> Transfer:
    value = rows.transfers.get(session, id, call.project_id)
    if value.spec.scenario is not Scenario.REPLICA:
        raise errors.NotFound(f'there is no replica {id!r}')
    return value


def _shown(
    session: Session, values: list[Transfer], kept: Any = None
) -> list[schema.Replica]:
    values = [*rows.owners.told(session, values)]
    known = clouds(session, values)
    runs = rows.executions.of_owners(session, [one.id for one in values])
    return [
        view.replica(one, known, runs.get(one.id, ()), kept) for one in values
    ]


def _page(call: Call) -> schema.ReplicasAnswer:
    page = call.query.page(scenario=Scenario.REPLICA)
    with call.site.database.reader() as session:
        values = rows.transfers.list(session, call.project_id, page)
        shown = _shown(session, [*values])
    return schema.ReplicasAnswer(replicas=shown)


def _execution(value: Execution) -> execution_schema.ExecutionAnswer:
    return execution_schema.ExecutionAnswer(execution=view.execution(value))


def _executions(
    call: Call, replica_id: str
) -> execution_schema.ExecutionsAnswer:
    found(call, replica_id)
    return execution_schema.ExecutionsAnswer(
        executions=[
            view.execution(one) for one in executions.page(call, replica_id)
        ]
    )
