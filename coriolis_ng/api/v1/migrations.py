# SPDX-License-Identifier: Apache-2.0
"""Migrations: a live migration from its first copy to the machine, or a
deployment of a replica, as one thing that is started, watched and deleted."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from sqlalchemy.orm import Session

from coriolis_ng import errors
from coriolis_ng.api.method import (
    Actions,
    Call,
    Controller,
    action,
    fields_of,
    method,
)
from coriolis_ng.api.schemas import migrations as schema
from coriolis_ng.api.schemas.executions import Cancel, NewExecution
from coriolis_ng.api.schemas.parts import PageQuery
from coriolis_ng.api.v1 import deployments, ends, executions, replicas
from coriolis_ng.api.views import migrations as view
from coriolis_ng.api.views.migrations import Parts
from coriolis_ng.db import api as rows
from coriolis_ng.objects.deployment import Deployment
from coriolis_ng.objects.execution import (
    Execution,
    ExecutionKind,
    ExecutionState,
)
from coriolis_ng.objects.transfer import Scenario, Transfer
from coriolis_ng.policies import deployments as deployment_rules
from coriolis_ng.policies import executions as execution_rules
from coriolis_ng.policies import migrations as rules
from coriolis_ng.policies import transfers as transfer_rules

ONE = '/migrations/{migration_id}'
LIVE = Scenario.LIVE_MIGRATION


def _migration_actions(word: str) -> Actions:
    """``actions``, or ``action`` as the first description spelled it."""

    class MigrationActions(Actions):
        @action(
            f'POST {ONE}/{word}',
            'cancel',
            rules.CANCEL,
            body=Cancel,
            status=204,
        )
        def cancel(self, id: str, *, call: Call) -> None:
            """Ask a migration to stop; with force it is killed."""
            force = bool(call.body.force)
            call.check(execution_rules.CANCEL)
            call.check(deployment_rules.CANCEL)
            if force:
                call.check(execution_rules.FORCE_CANCEL)
                call.check(deployment_rules.FORCE_CANCEL)
            _cancel(call, id, force)

    return MigrationActions()


class Migrations(Controller):
    actions = _migration_actions('actions')
    action = _migration_actions('action')
    _custom_actions = {'detail': ['GET']}

    @method(
        'GET /migrations',
        rules.LIST,
        query=PageQuery,
        answer=schema.MigrationsAnswer,
    )
    def get_all(self, *, call: Call) -> schema.MigrationsAnswer:
        """List migrations."""
        return _page(call)

    @method(
        'GET /migrations/detail',
        rules.LIST,
        query=PageQuery,
        answer=schema.MigrationsAnswer,
    )
    def detail(self, *, call: Call) -> schema.MigrationsAnswer:
        """List migrations."""
        return _page(call)

    @method(f'GET {ONE}', rules.SHOW, answer=schema.MigrationAnswer)
    def get_one(self, id: str, *, call: Call) -> schema.MigrationAnswer:
        """Show a migration with its tasks."""
        return _answer(call, id)

    @method(
        'POST /migrations',
        rules.CREATE,
        body=schema.CreateMigration,
        answer=schema.MigrationAnswer,
    )
    def post(self, *, call: Call) -> schema.MigrationAnswer:
        """Create a migration and start it."""
        given: schema.NewMigration = call.body.migration
        with fields_of('$.migration'):
            given.check()
            if given.replica_id is None:
                return _answer(call, _start(call, given))
            call.check(deployment_rules.CREATE)
            replicas.found(call, given.replica_id)
            made = deployments.create(call, given.deployment())
        return _answer(call, made.id)

    @method(f'DELETE {ONE}', rules.DELETE, status=204)
    def delete(self, id: str, *, call: Call) -> None:
        """Delete a migration that has ended; its machines stay."""
        call.check(transfer_rules.DELETE)
        call.check(deployment_rules.DELETE)
        with call.site.database.reader() as session:
            parts = _found(session, call, id)
        if view.status(parts) in {'RUNNING', 'CANCELLING'}:
            raise errors.Conflict(
                'The migration is running: wait for it or cancel it.'
            )
        if parts.transfer is None or not parts.live:
            call.site.conductor.deployment_delete(call.rpc(), id)
        else:
            _delete(call, parts.transfer)


def _start(call: Call, given: schema.NewMigration) -> str:
    """A live migration's transfer and its first run; the transfer's id."""
    call.check(transfer_rules.CREATE)
    call.check(execution_rules.CREATE)
    made = ends.create_transfer(
        call,
        given,
        scenario=LIVE,
        # What was copied becomes the machine; nothing is kept beside it.
        clone_disks=False,
        replication_count=given.replication_count or 2,
        # Nobody's machine is switched off who did not ask for it.
        shutdown_instances=bool(given.shutdown_instances),
    )
    try:
        executions.create(call, made.id, NewExecution())
    except errors.CoriolisError:
        with contextlib.suppress(errors.CoriolisError):
            call.site.conductor.transfer_delete(call.rpc(), made.id)
        raise
    return made.id


def _cancel(call: Call, id: str, force: bool) -> None:
    """Whatever of it runs; it may go from copying to deploying while it is
    looked at, so there is a second look."""
    for last in (False, True):
        with call.site.database.reader() as session:
            parts = _found(session, call, id)
        if last or parts.deploying:
            _check_cancel(parts, force)
        try:
            if parts.deployment is not None:
                call.site.conductor.deployment_cancel(
                    call.rpc(), parts.deployment.id, force
                )
            elif parts.run is not None:
                call.site.conductor.execution_cancel(
                    call.rpc(), parts.run.id, force
                )
            else:
                raise errors.Conflict('The migration is not running.')
        except errors.Conflict:
            if last or parts.deployment is not None:
                raise
            continue
        return


def _check_cancel(parts: Parts, force: bool) -> None:
    """In the words of a migration: ``Conflict`` where there is nothing to
    cancel."""
    now = view.status(parts)
    if now == 'CANCELLING' and not force:
        raise errors.Conflict(
            'The migration is being cancelled already. It can be forced.'
        )
    if now not in {'RUNNING', 'CANCELLING'}:
        raise errors.Conflict('The migration is not running.')


def _delete(call: Call, transfer: Transfer) -> None:
    with call.site.database.reader() as session:
        made = rows.deployments.of_transfers(session, [transfer.id])
    for deployment in made.get(transfer.id, ()):
        call.site.conductor.deployment_delete(call.rpc(), deployment.id)
    call.site.conductor.transfer_delete(
        call.rpc(), transfer.id, with_disks=True
    )


def _answer(call: Call, id: str) -> schema.MigrationAnswer:
    with call.site.database.reader() as session:
        parts = _found(session, call, id)
        known = replicas.clouds(
            session, [parts.transfer] if parts.transfer else []
        )
    shown = view.migration(parts, known, with_tasks=True)
    return schema.MigrationAnswer(migration=shown)


def _found(session: Session, call: Call, id: str) -> Parts:
    """By the id of a live migration's transfer or of a deployment, with
    all tasks."""
    try:
        transfer = rows.transfers.get(session, id, call.project_id)
    except errors.NotFound:
        try:
            deployment = rows.deployments.get(session, id, call.project_id)
        except errors.NotFound:
            raise _missing(id) from None
        found = _of_replicas(session, call.project_id, [deployment])
    else:
        found = _live(session, [transfer] if _is_live(transfer) else [])
    if not found:
        raise _missing(id)
    [parts] = found
    kept = (
        rows.replicas.list(session, parts.transfer.id)
        if parts.transfer
        else []
    )
    return Parts(
        transfer=parts.transfer,
        run=_full(session, parts.run),
        deployment=parts.deployment,
        deploying=_last(session, parts.deployment),
        kept=kept,
        live=parts.live,
    )


def _missing(id: str) -> errors.NotFound:
    return errors.NotFound(f'there is no migration {id!r}')


def _full(session: Session, value: Execution | None) -> Execution | None:
    if value is None:
        return None
    return rows.executions.get(session, value.id, with_tasks=True)


def _page(call: Call) -> schema.MigrationsAnswer:
    with call.site.database.reader() as session:
        ids = rows.migrations.list(session, call.project_id, call.query.page())
        moving = [*rows.transfers.several(session, ids).values()]
        made = rows.deployments.several(session, ids)
        found = {
            one.id: one
            for one in (
                *_live(session, moving),
                *_of_replicas(session, call.project_id, made),
            )
        }
        several = [found[id] for id in ids]
        known = replicas.clouds(
            session, [one.transfer for one in several if one.transfer]
        )
    return schema.MigrationsAnswer(
        migrations=[
            view.migration(one, known, with_tasks=False) for one in several
        ]
    )


def _live(session: Session, transfers: Sequence[Transfer]) -> list[Parts]:
    ids = [one.id for one in transfers]
    runs = rows.executions.of_owners(
        session, ids, ExecutionKind.TRANSFER, most=1
    )
    made = rows.deployments.of_transfers(session, ids)
    found = []
    for transfer in transfers:
        run = next(iter(runs.get(transfer.id, ())), None)
        following = _following(run, made.get(transfer.id, ()))
        found.append(
            Parts(
                transfer=transfer,
                run=run,
                deployment=following,
                live=True,
            )
        )
    return found


def _following(
    run: Execution | None, made: Sequence[Deployment]
) -> Deployment | None:
    """The last deployment, unless a run began after it."""
    if run is None or run.state is not ExecutionState.DONE or not made:
        return None
    last = made[-1]
    assert last.created_at is not None
    assert run.created_at is not None
    return last if last.created_at >= run.created_at else None


def _of_replicas(
    session: Session, project_id: str, made: Sequence[Deployment]
) -> list[Parts]:
    """Deployments that are not part of a live migration."""
    known = {
        id: one
        for id, one in rows.transfers.several(
            session, [one.spec.transfer_id for one in made]
        ).items()
        if one.project_id == project_id
    }
    return [
        Parts(transfer=known.get(one.spec.transfer_id), deployment=one)
        for one in made
        if not _is_live(known.get(one.spec.transfer_id))
    ]


def _is_live(transfer: Transfer | None) -> bool:
    return transfer is not None and transfer.spec.scenario is LIVE


def _last(session: Session, value: Deployment | None) -> Execution | None:
    """The last execution of a deployment, with its tasks."""
    if value is None:
        return None
    runs = rows.executions.of_owners(session, [value.id], most=1)
    return _full(session, next(iter(runs.get(value.id, ())), None))
