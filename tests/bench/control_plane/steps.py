# SPDX-License-Identifier: Apache-2.0
"""One execution of very many tasks: what one step of it costs, as a pure
decision and with its rows."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import bench_noop

from coriolis_ng.conductor import plans
from coriolis_ng.conductor.advance import advance
from coriolis_ng.conductor.finish import finish
from coriolis_ng.conductor.parts import Parts
from coriolis_ng.db import api as db
from coriolis_ng.engine import dag
from coriolis_ng.objects import to_plain
from coriolis_ng.objects.service import ProviderInfo
from coriolis_ng.objects.task import TaskState
from coriolis_ng.providers.memory.provider import Provider
from coriolis_ng.rpc.wire import Answer, Beat, Query, Result, Stop
from coriolis_ng.secrets import seal
from tests.bench.control_plane import plant
from tests.bench.control_plane.site import Site, load

TURNS = 7


def pure(count: int) -> list[dict[str, Any]]:
    """``dag.advance`` of so many tasks, in a median of some turns."""
    found = []
    for shape in ('wide', 'chain'):
        for done in (0, count // 2, count - 1):
            nodes = _nodes(count, done, chain=shape == 'chain')
            for cancel in (False, True):
                found.append(
                    {
                        'shape': shape,
                        'tasks': count,
                        'done': done,
                        'cancelled': cancel,
                        'ms': _median(
                            lambda n=nodes, c=cancel: dag.advance(n, cancel=c)
                        ),
                        'load': load(),
                    }
                )
    return found


def _nodes(count: int, done: int, *, chain: bool) -> dict[str, dag.Node]:
    ids = [f'{number:08d}-0000-0000' for number in range(count)]
    return {
        id: dag.Node(
            id=id,
            state=TaskState.DONE if number < done else TaskState.PENDING,
            needs=frozenset(ids[number - 1 : number] if chain else ()),
            attempts=int(number < done),
        )
        for number, id in enumerate(ids)
    }


def _median(work: Callable[[], object]) -> float:
    times = []
    for _ in range(TURNS):
        began = time.perf_counter()
        work()
        times.append((time.perf_counter() - began) * 1e3)
    return round(statistics.median(times), 1)


class Deaf:
    """``rpc.worker.Workers`` where nobody listens."""

    def start(self, host: str, task_id: str, attempt: int) -> None: ...
    def stop(self, host: str, order: Stop) -> None: ...

    def query(self, host: str, question: Query) -> Answer:
        return Answer()


def with_rows(site: Site, owner: str, count: int) -> list[dict[str, Any]]:
    """A conductor's step with rows: a task of so many has ended, which
    frees the next one."""
    parts = _parts(site)
    found = []
    for shape in ('wide', 'chain'):
        (id,) = plant.executions(
            site.database, [owner], count, chain=shape == 'chain'
        )
        _beat(site)
        advance(parts, id)
        times, queries = [], []
        for _ in range(TURNS):
            before = site.queries()
            task_id, attempt = _running(site, id)
            began = time.perf_counter()
            finish(
                parts,
                task_id,
                attempt,
                Result(
                    state='done',
                    output=to_plain(bench_noop.Noop.Output(number=1)),
                ),
            )
            times.append((time.perf_counter() - began) * 1e3)
            queries.append(site.queries() - before)
        found.append(
            {
                'shape': shape,
                'tasks': count,
                'ms': round(statistics.median(times), 1),
                'queries': int(statistics.median(queries)),
                'load': load(),
            }
        )
        _drop(site, id, owner)
    return found


def _parts(site: Site) -> Parts:
    nothing: Any = None
    return Parts(
        database=site.database,
        workers=Deaf(),
        secrets=nothing,
        key=seal.Key.generate(),
        seal=seal.seal,
        tasks={bench_noop.NAME: bench_noop.Noop},
        recipes=plans.standard_recipes(),
    )


def _beat(site: Site) -> None:
    """A worker with the fewest slots, so that nearly all tasks wait."""
    told = Beat(
        host='nobody',
        incarnation='1',
        release='',
        capacity=2,
        seal_key='',
        providers=(
            ProviderInfo(
                name='memory',
                capabilities=tuple(Provider().capabilities),
                schemas={},
            ),
        ),
    )
    site.database.write(lambda s: db.services.beat(s, told))


def _running(site: Site, id: str) -> tuple[str, int]:
    [(task_id, attempt), *_] = site.ask(
        'SELECT id, attempt FROM tasks WHERE state = "running" '
        f'AND execution_id = "{id}"'
    )
    return str(task_id), int(str(attempt))


def _drop(site: Site, id: str, owner: str) -> None:
    """With its slots, or the next one would find none."""
    for text in (
        f'DELETE FROM tasks WHERE execution_id = "{id}"',
        f'DELETE FROM executions WHERE id = "{id}"',
        f'UPDATE transfers SET busy_with = NULL WHERE id = "{owner}"',
        'DELETE FROM services',
    ):
        site.do(text)
