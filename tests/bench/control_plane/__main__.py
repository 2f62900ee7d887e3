# SPDX-License-Identifier: Apache-2.0
"""Speed of the control plane: pages, many executions, one large one.

Real MariaDB and RabbitMQ, conductors and workers and an API as processes of
their own. Run ``./tools/bench.sh control-plane [--json FILE]``.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import pathlib
import tempfile
from typing import Any

from tests.beds.mariadb import MariaDB
from tests.beds.rabbitmq import RabbitMQ
from tests.bench.control_plane import pages, plant, steps, tasks
from tests.bench.control_plane.site import Site

GOALS = {
    'tasks_per_second': (100.0, 'at least'),
    'list_p95_ms': (200.0, 'less than'),
    'advance_10k_ms': (100.0, 'less than'),
}


def main() -> int:
    arguments = _arguments()
    with (
        RabbitMQ() as broker,
        MariaDB() as rows,
        contextlib.ExitStack() as stack,
    ):
        folder = stack.enter_context(
            tempfile.TemporaryDirectory(prefix='cng-bench-')
        )
        if arguments.keep:
            arguments.keep.mkdir(parents=True, exist_ok=True)
        site = Site(pathlib.Path(arguments.keep or folder), broker, rows)
        stack.callback(site.close)
        found = _measure(site, arguments)
    summary = _summary(found)
    for name, value in summary.items():
        goal = GOALS.get(name)
        told = f' (goal: {goal[1]} {goal[0]:g})' if goal else ''
        print(f'{name} {value}{told}', flush=True)
    if arguments.json:
        text = json.dumps({**summary, **found}, indent=1)
        arguments.json.write_text(text + '\n')
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--json', type=pathlib.Path, help='write it there')
    parser.add_argument('--transfers', type=int, default=10_000)
    parser.add_argument('--executions', type=int, default=1_000)
    parser.add_argument(
        '--tasks', type=int, default=10, help='of each execution'
    )
    parser.add_argument(
        '--large', type=int, default=10_000, help='tasks of the large one'
    )
    parser.add_argument('--requests', type=int, default=100, help='per page')
    parser.add_argument('--conductors', type=int, default=2)
    parser.add_argument('--workers', type=int, default=2)
    parser.add_argument(
        '--keep', type=pathlib.Path, help='a folder for logs that stays'
    )
    parser.add_argument(
        '--only',
        choices=('pages', 'tasks', 'steps'),
        action='append',
        help='leave the others out',
    )
    return parser.parse_args()


def _measure(site: Site, given: argparse.Namespace) -> dict[str, Any]:
    wanted = given.only or ('steps', 'pages', 'tasks')
    ends = plant.endpoints(site.database)
    # Tenth and whole: what grows with the size is seen.
    few = plant.transfers(site.database, ends, max(1, given.transfers // 10))
    found: dict[str, Any] = {'steps': [], 'pages': [], 'runs': []}
    if 'steps' in wanted:
        _show(found, 'steps', steps.pure(given.large))
        _show(found, 'steps', steps.with_rows(site, few[0], given.large))
    owners = few
    ids = []
    if 'pages' in wanted:
        site.start('api')
        run = few[: min(100, given.executions)]
        ids = plant.executions(site.database, run, given.tasks, chain=True)
        _show(found, 'pages', pages.measure(site, few, ids, given.requests))
    rest = given.transfers - len(few)
    owners = few + plant.transfers(site.database, ends, rest)
    if 'pages' in wanted:
        rows = pages.measure(site, owners, ids, given.requests)
        _show(found, 'pages', rows)
        site.stop()
        for id in ids:
            site.do(f'DELETE FROM executions WHERE id = "{id}"')
        site.do('UPDATE transfers SET busy_with = NULL')
    if 'tasks' in wanted:
        site.start('conductor', given.conductors)
        site.start('worker', given.workers)
        for count in (max(1, given.executions // 10), given.executions):
            row = tasks.measure(site, owners[:count], given.tasks)
            _show(found, 'runs', [row])
            tasks.forget(site)
    return found


def _show(found: dict[str, Any], name: str, rows: list[Any]) -> None:
    found[name] += rows
    for row in rows:
        print(*(f'{key}={value}' for key, value in row.items()), flush=True)


def _summary(found: dict[str, Any]) -> dict[str, Any]:
    """The figures that have goals: the worst of each kind."""
    made: dict[str, Any] = {}
    if found['runs']:
        last = found['runs'][-1]
        made['tasks_per_second'] = last['tasks_per_second']
        made['queries_per_task'] = last['queries_per_task']
    if found['pages']:
        made['list_p95_ms'] = max(one['p95_ms'] for one in found['pages'])
    if found['steps']:
        made['advance_10k_ms'] = max(
            one['ms'] for one in found['steps'] if 'done' in one
        )
        made['advance_10k_with_rows_ms'] = max(
            one['ms'] for one in found['steps'] if 'queries' in one
        )
    return made


if __name__ == '__main__':
    raise SystemExit(main())
