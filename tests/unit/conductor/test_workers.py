# SPDX-License-Identifier: Apache-2.0
"""What becomes of tasks when messages, workers or conductors are lost."""

from __future__ import annotations

import json

import pytest

from coriolis_ng import errors
from coriolis_ng.conductor import executions, vault
from coriolis_ng.conductor.advance import advance_all
from coriolis_ng.conductor.reaper import Reaper
from coriolis_ng.db import api as db
from coriolis_ng.objects.service import Service
from coriolis_ng.rpc.wire import TaskBeat
from coriolis_ng.secrets import seal
from tests.unit.conductor.conftest import Site, make_parts
from tests.unit.conductor.scripted import MemoryStore, Worker


def expire(site: Site, *, also_worker: bool = True) -> None:
    """Moves leases (and the last beat) an hour back, as time would."""
    with site.parts.database.engine.begin() as connection:
        connection.exec_driver_sql(
            'UPDATE tasks SET lease_until = datetime(lease_until, '
            "'-1 hour') WHERE lease_until IS NOT NULL"
        )
        if also_worker:
            connection.exec_driver_sql(
                "UPDATE services SET alive_at = datetime(alive_at, '-1 hour')"
            )


def seeing(site: Site) -> Reaper:
    """A reaper that has watched long enough to trust what it sees."""
    reaper = Reaper(site.parts)
    reaper.reap()
    return Patient(reaper)


class Patient(Reaper):
    """Decides as if it had waited; all else is the reaper's own."""

    def __init__(self, other: Reaper) -> None:
        self.__dict__.update(other.__dict__)

    def _sees(self, *_: object) -> bool:
        return True


def service(site: Site, host: str = 'w1') -> Service:
    return site.parts.database.read(lambda s: db.services.find(s, host))


def test_a_lost_start_is_held_with_the_next_beat(site: Site) -> None:
    execution = site.execute(site.transfer('a'))
    ((_, task_id, attempt),) = site.bus.starts
    site.bus.starts.clear()
    (hold,) = site.worker.beat().hold
    assert (hold.task_id, hold.attempt) == (task_id, attempt)
    site.worker.take(hold.task_id, hold.attempt)
    assert site.worker.beat().hold == ()
    site.run()
    assert site.execution(execution.id).state == 'done'


def test_a_bus_that_is_away_does_not_stop_an_execution(site: Site) -> None:
    site.bus.deaf = True
    site.execute(site.transfer('a'))
    (hold,) = site.worker.beat().hold
    assert site.worker.take(hold.task_id, hold.attempt).name == 'Look'


def test_a_doubled_start_is_taken_twice_alike(site: Site) -> None:
    site.execute(site.transfer('a'))
    ((_, task_id, attempt),) = site.bus.starts
    first = site.worker.take(task_id, attempt)
    assert site.worker.take(task_id, attempt) == first


def test_another_worker_cannot_take_it(site: Site) -> None:
    other = Worker(site.parts, host='w2')
    other.beat()
    site.execute(site.transfer('a'))
    ((host, task_id, attempt),) = site.bus.starts
    wrong = other if host == 'w1' else site.worker
    with pytest.raises(errors.Stale):
        wrong.take(task_id, attempt)
    with pytest.raises(errors.Stale):
        site.worker.take(task_id, attempt + 1)


def test_a_new_incarnation_frees_the_old_ones_tasks(site: Site) -> None:
    site.execute(site.transfer('a'))
    look = site.next('Look')
    again = Worker(site.parts, incarnation='i2')
    again.beat()
    ((host, task_id, attempt),) = site.bus.starts
    assert (host, task_id, attempt) == ('w1', look.task_id, 2)
    with pytest.raises(errors.Stale):
        site.worker.do(look)
    with pytest.raises(errors.Stale):
        site.worker.beat()
    assert again.take(task_id, attempt).name == 'Look'


def test_a_new_incarnation_fails_what_cannot_be_resumed(site: Site) -> None:
    execution = site.execute(site.transfer('a'))
    for name in ('Look', 'Copy'):
        site.worker.do(site.next(name))
    site.next('Keep')
    Worker(site.parts, incarnation='i2').beat()
    keep = site.task(execution, 'Keep')
    assert (keep.state, keep.reason) == ('failed', 'Its worker restarted.')


