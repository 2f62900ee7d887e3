# SPDX-License-Identifier: Apache-2.0
"""What must hold once the killing is over, from rows and clouds' logs."""

from __future__ import annotations

import collections
from typing import Any

from tests.beds.coriolis import Service

Json = dict[str, Any]
Spans = dict[Any, list[tuple[int, int]]]

ENDED = {'done', 'failed', 'canceled'}
CLOSED = {*ENDED, 'skipped'}


def unended(service: Service) -> list[str]:
    """Executions and tasks that are in a state that is none, and failures
    that do not say why."""
    found = []
    for id, kind, state in service.query(
        'SELECT id, kind, state FROM executions'
    ):
        if state not in ENDED:
            found.append(f'execution {id} ({kind}) is {state}')
    for id, execution, name, state, reason in service.query(
        'SELECT id, execution_id, name, state, reason FROM tasks'
    ):
        if state not in CLOSED:
            found.append(f'task {id} {name} of {execution} is {state}')
        elif state in ('failed', 'canceled') and not reason:
            found.append(f'task {id} {name} {state} without a reason')
    found += [
        f'transfer {id} is busy with {busy}'
        for id, busy in service.query(
            'SELECT id, busy_with FROM transfers WHERE busy_with IS NOT NULL'
        )
    ]
    return found


def reasons(service: Service) -> dict[str, int]:
    """How often tasks failed, and why."""
    rows = service.query(
        "SELECT name, reason, COUNT(*) FROM tasks WHERE state = 'failed' "
        'GROUP BY name, reason'
    )
    return {f'{name}: {reason}': count for name, reason, count in rows}


def ends(service: Service) -> dict[str, int]:
    """How executions ended, by their kind."""
    rows = service.query(
        'SELECT kind, state, COUNT(*) FROM executions GROUP BY kind, state'
    )
    return {f'{kind} {state}': count for kind, state, count in rows}


def unexplained(service: Service) -> list[str]:
    """Executions that failed without any task that says why."""
    rows = service.query(
        "SELECT id FROM executions WHERE state = 'failed' AND id NOT IN "
        "(SELECT execution_id FROM tasks WHERE state = 'failed' "
        "AND reason != '')"
    )
    return [f'execution {id} failed without a cause' for (id,) in rows]


def slots(service: Service) -> list[str]:
    """Counters that say that something runs."""
    rows = [
        *service.query('SELECT service_id, used FROM slots WHERE used != 0'),
        *service.query('SELECT `key`, used FROM scopes WHERE used != 0'),
    ]
    return [f'{used} slots of {id} are used' for id, used in rows]


def made_twice(log: list[Json]) -> list[str]:
    """Things that a cloud was asked for again after it had made them once:
    an id has the tag of the task in it."""
    made = collections.Counter(
        (line['kind'], line['id']) for line in log if line['op'] == 'create'
    )
    return [
        f'{kind} {id} was created {count} times'
        for (kind, id), count in made.items()
        if count > 1
    ]


def written_wrongly(log: list[Json]) -> list[str]:
    """Writes of an attempt after a newer one's, through a machine that was
    dropped, or a second time within one attempt."""
    found: list[str] = []
    newest: dict[tuple[str, str], int] = {}
    gone: set[str] = set()
    spans: Spans = {}
    for line in log:
        if line['op'] == 'delete' and line['kind'] == 'machine':
            gone.add(line['id'])
        if line['op'] not in ('write', 'zero') or 'machine' not in line:
            continue
        machine, volume = line['machine'], line['id']
        attempt = line['attempt']
        if machine in gone:
            found.append(f'written through a machine that is gone: {line}')
        if attempt < newest.get((machine, volume), 0):
            found.append(f'written by an old attempt: {line}')
        newest[machine, volume] = attempt
        spans.setdefault((volume, machine, attempt), []).append(
            (line['offset'], line['offset'] + line['length'])
        )
    for (volume, machine, attempt), mine in spans.items():
        mine.sort()
        found += [
            f'{volume} {one}, {other} by attempt {attempt} of {machine}'
            for one, other in zip(mine, mine[1:], strict=False)
            if one[1] > other[0]
        ]
    return found


def rewritten(log: list[Json]) -> tuple[int, int]:
    """Bytes that were written, and those of them that an earlier attempt of
    the same copy had written already."""
    total = again = 0
    seen: dict[tuple[str, str], dict[int, int]] = {}
    for line in log:
        if line['op'] != 'write' or 'machine' not in line:
            continue
        total += line['length']
        mine = seen.setdefault((line['id'], line['machine']), {})
        if line['offset'] in mine:
            again += line['length']
        mine[line['offset']] = line['attempt']
    return total, again
