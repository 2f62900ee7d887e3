# SPDX-License-Identifier: Apache-2.0
"""What runs at once on endpoints, hosts and storage, and whose turn it is."""

from __future__ import annotations

import dataclasses
import random
import threading
from typing import Any

import pytest

from coriolis_ng import errors
from coriolis_ng.conductor import endpoints, losses, transfers
from coriolis_ng.conductor.advance import advance, advance_all
from coriolis_ng.conductor.parts import Parts
from coriolis_ng.conductor.reaper import Reaper
from coriolis_ng.conductor.wake import wake
from coriolis_ng.db import api as db
from coriolis_ng.engine.task import Load, Side
from coriolis_ng.objects.execution import Execution, Rank
from coriolis_ng.objects.task import TaskState
from coriolis_ng.objects.transfer import Transfer, TransferSpec
from coriolis_ng.scheduler.slots import Scope, key_of
from tests.unit.conductor import samples
from tests.unit.conductor.conftest import Site, make_parts, with_settings
from tests.unit.conductor.scripted import Worker


def beside(site: Site, other: Transfer, *instances: str) -> Transfer:
    """A transfer between the same endpoints."""
    spec = TransferSpec(
        origin_endpoint_id=other.spec.origin_endpoint_id,
        destination_endpoint_id=other.spec.destination_endpoint_id,
        instances=instances or ('a',),
    )
    return transfers.create(site.parts, site.who, spec)


def limit(site: Site, endpoint_id: str, slots: int | None) -> None:
    endpoints.update(site.parts, site.who, endpoint_id, {'slots': slots})


def used(site: Site, *words: str) -> int:
    key = key_of(*words)
    return site.parts.database.read(lambda s: db.slots.used_of(s, [key])).get(
        key, 0
    )


def state(site: Site, run: Execution, name: str) -> tuple[str, str]:
    row = site.task(run, name)
    return row.state.value, row.reason


def with_tasks(parts: Parts, **tasks: Any) -> Parts:
    return dataclasses.replace(parts, tasks={**parts.tasks, **tasks})


class HeavyCopy(samples.Copy):
    """Works a host and a storage hard."""

    def loads(self, given: samples.Copy.Input) -> tuple[Load, ...]:
        return (
            Load(side=Side.SOURCE, what='host', name='h1'),
            Load(side=Side.TARGET, what='storage', name='s1'),
        )


class BrokenCopy(samples.Copy):
    def loads(self, given: Any) -> tuple[Load, ...]:
        raise errors.PlanError('Something is wrong with it.')


def test_an_endpoint_takes_only_so_many(site: Site) -> None:
    one = site.transfer('a')
    origin = one.spec.origin_endpoint_id
    limit(site, origin, 1)
    first = site.execute(one)
    second = site.execute(beside(site, one))
    assert state(site, first, 'Look')[0] == 'running'
    assert state(site, second, 'Look') == (
        'pending',
        'Waits for a free slot of endpoint "origin" (1 of 1 used).',
    )
    shown = site.execution(second.id)
    assert 'endpoint "origin"' in shown.tasks[0].reason
    assert used(site, 'endpoint', origin) == 1
    site.worker.do(site.next('Look'))
    # It has waited longer than the copy that follows the first.
    assert state(site, second, 'Look') == ('running', '')
    assert state(site, first, 'Copy')[0] == 'pending'
    site.run()
    done = {site.execution(run.id).state.value for run in (first, second)}
    assert done == {'done'}
    assert used(site, 'endpoint', origin) == 0


def test_the_configuration_limits_all_endpoints(site: Site) -> None:
    site.parts = with_settings(site.parts, endpoint_slots=2)
    run = site.execute(site.transfer('a', 'b', 'c'))
    states = site.states(run)
    running = [n for n, s in states.items() if s == 'running']
    assert running == ['Look a', 'Look b']
    assert '(2 of 2 used)' in site.task(run, 'Look', 'c').reason


def test_more_slots_are_used_at_once(site: Site) -> None:
    one = site.transfer('a', 'b', 'c')
    origin = one.spec.origin_endpoint_id
    limit(site, origin, 1)
    run = site.execute(one)
    assert list(site.states(run).values()).count('running') == 1
    limit(site, origin, 2)
    assert list(site.states(run).values()).count('running') == 2
    limit(site, origin, None)
    assert list(site.states(run).values()).count('running') == 3
    with pytest.raises(errors.InvalidInput) as caught:
        limit(site, origin, 0)
    assert caught.value.field == '$.slots'


