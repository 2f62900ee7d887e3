# SPDX-License-Identifier: Apache-2.0
"""Tasks: every change of a state has one winner; leases and reports."""

from __future__ import annotations

import datetime
import threading
import time
from typing import Any

import pytest
import sqlalchemy as sa

from coriolis_ng import errors
from coriolis_ng.db import api as db
from coriolis_ng.db.api.starts import Start
from coriolis_ng.db.rows import Finished, TaskRow
from coriolis_ng.db.session import Database
from coriolis_ng.objects.execution import Cancel, ExecutionState
from coriolis_ng.objects.task import Level, Note, Progress, TaskState
from tests.unit.db import make


def _row(database: Database, id: str) -> TaskRow:
    return database.read(lambda s: db.tasks.get(s, id))


def _finish(
    database: Database,
    id: str,
    attempt: int,
    state: TaskState = TaskState.DONE,
) -> Finished:
    return database.write(
        lambda s: db.tasks.finish(s, id, attempt, state, {'n': 1}, 'why')
    )


def _requeue(
    database: Database, id: str, attempt: int = 1, delay: float = 0
) -> bool:
    return database.write(
        lambda s: db.tasks.requeue(s, id, attempt, delay, 'lost')
    )


def test_nodes_are_in_plan_order(database: Database) -> None:
    run, ids = make.running(database, tasks=3)
    nodes = database.read(lambda s: db.tasks.nodes(s, run.id))
    assert [node.index for node in nodes.values()] == [1, 2, 3]
    assert [node.cleanup for node in nodes.values()] == [False, False, True]
    assert nodes[ids[2]].cleans == frozenset(ids[:2])
    assert nodes[ids[0]] == TaskRow(
        id=ids[0],
        execution_id=run.id,
        name='GetVm',
        version=1,
        instance='web',
        index=1,
        state=TaskState.PENDING,
    )
    assert database.read(lambda s: db.tasks.inputs(s, ids[1])) == {
        'vm': {'value': 1}
    }


def test_a_start_leases_the_task(database: Database) -> None:
    _, ids = make.running(database)
    worker = make.worker(database)
    assert make.start(database, ids[0], worker)
    row = _row(database, ids[0])
    assert (row.state, row.attempt) == (TaskState.RUNNING, 1)
    assert (row.service_id, row.host) == (worker.id, 'w1')
    assert row.incarnation == 'i1'
    assert row.lease_until is not None
    with database.reader() as session:
        left = row.lease_until - database.now(session)
    assert 0 < left.total_seconds() <= 90
    assert not row.expired
    assert not make.start(database, ids[0], worker, attempt=0)
    assert not make.start(database, ids[0], worker, attempt=1)


def test_one_of_many_starts_wins(database: Database) -> None:
    _, ids = make.running(database)
    workers = [make.worker(database, host=f'w{n}') for n in range(6)]
    answers = make.race(6, lambda n: make.start(database, ids[0], workers[n]))
    assert sorted(answers) == [False] * 5 + [True]
    row = _row(database, ids[0])
    assert row.host == f'w{answers.index(True)}'
    assert row.attempt == 1


def test_nothing_but_cleanups_starts_after_a_cancel(
    database: Database,
) -> None:
    run, ids = make.running(database)
    worker = make.worker(database)
    ask = db.executions.ask_cancel
    assert database.write(lambda s: ask(s, run.id, Cancel.GRACEFUL))
    assert not make.start(database, ids[0], worker)
    assert _row(database, ids[0]).attempt == 0
    assert make.start(database, ids[1], worker, cleanup=True)


def test_a_cancel_and_starts_at_once(database: Database) -> None:
    """A start that wins was committed before the cancel: a conductor that
    looks for running tasks after its cancel sees them all."""
    run, ids = make.running(database, tasks=7)
    worker = make.worker(database)
    seen: list[set[str]] = []

    def act(number: int) -> bool:
        if number < 6:
            return make.start(database, ids[number], worker)
        asked = database.write(
            lambda s: db.executions.ask_cancel(s, run.id, Cancel.FORCED)
        )
        held = database.read(lambda s: db.tasks.held_by(s, worker.id))
        seen.append({row.id for row in held})
        return asked

    answers = make.race(7, act)
    assert answers[6]
    started = {ids[n] for n in range(6) if answers[n]}
    held = database.read(lambda s: db.tasks.held_by(s, worker.id))
    assert {row.id for row in held} == started
    assert seen == [started]


