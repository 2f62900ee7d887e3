# SPDX-License-Identifier: Apache-2.0
"""Executions of a transfer."""

from __future__ import annotations

import msgspec

from coriolis_ng import errors
from coriolis_ng.api.method import (
    Actions,
    Call,
    Controller,
    action,
    fields_of,
    method,
)
from coriolis_ng.api.schemas import executions as schema
from coriolis_ng.api.views import executions as view
from coriolis_ng.api.views import words
from coriolis_ng.db import api as rows
from coriolis_ng.objects.execution import Execution, ExecutionSpec
from coriolis_ng.policies import executions as rules

ALL = '/transfers/{transfer_id}/executions'
ONE = ALL + '/{execution_id}'


class ExecutionActions(Actions):
    @action(
        f'POST {ONE}/actions',
        'cancel',
        rules.CANCEL,
        body=schema.Cancel,
        status=204,
    )
    def cancel(self, transfer_id: str, id: str, *, call: Call) -> None:
        """Ask an execution to stop; with force it is killed."""
        force = bool(call.body.force)
        if force:
            call.check(rules.FORCE_CANCEL)
        found(call, transfer_id, id)
        call.site.conductor.execution_cancel(call.rpc(), id, force)

    @action(
        f'POST {ONE}/actions',
        'retry',
        rules.CREATE,
        answer=schema.ExecutionAnswer,
    )
    def retry(
        self, transfer_id: str, id: str, *, call: Call
    ) -> schema.ExecutionAnswer:
        """Go on with what a failed execution left, in a new one."""
        before = found(call, transfer_id, id)
        # Asked for now, and by this request: it counts anew.
        spec = msgspec.structs.replace(
            before.spec, retry_of=id, retries=0, request_id=''
        )
        try:
            made = call.site.conductor.execution_create(
                call.rpc(), transfer_id, spec
            )
        except errors.InvalidInput as error:
            # The body has no such field: the URL says what is tried again.
            if error.field == '$.retry_of':
                error.field = '$.retry'
            raise
        return answer(with_tasks(call, made))


class Executions(Controller):
    actions = ExecutionActions()
    _custom_actions = {'detail': ['GET']}

    @method(
        f'GET {ALL}',
        rules.LIST,
        query=schema.ExecutionsQuery,
        answer=schema.ExecutionsAnswer,
    )
    def get_all(
        self, transfer_id: str, *, call: Call
    ) -> schema.ExecutionsAnswer:
        """List the executions of a transfer with their tasks."""
        return _page(call, transfer_id)

    @method(
        f'GET {ALL}/detail',
        rules.LIST,
        query=schema.ExecutionsQuery,
        answer=schema.ExecutionsAnswer,
    )
    def detail(
        self, transfer_id: str, *, call: Call
    ) -> schema.ExecutionsAnswer:
        """List the executions of a transfer with their tasks."""
        return _page(call, transfer_id)

    @method(f'GET {ONE}', rules.SHOW, answer=schema.ExecutionAnswer)
    def get_one(
        self, transfer_id: str, id: str, *, call: Call
    ) -> schema.ExecutionAnswer:
        """Show an execution with its tasks."""
        return answer(found(call, transfer_id, id))

    @method(
        f'POST {ALL}',
        rules.CREATE,
        body=schema.CreateExecution,
        answer=schema.ExecutionAnswer,
    )
    def post(self, transfer_id: str, *, call: Call) -> schema.ExecutionAnswer:
        """Execute a transfer."""
        made = create(call, transfer_id, call.body.execution)
        return answer(made)

    @method(f'DELETE {ONE}', rules.DELETE, status=204)
    def delete(self, transfer_id: str, id: str, *, call: Call) -> None:
        """Delete the record of an execution that has ended."""
        found(call, transfer_id, id)
        call.site.conductor.execution_delete(call.rpc(), id)


def create(
    call: Call, transfer_id: str, given: schema.NewExecution
) -> Execution:
    """Executes a transfer of the caller's project."""
    with call.site.database.reader() as session:
        rows.transfers.get(session, transfer_id, call.project_id)
    spec = ExecutionSpec(
        shutdown_instances=given.shutdown_instances,
        auto_deploy=given.auto_deploy,
        checksum=bool(given.checksum),
        retry_of=given.retry_of,
    )
    with fields_of('$.execution'):
        made = call.site.conductor.execution_create(
            call.rpc(), transfer_id, spec
        )
    return with_tasks(call, made)


def answer(value: Execution) -> schema.ExecutionAnswer:
    """One execution as an answer."""
    return schema.ExecutionAnswer(execution=view.execution(value))


def with_tasks(call: Call, value: Execution) -> Execution:
    """The execution that a command gave, with its tasks: clients read
    them from the first answer on."""
    if value.tasks:
        return value
    with call.site.database.reader() as session:
        return rows.executions.get(session, value.id, with_tasks=True)


def found(call: Call, transfer_id: str, id: str) -> Execution:
    """An execution of the caller's transfer with its tasks; ``NotFound``."""
    with call.site.database.reader() as session:
        value = rows.executions.get(
            session, id, with_tasks=True, project_id=call.project_id
        )
    if value.owner_id != transfer_id:
        raise errors.NotFound(f'there is no execution {id!r}')
    return value


def page(call: Call, transfer_id: str) -> list[Execution]:
    """What the query asks for, each with its tasks."""
    query: schema.ExecutionsQuery = call.query
    if query.status == 'UNEXECUTED':
        raise errors.InvalidInput(
            'An execution is never UNEXECUTED.', field='$.status'
        )
    wanted = words.wanted(query.status) if query.status else None
    filters = {'state': wanted.state} if wanted else {}
    with call.site.database.reader() as session:
        rows.transfers.get(session, transfer_id, call.project_id)
        return [
            *rows.executions.list(
                session,
                transfer_id,
                query.page(**filters),
                call.project_id,
                with_tasks=True,
                cancelling=wanted.cancelling if wanted else None,
            )
        ]


def _page(call: Call, transfer_id: str) -> schema.ExecutionsAnswer:
    return schema.ExecutionsAnswer(
        executions=[view.execution(one) for one in page(call, transfer_id)]
    )