def test_a_lost_worker_s_task_goes_to_another(site: Site) -> None:
    site.execute(site.transfer('a'))
    look = site.next('Look')
    expire(site)
    other = Worker(site.parts, host='w2')
    other.beat()
    assert seeing(site).reap() == 1
    ((host, task_id, attempt),) = site.bus.starts
    assert (host, task_id, attempt) == ('w2', look.task_id, 2)
    assert other.take(task_id, attempt).name == 'Look'
    # The lost one comes back: what it ran is not its any more.
    (order,) = site.worker.beat().stop
    assert (order.task_id, order.stale, order.forced) == (
        look.task_id,
        True,
        True,
    )


def test_a_beat_in_time_keeps_the_task(site: Site) -> None:
    site.execute(site.transfer('a'))
    site.next('Look')
    expire(site)
    site.worker.beat()
    assert seeing(site).reap() == 0
    assert site.bus.starts == []


def test_a_task_that_is_lost_again_and_again_fails(site: Site) -> None:
    execution = site.execute(site.transfer('a'))
    reaper = seeing(site)
    for attempt in (1, 2, 3):
        assert site.next('Look').attempt == attempt
        site.worker.held.clear()
        expire(site, also_worker=False)
        reaper.reap()
    look = site.task(execution, 'Look')
    assert (look.state, look.reason) == ('failed', 'Its worker w1 was lost.')
    assert site.execution(execution.id).state == 'failed'


def test_lost_under_cancel_is_canceled(site: Site) -> None:
    execution = site.execute(site.transfer('a'))
    site.worker.do(site.next('Look'))
    site.next('Copy')
    executions.cancel(site.parts, site.who, execution.id, force=True)
    site.worker.held.clear()
    expire(site, also_worker=False)
    seeing(site).reap()
    assert site.states(execution)['Copy a'] == 'canceled'
    site.run()
    assert site.states(execution)['CleanTarget a'] == 'done'
    assert site.execution(execution.id).state == 'canceled'


def test_a_new_reaper_waits_a_whole_lease(site: Site) -> None:
    site.execute(site.transfer('a'))
    site.next('Look')
    expire(site)
    reaper = Reaper(site.parts)
    assert reaper.reap() == 0
    assert reaper.reap() == 0


def test_a_reaper_that_was_cut_off_waits_again(site: Site) -> None:
    site.execute(site.transfer('a'))
    site.next('Look')
    reaper = Reaper(site.parts)
    reaper.reap()
    expire(site, also_worker=False)
    database = site.parts.database
    now = database.read(database.now)
    lease = reaper._lease
    assert reaper._sees(now + lease * 0.4, now + lease * 0.4) is False
    assert reaper._sees(now + lease * 0.8, now + lease * 0.8) is False
    assert reaper._sees(now + lease * 1.2, now + lease * 1.2) is True
    # Nobody heard it for a lease: what it sees may be its own fault.
    assert reaper._sees(now + lease * 3, now + lease * 3) is False


def test_silence_of_all_is_waited_out(site: Site) -> None:
    reaper = Reaper(site.parts)
    reaper.reap()
    database = site.parts.database
    now = database.read(database.now)
    lease = reaper._lease
    seen = [reaper._sees(now + lease * n / 4, now) for n in range(1, 12)]
    # Blind at first (4), trusting, then quiet since the half of a lease.
    assert seen.index(True) == 6
    assert seen[6:] == [True] * 5


def test_an_unknown_worker_is_asked_for_its_providers(site: Site) -> None:
    other = Worker(site.parts, host='w2')
    assert other.beat(providers=None).known is False
    assert other.beat().known is True
    assert other.beat(providers=None).known is True


def test_a_disabled_worker_gets_nothing_new(site: Site) -> None:
    other = Worker(site.parts, host='w2')
    other.beat()
    id = service(site).id
    site.parts.database.write(lambda s: db.services.update(s, id, False))
    site.execute(site.transfer('a', 'b'))
    assert {host for host, _, _ in site.bus.starts} == {'w2'}


def test_a_task_waits_for_a_worker_and_goes_to_the_first(site: Site) -> None:
    execution = site.execute(site.transfer('a'))
    look = site.next('Look')
    id = service(site).id
    site.parts.database.write(lambda s: db.services.update(s, id, False))
    site.worker.do(look)
    copy = site.task(execution, 'Copy')
    assert copy.state == 'pending'
    assert copy.reason == 'Waiting: No worker is enabled.'
    Worker(site.parts, host='w2').beat()
    assert [host for host, _, _ in site.bus.starts] == ['w2']