def test_one_of_many_finishes_closes(database: Database) -> None:
    _, ids = make.running(database)
    make.start(database, ids[0], make.worker(database))
    answers = make.race(6, lambda _: _finish(database, ids[0], 1))
    assert sorted(answers) == [Finished.CLOSED] + [Finished.REPEATED] * 5
    assert all(answers)
    row = _row(database, ids[0])
    assert (row.state, row.reason) == (TaskState.DONE, 'why')
    assert row.lease_until is None
    made = database.read(lambda s: db.tasks.outputs(s, ids))
    assert made == {ids[0]: {'n': 1}, ids[1]: {}}


def test_a_finish_of_an_old_attempt_is_stale(database: Database) -> None:
    _, ids = make.running(database)
    worker = make.worker(database)
    make.start(database, ids[0], worker)
    assert _requeue(database, ids[0])
    assert not _finish(database, ids[0], 1)
    make.start(database, ids[0], worker, attempt=1)
    assert _finish(database, ids[0], 1) is Finished.STALE
    assert _row(database, ids[0]).state is TaskState.RUNNING
    assert _finish(database, ids[0], 2) is Finished.CLOSED
    # Closed in another state than the worker says: not its doing.
    assert not _finish(database, ids[0], 2, TaskState.FAILED)
    assert not _finish(database, 'unknown', 1)


def test_a_close_and_a_finish_have_one_winner(database: Database) -> None:
    _, ids = make.running(database)
    make.start(database, ids[0], make.worker(database))

    def act(number: int) -> bool:
        if number:
            return bool(_finish(database, ids[0], 1))
        return database.write(
            lambda s: db.tasks.close(
                s, ids[0], 1, TaskState.RUNNING, TaskState.FAILED, 'lost'
            )
        )

    closed, finished = make.race(2, act)
    assert closed != finished
    state = TaskState.FAILED if closed else TaskState.DONE
    assert _row(database, ids[0]).state is state


def test_a_close_names_the_state_before(database: Database) -> None:
    _, ids = make.running(database)

    def close(state: TaskState, attempt: int = 0) -> bool:
        return database.write(
            lambda s: db.tasks.close(
                s, ids[0], attempt, state, TaskState.SKIPPED, 'no need'
            )
        )

    assert not close(TaskState.RUNNING)
    assert not close(TaskState.PENDING, attempt=1)
    assert close(TaskState.PENDING)
    assert not close(TaskState.PENDING)
    assert _row(database, ids[0]).reason == 'no need'


def test_a_requeued_task_waits(database: Database) -> None:
    _, ids = make.running(database)
    worker = make.worker(database)
    make.start(database, ids[0], worker)
    assert _requeue(database, ids[0], delay=3600)
    row = _row(database, ids[0])
    assert (row.state, row.attempt, row.ready) == (
        TaskState.PENDING,
        1,
        False,
    )
    assert (row.service_id, row.lease_until) == (None, None)
    assert row.not_before is not None
    assert not make.start(database, ids[0], worker, attempt=1)
    assert not _requeue(database, ids[0])


def test_a_start_names_the_attempt_before(database: Database) -> None:
    _, ids = make.running(database)
    worker = make.worker(database)
    make.start(database, ids[0], worker)
    _requeue(database, ids[0])
    # A conductor that decided on rows from before the first start.
    assert not make.start(database, ids[0], worker, attempt=0)
    assert make.start(database, ids[0], worker, attempt=1)


