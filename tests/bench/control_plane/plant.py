# SPDX-License-Identifier: Apache-2.0
"""Rows for the benchmark, written through ``db.api`` as conductors write
them: transfers, and executions of tasks that do nothing."""

from __future__ import annotations

from collections.abc import Sequence

import bench_noop
from sqlalchemy.orm import Session

from coriolis_ng.db import api as db
from coriolis_ng.db.rows import NewTask
from coriolis_ng.db.session import Database
from coriolis_ng.objects import new_id
from coriolis_ng.objects.endpoint import Endpoint
from coriolis_ng.objects.execution import (
    Execution,
    ExecutionKind,
    ExecutionState,
)
from coriolis_ng.objects.transfer import Transfer, TransferSpec
from tests.bench.control_plane.site import PROJECT

AT_ONCE = 500


def endpoints(database: Database) -> tuple[str, str]:
    """Two clouds that nobody will ever ask."""

    def write(session: Session) -> tuple[str, str]:
        made = [
            db.endpoints.create(
                session,
                Endpoint(
                    id=new_id(),
                    project_id=PROJECT,
                    user_id='bench',
                    name=name,
                    type='memory',
                    secret='none',
                    mapped_regions=(),
                ),
            ).id
            for name in ('source', 'target')
        ]
        return made[0], made[1]

    return database.write(write)


def transfers(
    database: Database, ends: tuple[str, str], count: int
) -> list[str]:
    """So many transfers of three machines each; their ids."""
    ids = [new_id() for _ in range(count)]
    for begin in range(0, count, AT_ONCE):
        some = ids[begin : begin + AT_ONCE]
        database.write(lambda s, ids=some: _transfers(s, ends, ids))
    return ids


def _transfers(
    session: Session, ends: tuple[str, str], ids: Sequence[str]
) -> None:
    for id in ids:
        spec = TransferSpec(
            origin_endpoint_id=ends[0],
            destination_endpoint_id=ends[1],
            instances=tuple(f'{id[:8]}-{n}' for n in ('web', 'app', 'db')),
            source_environment={'freeze': True},
            destination_environment={'network': 'lan', 'set_dhcp': True},
            network_map={'VM Network': 'private'},
            notes='One of many.',
        )
        db.transfers.create(
            session,
            Transfer(id=id, project_id=PROJECT, user_id='bench', spec=spec),
        )


def steps(count: int, *, chain: bool) -> list[NewTask]:
    """Each after the one before, or all at once."""
    ids = [new_id() for _ in range(count)]
    made = []
    for number, id in enumerate(ids):
        before = ids[number - 1 : number] if chain and number else []
        given: dict[str, object] = {'number': {'value': number}}
        if before:
            given['before'] = {'ref': [before[0], 'number']}
        made.append(
            NewTask(
                id=id,
                name=bench_noop.NAME,
                version=bench_noop.Noop.version,
                instance='web',
                index=number + 1,
                input=given,
                needs=tuple(before),
            )
        )
    return made


def executions(
    database: Database, owners: Sequence[str], tasks: int, *, chain: bool
) -> list[str]:
    """One for each transfer, all of them in one commit: conductors see
    them at the same moment."""
    ids = [new_id() for _ in owners]

    def write(session: Session) -> None:
        for id, owner in zip(ids, owners, strict=True):
            db.transfers.claim(session, owner, id)
            made = Execution(
                id=id,
                project_id=PROJECT,
                owner_id=owner,
                kind=ExecutionKind.TRANSFER,
                number=0,
                state=ExecutionState.RUNNING,
            )
            db.executions.create(session, made, steps(tasks, chain=chain))

    database.write(write)
    return ids
