# SPDX-License-Identifier: Apache-2.0
"""The last executions and the deployments of several owners at once."""

from __future__ import annotations

from coriolis_ng.db import api as db
from coriolis_ng.db.session import Database
from coriolis_ng.objects.execution import ExecutionKind
from tests.unit.db import make


def test_the_last_executions_of_each(database: Database) -> None:
    first, second = make.transfer(database), make.transfer(database)
    runs = [make.execution(database, first.id) for _ in range(4)]
    other = make.execution(database, second.id)
    ids = [first.id, second.id, 'none']

    def found(**more: object) -> dict[str, list[int]]:
        several = database.read(
            lambda s: db.executions.of_owners(s, ids, **more)  # type: ignore[arg-type]
        )
        return {id: [x.number for x in runs] for id, runs in several.items()}

    assert found(most=2) == {first.id: [3, 4], second.id: [1]}
    assert found() == {first.id: [1, 2, 3, 4], second.id: [1]}
    assert found(kind=ExecutionKind.UPDATE) == {}
    assert found(kind=runs[0].kind, most=1) == {
        first.id: [4],
        second.id: [1],
    }
    assert other.number == 1


def test_the_deployments_of_each(database: Database) -> None:
    first, second = make.transfer(database), make.transfer(database)
    made = [make.deployment(first.id) for _ in range(2)]
    for one in made:
        database.write(lambda s, one=one: db.deployments.create(s, one))  # type: ignore[misc]
    ids = [first.id, second.id]
    found = database.read(lambda s: db.deployments.of_transfers(s, ids))
    assert set(found) == {first.id}
    assert [one.id for one in found[first.id]] == [one.id for one in made]