def test_only_attempts_without_progress_count(database: Database) -> None:
    _, ids = make.running(database)
    worker = make.worker(database)
    lost = []
    for attempt, advanced in enumerate([False, False, True, False]):
        assert make.start(database, ids[0], worker, attempt)
        assert not _row(database, ids[0]).advanced
        if advanced:
            database.write(
                lambda s, a=attempt: db.reports.save(
                    s, ids[0], a + 1, advanced=True
                )
            )
            assert _row(database, ids[0]).advanced
        assert _requeue(database, ids[0], attempt + 1)
        lost.append(_row(database, ids[0]).lost)
    assert lost == [1, 2, 0, 1]


def test_leases_run_out_and_are_renewed(database: Database) -> None:
    _, ids = make.running(database, tasks=4)
    worker = make.worker(database)
    other = make.worker(database, host='w2')
    make.start(database, ids[0], worker, lease_seconds=-5)
    make.start(database, ids[1], worker, lease_seconds=60)
    make.start(database, ids[2], other, lease_seconds=-5)

    def expired() -> set[str]:
        rows = database.read(db.tasks.expired)
        assert all(row.expired for row in rows)
        return {row.id for row in rows}

    assert expired() == {ids[0], ids[2]}
    renew = db.tasks.renew
    assert database.write(lambda s: renew(s, worker.id, 'i0', 90)) == 0
    assert database.write(lambda s: renew(s, worker.id, 'i1', 90)) == 2
    assert expired() == {ids[2]}
    held = database.read(lambda s: db.tasks.held_by(s, worker.id))
    assert [row.id for row in held] == ids[:2]


def test_why_a_task_waits(database: Database) -> None:
    _, ids = make.running(database)
    worker = make.worker(database)
    assert database.write(lambda s: db.tasks.wait(s, [ids[0]], 0, 'no worker'))
    assert not database.write(
        lambda s: db.tasks.wait(s, [ids[0]], 0, 'no worker')
    )
    assert _row(database, ids[0]).reason == 'no worker'
    make.start(database, ids[0], worker)
    assert _row(database, ids[0]).reason == ''
    assert not database.write(lambda s: db.tasks.wait(s, [ids[0]], 1, 'x'))


def test_reports_of_a_running_task(database: Database) -> None:
    run, ids = make.running(database)
    worker = make.worker(database)
    at = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)

    def tell(attempt: int, done: int, *notes: str, **more: Any) -> bool:
        progress = [
            Progress(item='vda', done=done - 1, total=9),
            Progress(item='vda', done=done, total=9, rate=0.5),
            Progress(done=done * 2**40, total=2**63 - 1),
        ]
        lines = [
            Note(index=n, at=at, text=text, level=Level.WARNING)
            for n, text in enumerate(notes)
        ]
        return database.write(
            lambda s: db.reports.save(
                s, ids[0], attempt, progress, lines, **more
            )
        )

    assert not tell(1, 1, 'not started')
    make.start(database, ids[0], worker)
    assert tell(1, 2, 'one', checkpoint={'at': 7})
    assert tell(1, 3, 'one', 'two')  # repeats a note
    assert _row(database, ids[0]).checkpoint == {'at': 7}
    _requeue(database, ids[0])
    assert not tell(1, 9, 'late')
    make.start(database, ids[0], worker, attempt=1)
    assert not tell(1, 9, 'later')
    assert tell(2, 4, 'anew 🚚')
    row = _row(database, ids[0])
    assert row.checkpoint == {'at': 7}  # for the attempt after this one

    found = database.read(
        lambda s: db.executions.get(s, run.id, with_tasks=True)
    )
    task = found.tasks[0]
    assert [(n.index, n.text) for n in task.notes] == [
        (1, 'one'),
        (2, 'two'),
        (3, 'anew 🚚'),
    ]
    assert task.notes[0].at == at
    assert task.notes[0].level is Level.WARNING
    assert task.progress == (
        Progress(done=4 * 2**40, total=2**63 - 1),
        Progress(item='vda', done=4, total=9, rate=0.5),
    )
    assert (task.attempt, task.host, task.index) == (2, 'w1', 1)
    assert task.started_at is not None
    assert found.tasks[1].cleans == (ids[0],)
    assert found.tasks[1].notes == ()