def test_hosts_and_storage_take_only_so_many_copies(site: Site) -> None:
    parts = with_settings(site.parts, host_slots=2, storage_slots=1)
    site.parts = site.worker.parts = with_tasks(parts, Copy=HeavyCopy)
    one = site.transfer('a', 'b')
    run = site.execute(one)
    for given in site.taken():
        site.worker.do(given)
    assert site.task(run, 'Copy', 'a').state is TaskState.RUNNING
    assert site.task(run, 'Copy', 'b').reason == (
        'Waits for a free slot of storage "s1" of endpoint "destination" '
        '(1 of 1 used).'
    )
    # All or none: of the host it keeps nothing meanwhile.
    assert used(site, 'host', one.spec.origin_endpoint_id, 'h1') == 1
    site.run()
    assert site.execution(run.id).state.value == 'done'
    assert used(site, 'host', one.spec.origin_endpoint_id, 'h1') == 0


def test_cleanups_wait_for_no_slot(site: Site) -> None:
    one = site.transfer('a')
    run = site.execute(one)
    site.worker.do(site.next('Look'))
    given = site.next('Copy')
    for id in (one.spec.origin_endpoint_id, one.spec.destination_endpoint_id):
        limit(site, id, 1)
    other = site.execute(beside(site, one))
    site.next('Look')
    assert state(site, other, 'Look')[0] == 'running'
    site.worker.fail(given)
    assert state(site, run, 'CleanTarget')[0] == 'running'
    assert state(site, run, 'CleanSource')[0] == 'running'


def test_a_first_copy_goes_before_a_delta(site: Site) -> None:
    old = site.transfer('a')
    site.execute(old)
    site.run()
    limit(site, old.spec.origin_endpoint_id, 1)
    blocking = site.execute(beside(site, old))
    delta = site.execute(old)
    first = site.execute(beside(site, old))
    ranks = [site.execution(r.id).spec.rank for r in (delta, first)]
    assert ranks == [Rank.DELTA, Rank.FIRST]
    site.worker.do(site.next('Look'))
    assert state(site, first, 'Look')[0] == 'running'
    assert state(site, delta, 'Look')[0] == 'pending'
    assert state(site, blocking, 'Copy')[0] == 'pending'


def test_a_last_sync_is_the_most_urgent(site: Site) -> None:
    one = site.transfer('a')
    run = site.execute(one, shutdown_instances=True, auto_deploy=True)
    assert site.execution(run.id).spec.rank is Rank.FINAL
    site.run()
    deployment = site.deploy(one)
    assert site.last_of(deployment.id).spec.rank is Rank.FINAL


def test_nobody_new_overtakes(site: Site) -> None:
    """A slot is free for a moment: it is that of who waits for it."""
    site.worker.capacity = 1
    site.worker.beat()
    one = site.transfer('a')
    site.execute(one)
    waits = site.execute(beside(site, one))
    given = site.next('Look')
    site.parts.database.write(
        lambda s: db.tasks.requeue(s, given.task_id, given.attempt, 60, '')
    )
    new = site.execute(beside(site, one))
    assert state(site, new, 'Look')[0] == 'pending'
    wake(site.parts)
    assert state(site, waits, 'Look')[0] == 'running'


def test_one_that_is_broken_keeps_nobody_waiting(site: Site) -> None:
    site.worker.capacity = 1
    site.worker.beat()
    one = site.transfer('a')
    bad = site.execute(one)
    site.worker.do(site.next('Look'))
    copying = site.next('Copy')
    good = site.execute(beside(site, one))
    # The bad one waits before the good one, and then cannot be started.
    site.parts.database.write(
        lambda s: db.tasks.requeue(s, copying.task_id, 1, 0, '')
    )
    site.worker.held.clear()
    site.parts.database.write(
        lambda s: db.tasks.wait(
            s,
            copying.task_id,
            1,
            'Waits.',
            turn=db.now(s).replace(year=2020),
            wants='{}',
            blocked_by='worker',
        )
    )
    site.parts = with_tasks(site.parts, Copy=BrokenCopy)
    wake(site.parts)
    wake(site.parts)
    assert state(site, good, 'Look')[0] == 'running'
    assert state(site, bad, 'Copy')[0] == 'pending'


