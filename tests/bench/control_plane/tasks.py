# SPDX-License-Identifier: Apache-2.0
"""Many executions at once: how many tasks per second, at what cost, and
whether all of them make progress together."""

from __future__ import annotations

import time
from typing import Any

from coriolis_ng.db import api as db
from tests.bench.control_plane import plant
from tests.bench.control_plane.site import Clock, Site, load, machine_seconds

IDLE_SECONDS = 10.0
LIMIT_SECONDS = 1800.0

_TIMES = """
SELECT TIMESTAMPDIFF(MICROSECOND, :began, MIN(started_at)) / 1e6,
       TIMESTAMPDIFF(MICROSECOND, :began, MAX(ended_at)) / 1e6
FROM tasks GROUP BY execution_id
"""


def measure(site: Site, owners: list[str], tasks: int) -> dict[str, Any]:
    """One row: executions as chains of ``tasks``, one for each owner."""
    began_load = load()
    idle = _idle(site)
    before = [site.queries(), machine_seconds()]
    cpu = {kind: site.cpu_seconds(kind) for kind in ('conductor', 'worker')}
    began = str(site.ask('SELECT UTC_TIMESTAMP(6)')[0][0])
    ids = plant.executions(site.database, owners, tasks, chain=True)
    planted = site.queries()
    clock = Clock()
    _wait(site)
    seconds = clock.seconds
    queries = site.queries() - planted - idle * seconds
    count = len(ids) * tasks
    used = {kind: site.cpu_seconds(kind) - was for kind, was in cpu.items()}
    states = site.ask('SELECT state, COUNT(*) FROM tasks GROUP BY state')
    if states != [('done', count)]:
        raise RuntimeError(f'not all tasks are done: {states}')
    return {
        'executions': len(ids),
        'tasks': count,
        'seconds': round(seconds, 1),
        'tasks_per_second': round(count / seconds, 1),
        'queries_per_task': round(queries / count, 1),
        'conductor_cpu_seconds': round(used['conductor'], 1),
        'conductor_cpu_ms_per_task': round(used['conductor'] / count * 1e3, 1),
        'worker_cpu_seconds': round(used['worker'], 1),
        'machine_cpu_seconds': round(machine_seconds() - before[1], 1),
        'load': [began_load, load()],
        **_together(site, began),
    }


def forget(site: Site) -> None:
    """All executions, so that the next ones are counted alone."""
    with site.database.reader() as session:
        left = [*db.executions.running(session)]
    if left:
        raise RuntimeError(f'{left} still run')
    for (id,) in site.ask('SELECT id FROM executions'):
        site.database.write(lambda s, i=id: db.executions.delete(s, i))


def _idle(site: Site) -> float:
    """Queries per second while there is nothing to do: beats and duties."""
    before = site.queries()
    time.sleep(IDLE_SECONDS)
    return (site.queries() - before) / IDLE_SECONDS


def _wait(site: Site) -> None:
    until = time.monotonic() + LIMIT_SECONDS
    question = "SELECT COUNT(*) FROM executions WHERE state = 'running'"
    while site.ask(question)[0][0]:
        if time.monotonic() > until:
            raise RuntimeError(f'not done after {LIMIT_SECONDS} s')
        time.sleep(0.25)


def _together(site: Site, began: str) -> dict[str, Any]:
    """When executions began and ended, as shares of the whole run. One
    after the other, the last begins near 1 and the first ends near 0."""
    text = _TIMES.replace(':began', f"'{began}'")
    times = [(float(a), float(b)) for a, b in site.ask(text)]
    first = min(start for start, _ in times)
    whole = max(end for _, end in times) - first
    starts = sorted((start - first) / whole for start, _ in times)
    ends = sorted((end - first) / whole for _, end in times)
    return {
        'half_had_begun_at': round(starts[len(starts) // 2], 3),
        'all_had_begun_at': round(starts[-1], 3),
        'first_ended_at': round(ends[0], 3),
        'half_had_ended_at': round(ends[len(ends) // 2], 3),
    }