def test_what_users_see_is_read_without_checkpoints(
    database: Database,
) -> None:
    """They hold the journals of copies, and users are not shown them."""
    run, ids = make.running(database)
    make.start(database, ids[0], make.worker(database))
    database.write(
        lambda s: db.reports.save(s, ids[0], 1, checkpoint={'at': 7})
    )
    sent: list[str] = []

    def note(*args: Any) -> None:
        sent.append(args[2])

    sa.event.listen(database.engine, 'before_cursor_execute', note)
    try:
        [first, *_] = database.read(lambda s: db.reports.records(s, run.id))
    finally:
        sa.event.remove(database.engine, 'before_cursor_execute', note)
    assert (first.id, first.attempt) == (ids[0], 1)
    assert any('tasks.reason' in statement for statement in sent)
    assert not [text for text in sent if 'checkpoint' in text]


def test_an_unknown_task(database: Database) -> None:
    for fn in (db.tasks.get, db.tasks.inputs):
        with pytest.raises(errors.NotFound):
            database.read(lambda s, f=fn: f(s, 'no'))


def test_executions_are_numbered_by_owner(database: Database) -> None:
    owners = [make.transfer(database).id for _ in range(2)]
    made = make.race(
        6, lambda n: make.execution(database, owners[n % 2], tasks=1)
    )
    for owner in owners:
        numbers = sorted(e.number for e in made if e.owner_id == owner)
        assert numbers == [1, 2, 3]


def test_an_execution_ends_once(database: Database) -> None:
    run, _ = make.running(database)
    assert database.read(db.executions.running) == [run.id]
    with pytest.raises(errors.Conflict):
        database.write(lambda s: db.executions.delete(s, run.id))
    states = [ExecutionState.DONE, ExecutionState.FAILED] * 2
    answers = make.race(
        4,
        lambda n: database.write(
            lambda s: db.executions.end(s, run.id, states[n])
        ),
    )
    assert sorted(answers) == [False, False, False, True]
    state = states[answers.index(True)]
    found = database.read(lambda s: db.executions.get(s, run.id))
    assert found.state is state
    assert found.ended_at is not None
    owner = database.read(lambda s: db.transfers.get(s, run.owner_id))
    assert owner.last_execution_state == state
    assert database.read(db.executions.running) == []
    ask = db.executions.ask_cancel
    assert not database.write(lambda s: ask(s, run.id, Cancel.FORCED))
    database.write(lambda s: db.executions.delete(s, run.id))
    assert database.read(lambda s: db.tasks.nodes(s, run.id)) == {}


def test_a_cancel_only_grows_harder(database: Database) -> None:
    run, _ = make.running(database)
    answers = [
        database.write(lambda s, h=how: db.executions.ask_cancel(s, run.id, h))
        for how in (
            Cancel.GRACEFUL,
            Cancel.GRACEFUL,
            Cancel.FORCED,
            Cancel.GRACEFUL,
        )
    ]
    assert answers == [True, False, True, False]
    found = database.read(lambda s: db.executions.get(s, run.id))
    assert found.cancel is Cancel.FORCED


def test_a_big_plan(database: Database) -> None:
    run, ids = make.running(database, tasks=1201)
    assert len(ids) == 1201
    made = database.read(lambda s: db.tasks.outputs(s, ids))
    assert len(made) == 1201
    rows = database.read(lambda s: db.tasks.nodes(s, run.id))
    assert len(rows[ids[-1]].cleans) == 1200


def test_a_cancel_waits_for_a_start_under_way(database: Database) -> None:
    run, ids = make.running(database)
    worker = make.worker(database)
    order: list[str] = []

    def cancel() -> None:
        database.write(
            lambda s: db.executions.ask_cancel(s, run.id, Cancel.GRACEFUL)
        )
        order.append('cancelled')

    thread = threading.Thread(target=cancel)
    with database.writer() as session:
        given = Start(task_id=ids[0], attempt=0, service_id=worker.id)
        assert db.starts.start(session, [given], 90)
        thread.start()
        # Not a wait for something: time for a cancel that does not wait.
        time.sleep(0.3)
        order.append('started')
    thread.join()
    assert order == ['started', 'cancelled']