def test_progress_and_notes_are_kept(site: Site) -> None:
    execution = site.execute(site.transfer('a'))
    look = site.next('Look')
    plain = {
        'task_id': look.task_id,
        'attempt': 1,
        'progress': [{'item': 'vda', 'done': 5, 'total': 10}],
        'notes': [{'index': 1, 'at': '2026-01-01T00:00:00Z', 'text': 'hm'}],
    }
    site.worker.beat(TaskBeat(**_typed(plain)))
    (shown, *_) = site.execution(execution.id).tasks
    assert [(p.item, p.done, p.total) for p in shown.progress] == [
        ('vda', 5, 10)
    ]
    assert [n.text for n in shown.notes] == ['hm']


def _typed(plain: dict[str, object]) -> dict[str, object]:
    from coriolis_ng.objects import from_plain

    value = from_plain(TaskBeat, plain)
    return {name: getattr(value, name) for name in value.__struct_fields__}


def test_a_task_reads_the_secrets_of_its_own_sides_only(site: Site) -> None:
    site.execute(site.transfer('a'))
    look = site.next('Look')
    assert look.source is not None
    sealed = vault.secret_get(
        site.parts, look.source.secret, look.task_id, look.attempt
    )
    assert 'origin-pw' not in sealed
    clear = seal.open_sealed(site.worker.key, sealed)
    assert json.loads(clear) == {'password': 'origin-pw'}
    site.worker.do(look)
    for name in ('Copy', 'Keep'):
        given = site.next(name)
        if name == 'Keep':
            with pytest.raises(errors.Forbidden):
                vault.secret_get(
                    site.parts, look.source.secret, given.task_id, 1
                )
        site.worker.do(given)
    with pytest.raises(errors.Stale):
        vault.secret_get(site.parts, look.source.secret, look.task_id, 1)


def test_kept_secrets_live_as_long_as_their_execution(site: Site) -> None:
    execution = site.execute(site.transfer('a'))
    look = site.next('Look')
    sealed = seal.seal(look.seal_to, b'a private key')
    ref = vault.secret_put(site.parts, look.task_id, 1, sealed)
    again = vault.secret_put(site.parts, look.task_id, 1, sealed)
    assert site.store.kept[ref][1] == b'a private key'
    site.worker.do(look)
    copy = site.next('Copy')
    sealed = vault.secret_get(site.parts, ref, copy.task_id, 1)
    assert seal.open_sealed(site.worker.key, sealed) == b'a private key'
    vault.secret_drop(site.parts, again, copy.task_id, 1)
    vault.secret_drop(site.parts, again, copy.task_id, 1)
    assert again not in site.store.kept
    assert ref in site.store.kept
    assert [r.id for r in site.worker.held[copy.task_id].leftovers] == []
    site.run()
    assert site.execution(execution.id).state == 'done'
    assert ref not in site.store.kept


class Dying(MemoryStore):
    """Stores, and then its conductor dies before it can tell anybody."""

    def put(
        self, payload: bytes, *, project_id: str, ref: str | None = None
    ) -> str:
        super().put(payload, project_id=project_id, ref=ref)
        raise RuntimeError('killed')


def test_a_secret_of_a_conductor_that_died_is_forgotten(site: Site) -> None:
    execution = site.execute(site.transfer('a'))
    look = site.next('Look')
    sealed = seal.seal(look.seal_to, b'a private key')
    dying = Dying()
    dying.kept = site.store.kept
    before = dict(site.store.kept)
    with pytest.raises(RuntimeError):
        vault.secret_put(
            make_parts(site.parts.database, site.bus, dying),
            look.task_id,
            1,
            sealed,
        )
    assert len(site.store.kept) == len(before) + 1
    site.run()
    assert site.execution(execution.id).state == 'done'
    assert site.store.kept == before
    rows = site.parts.database.read(db.ledger.rows)
    assert [row for row in rows if row.resource.kind == 'secret'] == []


def test_secrets_never_reach_a_stale_attempt(site: Site) -> None:
    site.execute(site.transfer('a'))
    look = site.next('Look')
    site.worker.fail(look, retryable=True)
    sealed = seal.seal(look.seal_to, b'late')
    before = dict(site.store.kept)
    with pytest.raises(errors.Stale):
        vault.secret_put(site.parts, look.task_id, 1, sealed)
    assert site.store.kept == before


def test_what_was_missed_is_found_by_looking_at_all(site: Site) -> None:
    execution = site.execute(site.transfer('a'))
    look = site.next('Look')
    # A conductor that died between the commit and its next step.
    site.parts.database.write(
        lambda s: db.tasks.finish(
            s,
            look.task_id,
            1,
            site.row(look.task_id).state.DONE,
            output=site.worker.output(look),
        )
    )
    assert site.bus.starts == []
    site.worker.held.clear()
    advance_all(site.parts)
    site.run()
    assert site.execution(execution.id).state == 'done'