def test_a_worker_that_is_too_old_is_passed_over(site: Site) -> None:
    site.worker.kinds = {name: 1 for name in samples.TASKS if name != 'Copy'}
    site.worker.incarnation = 'i2'
    site.worker.beat()
    with pytest.raises(errors.NoWorker) as caught:
        site.execute(site.transfer('a'))
    assert caught.value.message == 'No worker is new enough for this task.'
    newer = Worker(site.parts, host='w2')
    newer.kinds = dict.fromkeys(samples.TASKS, 2)
    newer.beat()
    run = site.execute(site.transfer('b'))
    nudged = {host for host, _, _ in site.bus.starts}
    assert nudged <= {'w1', 'w2'}
    for _ in range(2):
        for host, task_id, attempt in [*site.bus.starts]:
            site.bus.starts.remove((host, task_id, attempt))
            at = newer if host == 'w2' else site.worker
            at.do(at.take(task_id, attempt))
    assert site.task(run, 'Copy', 'b').host == 'w2'


def test_the_reaper_gives_the_slots_of_the_lost_back(site: Site) -> None:
    one = site.transfer('a')
    origin = one.spec.origin_endpoint_id
    limit(site, origin, 1)
    site.execute(one)
    site.execute(beside(site, one))
    site.next('Look')
    # Whatever went wrong before is mended as well.
    wrong = Scope(key=key_of('endpoint', origin), name='', limit=9)
    site.parts.database.write(
        lambda s: db.slots.claim(s, wrong.key, 1, wrong.limit)
    )
    assert used(site, 'endpoint', origin) == 2
    worker = site.parts.database.read(lambda s: db.services.find(s, 'w1'))
    site.parts.database.write(lambda s: db.tasks.renew(s, worker.id, 'i1', -1))
    reaper = Reaper(with_settings(site.parts, lease_seconds=0))
    assert reaper.reap() == 1
    running = [
        row
        for run in site.parts.database.read(db.executions.running)
        for row in site.parts.database.read(
            lambda s, r=run: db.tasks.nodes(s, r)
        ).values()
        if row.state is TaskState.RUNNING
    ]
    assert used(site, 'endpoint', origin) == len(running)


@pytest.mark.parametrize('seed', range(2))
def test_three_conductors_on_what_they_read_a_moment_ago(
    site: Site, seed: int
) -> None:
    """They start, finish, lose and wake at once: never more runs on an
    endpoint than it takes, no slot is lost, and all comes to its end."""
    rolls = random.Random(seed)
    site.worker.capacity = 5
    site.worker.beat()
    one = site.transfer('a', 'b')
    origin = one.spec.origin_endpoint_id
    limit(site, origin, 2)
    limit(site, one.spec.destination_endpoint_id, 3)
    heavy = with_tasks(site.parts, Copy=HeavyCopy)
    site.worker.parts = heavy
    runs = [site.execute(one)]
    runs += [site.execute(beside(site, one)) for _ in range(3)]
    several = [
        with_tasks(
            make_parts(site.parts.database, site.bus, site.store, max_lost=99),
            Copy=HeavyCopy,
        )
        for _ in range(3)
    ]
    most = []

    def conduct(parts: Parts) -> None:
        for run in rolls.sample(runs, len(runs)):
            advance(parts, run.id)
        advance_all(parts)
        wake(parts, everybody=True)

    for _ in range(200):
        threads = [
            threading.Thread(target=conduct, args=(parts,))
            for parts in several
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        most.append(used(site, 'endpoint', origin))
        site.taken()
        held = list(site.worker.held.values())
        if not held:
            break
        for given in rolls.sample(held, min(2, len(held))):
            row = site.row(given.task_id)
            resumable = not row.cleanup and row.name != 'Keep'
            if resumable and rolls.random() < 0.2:
                site.worker.held.pop(given.task_id)
                run = site.execution(given.execution_id)
                site.parts.database.write(
                    lambda s, r=row, e=run: losses.give_up(
                        several[0], s, r, e, 'lost'
                    )
                )
            else:
                site.worker.do(given)
    assert max(most) == 2
    assert {site.execution(run.id).state.value for run in runs} == {'done'}
    for side in ('origin', 'destination'):
        id = getattr(one.spec, f'{side}_endpoint_id')
        assert used(site, 'endpoint', id) == 0
    assert used(site, 'host', origin, 'h1') == 0
    worker = site.parts.database.read(lambda s: db.services.find(s, 'w1'))
    assert worker.used == 0
