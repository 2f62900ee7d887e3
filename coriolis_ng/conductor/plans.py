# SPDX-License-Identifier: Apache-2.0
"""Turns a recipe's plan into rows, and its local ids into real ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy.orm import Session

from coriolis_ng import context
from coriolis_ng.conductor.parts import Parts, Recipes
from coriolis_ng.db import api as db
from coriolis_ng.db.rows import NewTask
from coriolis_ng.engine.plan import Plan
from coriolis_ng.engine.task import Cleanup
from coriolis_ng.objects import new_id
from coriolis_ng.objects.execution import (
    Execution,
    ExecutionKind,
    ExecutionSpec,
    ExecutionState,
    Rank,
)

# The checkpoint of a task by its name and instance.
Inherited = Mapping[tuple[str, str], dict[str, Any]]


def standard_recipes() -> Recipes:
    """The recipes of this release."""
    from coriolis_ng.recipes import (
        deployment,
        disks,
        migration,
        points,
        pool,
        restart,
        transfer,
    )

    return Recipes(
        transfer=transfer.build,
        migration=migration.build,
        deployment=deployment.build,
        teardown=deployment.tear_down,
        disks=disks.build,
        points=points.build,
        pool=pool.build,
        restart=restart.build,
    )


def task_rows(
    parts: Parts, plan: Plan, inherited: Inherited | None = None
) -> list[NewTask]:
    """A row for each step, in the order of the plan. The first of several
    tasks of one name inherits: what it writes to, the others find."""
    left = dict(inherited or {})
    ids = {local: new_id() for local in plan.steps}
    return [
        NewTask(
            id=ids[step.id],
            name=parts.name_of(step.kind),
            version=step.kind.version,
            instance=step.instance,
            index=index,
            input=_inputs(step.plain_inputs(), ids),
            needs=tuple(sorted(ids[i] for i in step.needs)),
            cleans=tuple(sorted(ids[i] for i in step.cleans)),
            cleanup=issubclass(step.kind, Cleanup),
            checkpoint=left.pop(
                (parts.name_of(step.kind), step.instance), None
            ),
        )
        for index, step in enumerate(plan.steps.values(), start=1)
    ]


def create_execution(
    parts: Parts,
    session: Session,
    plan: Plan,
    *,
    id: str,
    kind: ExecutionKind,
    owner_id: str,
    project_id: str,
    spec: ExecutionSpec | None = None,
    inherited: Inherited | None = None,
    rank: Rank = Rank.DELTA,
) -> Execution:
    """Writes an execution with its tasks; nothing runs before ``advance``.
    ``inherited`` is what a task goes on from, by its name and instance;
    ``rank`` says who goes first where there is not room for all."""
    execution = Execution(
        id=id,
        project_id=project_id,
        owner_id=owner_id,
        kind=kind,
        number=0,  # the row's owner counts
        state=ExecutionState.RUNNING,
        spec=_traced(spec or ExecutionSpec(), rank),
    )
    return db.executions.create(
        session, execution, task_rows(parts, plan, inherited or {})
    )


def _traced(spec: ExecutionSpec, rank: Rank) -> ExecutionSpec:
    asked = spec.request_id or context.current().about().get('request_id', '')
    return msgspec.structs.replace(
        spec,
        request_id=asked,
        rank=rank,
        # Conductors of the release before read no null here.
        shutdown_instances=bool(spec.shutdown_instances),
        auto_deploy=bool(spec.auto_deploy),
    )


def _inputs(plain: dict[str, Any], ids: dict[str, str]) -> dict[str, Any]:
    return {
        name: {'ref': [ids[given['ref'][0]], given['ref'][1]]}
        if 'ref' in given
        else given
        for name, given in plain.items()
    }
