# SPDX-License-Identifier: Apache-2.0
"""Limits of projects, and counting that nobody can slip past."""

from __future__ import annotations

from coriolis_ng.db import api as db
from coriolis_ng.db.session import Database
from coriolis_ng.objects.execution import ExecutionKind, ExecutionState
from coriolis_ng.objects.quota import QuotaResource
from tests.unit.db import make

EXECUTIONS = QuotaResource.EXECUTIONS
INSTANCES = QuotaResource.INSTANCES


def limits(database: Database, project: str = 'p1') -> dict[str, int]:
    return database.read(lambda s: db.quotas.limits(s, project))


def test_limits_are_set_and_taken_back(database: Database) -> None:
    assert limits(database) == {}
    database.write(
        lambda s: db.quotas.set_limits(s, 'p1', {EXECUTIONS: 3, INSTANCES: -1})
    )
    database.write(lambda s: db.quotas.set_limits(s, 'p1', {EXECUTIONS: 0}))
    assert limits(database) == {EXECUTIONS: 0, INSTANCES: -1}
    database.write(lambda s: db.quotas.set_limits(s, 'p1', {INSTANCES: None}))
    assert limits(database) == {EXECUTIONS: 0}
    assert limits(database, 'p2') == {}


def test_usage_counts_what_runs_and_what_is_replicated(
    database: Database,
) -> None:
    transfer = make.transfer(database, instances=('a', 'b'))
    make.transfer(database, instances=('c',))
    make.transfer(database, 'p2', instances=('d',))
    first = make.execution(database, transfer.id)
    make.execution(database, transfer.id, kind=ExecutionKind.DISKS_DELETE)

    def usage() -> list[int]:
        return database.read(
            lambda s: [
                db.quotas.usage(s, 'p1', EXECUTIONS),
                db.quotas.usage(s, 'p1', INSTANCES),
            ]
        )

    assert usage() == [1, 3]
    database.write(
        lambda s: db.executions.end(s, first.id, ExecutionState.DONE)
    )
    assert usage() == [0, 3]


def test_who_holds_a_quota_is_alone(database: Database) -> None:
    """Eight at once see each other's transfers; none is miscounted."""

    def claim(number: int) -> int:
        def write(session: object) -> int:
            db.quotas.hold(session, 'p1', INSTANCES)  # type: ignore[arg-type]
            seen = db.quotas.usage(session, 'p1', INSTANCES)  # type: ignore[arg-type]
            if seen < 3:
                given = made[number]
                db.transfers.create(session, given)  # type: ignore[arg-type]
            return seen

        return database.write(write)

    made = []
    for number in range(8):
        one = make.transfer(database, instances=(f'vm{number}',))
        database.write(lambda s, id=one.id: db.transfers.delete(s, id))
        made.append(one)
    assert sorted(make.race(8, claim)) == [0, 1, 2, 3, 3, 3, 3, 3]
