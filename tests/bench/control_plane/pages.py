# SPDX-License-Identifier: Apache-2.0
"""Lists and details over real HTTP: how long they take, and how many
queries each is."""

from __future__ import annotations

import http.client
import json
import random
import statistics
import time
from collections.abc import Callable
from typing import Any

from tests.bench.control_plane.site import PROJECT, Site, load

WARM = 5


def measure(
    site: Site, owners: list[str], ids: list[str], requests: int
) -> list[dict[str, Any]]:
    """A row for each page, with ``owners`` the transfers that there are
    and ``ids`` the executions of the first of them."""
    choose = random.Random(1)
    pages: dict[str, Callable[[], str]] = {
        'transfers, 1000': lambda: 'transfers',
        'transfers, 100': lambda: 'transfers?limit=100',
        'transfers, 100, deep': lambda: (
            f'transfers?limit=100&marker={choose.choice(owners)}'
        ),
        'transfers, 100, with info': lambda: (
            'transfers/detail?limit=100&include_task_info=true'
        ),
        'transfers, 100, by status': lambda: (
            'transfers?limit=100&status=UNEXECUTED'
        ),
        'transfer': lambda: f'transfers/{choose.choice(owners)}',
        'replicas, 100': lambda: 'replicas?limit=100',
        'migrations, 100': lambda: 'migrations?limit=100',
        'executions': lambda: (
            f'transfers/{owners[choose.randrange(len(ids))]}/executions'
        ),
        'execution': lambda: 'transfers/{}/executions/{}'.format(
            *choose.choice([*zip(owners, ids, strict=False)])
        ),
        'deployments, 100': lambda: 'deployments?limit=100',
    }
    connection = http.client.HTTPConnection('127.0.0.1', site.port)
    try:
        return [
            _page(site, connection, name, make, requests)
            for name, make in pages.items()
        ]
    finally:
        connection.close()


def _page(
    site: Site,
    connection: http.client.HTTPConnection,
    name: str,
    make: Callable[[], str],
    requests: int,
) -> dict[str, Any]:
    for _ in range(WARM):
        _get(site, connection, make())
    before = site.queries()
    times = []
    rows = 0
    for _ in range(requests):
        path = make()
        began = time.perf_counter()
        body = _get(site, connection, path)
        times.append((time.perf_counter() - began) * 1e3)
        (given,) = json.loads(body).values()
        rows = len(given) if isinstance(given, list) else 1
    # The second look at the counters counts itself.
    queries = (site.queries() - before) / requests
    return {
        'page': name,
        'rows': rows,
        'queries': round(queries, 2),
        'median_ms': round(statistics.median(times), 1),
        'p95_ms': round(_p95(times), 1),
        'load': load(),
    }


def _p95(times: list[float]) -> float:
    return sorted(times)[min(len(times) - 1, int(len(times) * 0.95))]


def _get(
    site: Site, connection: http.client.HTTPConnection, path: str
) -> bytes:
    connection.request(
        'GET', f'/v1/{PROJECT}/{path}', headers={'X-Auth-Token': site.token}
    )
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != 200:
        raise RuntimeError(f'{path}: {answer.status} {body[:500]!r}')
    return body
