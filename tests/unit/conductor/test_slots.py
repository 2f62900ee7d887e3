# SPDX-License-Identifier: Apache-2.0
"""Two conductors start tasks at once, each on what it read a moment ago."""

from __future__ import annotations

import threading

import sqlalchemy as sa

from coriolis_ng.conductor.advance import advance, advance_all
from coriolis_ng.conductor.reaper import Reaper
from coriolis_ng.db import api as db
from coriolis_ng.db import models
from coriolis_ng.db.api.starts import Start
from coriolis_ng.objects.service import Service
from coriolis_ng.objects.task import TaskState
from tests.unit.conductor.conftest import Site, make_parts, with_settings


def worker(site: Site) -> Service:
    return site.parts.database.read(lambda s: db.services.find(s, 'w1'))


def used(site: Site, count: int) -> None:
    """Something else has taken so many slots."""
    site.parts.database.write(
        lambda s: s.execute(sa.update(models.Slots).values(used=count))
    )


def running(site: Site, *executions: str) -> int:
    rows = [
        row
        for id in executions
        for row in site.parts.database.read(
            lambda s, i=id: db.tasks.nodes(s, i)
        ).values()
    ]
    return sum(row.state is TaskState.RUNNING for row in rows)


def test_two_conductors_and_one_slot(site: Site) -> None:
    site.worker.capacity = 2
    site.worker.beat()
    used(site, 2)
    names = ('a', 'b', 'c')
    ids = [site.execute(site.transfer(*names)).id for _ in range(2)]
    assert running(site, *ids) == 0
    used(site, 0)
    others = [
        make_parts(site.parts.database, site.bus, site.store) for _ in range(4)
    ]
    threads = [
        threading.Thread(target=advance, args=(parts, ids[number % 2]))
        for number, parts in enumerate(others)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert running(site, *ids) == 2
    assert worker(site).used == worker(site).load == 2
    site.run()
    advance_all(site.parts)
    site.run()
    states = {site.execution(id).state.value for id in ids}
    assert states == {'done'}
    assert worker(site).used == 0


def test_a_stale_reading_does_not_help(site: Site) -> None:
    """The row says that a slot is free, and it is not."""
    site.worker.capacity = 1
    site.worker.beat()
    execution = site.execute(site.transfer('a', 'b'))
    assert running(site, execution.id) == 1
    nodes = site.parts.database.read(lambda s: db.tasks.nodes(s, execution.id))
    [waiting] = [
        row
        for row in nodes.values()
        if row.name == 'Look' and row.state is TaskState.PENDING
    ]
    assert 'slot' in waiting.reason
    given = Start(task_id=waiting.id, attempt=0, service_id=worker(site).id)
    assert not site.parts.database.write(
        lambda s: db.starts.start(s, [given], 60)
    )


def test_the_reaper_counts_anew(site: Site) -> None:
    site.execute(site.transfer('a'))
    site.next('Look')
    used(site, 7)
    parts = with_settings(site.parts, lease_seconds=0)
    reaper = Reaper(parts)
    site.parts.database.write(
        lambda s: db.tasks.renew(s, worker(site).id, 'i1', -1)
    )
    assert reaper.reap() == 1
    # Nothing of it runs but what was started again.
    assert worker(site).used == worker(site).load
