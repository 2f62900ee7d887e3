# SPDX-License-Identifier: Apache-2.0
"""An execution from its creation to its end, and all that may happen."""

from __future__ import annotations

import pytest

from coriolis_ng import errors
from coriolis_ng.conductor import executions, transfers
from coriolis_ng.db import api as db
from coriolis_ng.objects.resource import ResourceKind, Side
from coriolis_ng.objects.transfer import Scenario
from coriolis_ng.rpc.wire import Result, TaskBeat
from tests.unit.conductor.conftest import Site
from tests.unit.conductor.scripted import CLOUD, Worker


def test_runs_to_its_end(site: Site) -> None:
    transfer = site.transfer('a')
    execution = site.execute(transfer)
    assert execution.number == 1
    assert [t.index for t in execution.tasks] == [1, 2, 3, 4, 5]
    assert site.find(transfer.id).busy_with == execution.id
    site.run()
    ended = site.execution(execution.id)
    assert ended.state == 'done'
    assert set(site.states(ended).values()) == {'done'}
    after = site.find(transfer.id)
    assert after.busy_with is None
    assert after.last_execution_state == 'done'
    replica = site.replica(transfer)
    assert replica.volumes.items[0].id == 'vol-a'
    assert len(replica.points) == 1


def test_input_comes_from_the_outputs_before(site: Site) -> None:
    site.execute(site.transfer('a'))
    look = site.next('Look')
    assert look.input == {'name': 'a'}
    assert look.target is None
    assert look.source is not None
    site.worker.do(look)
    copy = site.next('Copy')
    assert copy.input['vm']['name'] == 'a'
    assert copy.source is not None
    assert copy.target is not None
    assert copy.tag == f'coriolis:{copy.execution_id}:{copy.task_id}'


def test_a_busy_transfer_is_refused(site: Site) -> None:
    transfer = site.transfer('a')
    first = site.execute(transfer)
    with pytest.raises(errors.Conflict, match=first.id):
        site.execute(transfer)
    with pytest.raises(errors.Conflict, match=first.id):
        transfers.delete_disks(site.parts, site.who, transfer.id)
    with pytest.raises(errors.Conflict, match=first.id):
        transfers.update(site.parts, site.who, transfer.id, {'notes': 'x'})


def test_two_machines_are_independent(site: Site) -> None:
    transfer = site.transfer('a', 'b')
    execution = site.execute(transfer)
    site.worker.fail(site.next('Look', 'a'), 'there is no a')
    site.run()
    ended = site.execution(execution.id)
    assert ended.state == 'failed'
    states = site.states(ended)
    assert states['Look a'] == 'failed'
    assert states['Copy a'] == states['CleanTarget a'] == 'skipped'
    assert states['Keep b'] == states['CleanTarget b'] == 'done'
    reasons = {f'{t.name} {t.instance}': t.reason for t in ended.tasks}
    assert reasons['Look a'] == 'there is no a'
    assert reasons['Copy a'] == 'Look failed.'
    assert site.replica(transfer, 'a').points == ()
    assert len(site.replica(transfer, 'b').points) == 1


def test_cleanup_runs_on_failure_with_what_is_left(site: Site) -> None:
    execution = site.execute(site.transfer('a'))
    site.worker.do(site.next('Look'))
    copy = site.next('Copy')
    site.worker.make(copy, 'half-made')
    site.worker.make(copy, 'mark', ResourceKind.CHECKPOINT, Side.SOURCE)
    site.worker.fail(copy)
    clean = site.next('CleanTarget')
    assert [r.id for r in clean.leftovers] == ['half-made']
    assert [r.id for r in site.next('CleanSource').leftovers] == ['mark']
    site.run()
    states = site.states(execution)
    assert states['Keep a'] == 'skipped'
    assert states['CleanTarget a'] == states['CleanSource a'] == 'done'
    assert site.execution(execution.id).state == 'failed'


def test_what_the_replica_owns_is_no_leftover(site: Site) -> None:
    site.execute(site.transfer('a'))
    site.worker.do(site.next('Look'))
    copy = site.next('Copy')
    site.worker.make(copy, 'vol-a')
    site.worker.make(copy, 'scratch')
    site.worker.do(copy)
    site.worker.do(site.next('Keep'))
    assert [r.id for r in site.next('CleanTarget').leftovers] == ['scratch']


def test_a_failed_cleanup_does_not_fail_the_execution(site: Site) -> None:
    execution = site.execute(site.transfer('a'))
    for name in ('Look', 'Copy', 'Keep'):
        site.worker.do(site.next(name))
    site.worker.fail(site.next('CleanTarget'))
    site.run()
    assert site.states(execution)['CleanTarget a'] == 'failed'
    assert site.execution(execution.id).state == 'done'


def test_leftovers_of_an_ended_execution_are_tried_again(site: Site) -> None:
    transfer = site.transfer('a')
    site.execute(transfer)
    site.worker.do(site.next('Look'))
    site.worker.make(site.next('Copy'), 'stray')
    for name in ('Copy', 'CleanTarget'):
        site.worker.fail(site.next(name))
    site.run()
    site.execute(transfer)
    for name in ('Look', 'Copy', 'Keep'):
        site.worker.do(site.next(name))
    assert [r.id for r in site.next('CleanTarget').leftovers] == ['stray']


def test_a_doubled_finish_changes_nothing(site: Site) -> None:
    site.execute(site.transfer('a'))
    look = site.next('Look')
    site.worker.do(look)
    nudges = list(site.bus.starts)
    site.worker.do(look)
    assert site.bus.starts == nudges


def test_a_finish_that_contradicts_the_first_is_stale(site: Site) -> None:
    site.execute(site.transfer('a'))
    look = site.next('Look')
    site.worker.do(look)
    with pytest.raises(errors.Stale):
        site.worker.fail(look)
    assert site.row(look.task_id).state == 'done'


def test_a_finish_of_an_older_attempt_is_refused(site: Site) -> None:
    transfer = site.transfer('a')
    site.execute(transfer)
    site.worker.do(site.next('Look'))
    copy = site.next('Copy')
    site.worker.fail(copy, retryable=True)
    (again,) = site.taken()
    assert (again.task_id, again.attempt) == (copy.task_id, 2)
    with pytest.raises(errors.Stale):
        site.worker.do(copy)
    with pytest.raises(errors.Stale):
        site.worker.make(copy, 'too-late')
    assert site.replica(transfer).disks == ()


def test_a_retryable_failure_is_bounded(site: Site) -> None:
    execution = site.execute(site.transfer('a'))
    for attempt in (1, 2, 3):
        look = site.next('Look')
        assert look.attempt == attempt
        site.worker.fail(look, 'no answer', retryable=True)
    assert site.states(execution)['Look a'] == 'failed'
    assert site.execution(execution.id).state == 'failed'


def test_progress_gives_more_attempts(site: Site) -> None:
    site.execute(site.transfer('a'))
    for attempt in (1, 2, 3, 4, 5):
        look = site.next('Look')
        assert look.attempt == attempt
        site.worker.beat(
            TaskBeat(
                task_id=look.task_id,
                attempt=attempt,
                advanced=True,
                checkpoint={'at': attempt},
            )
        )
        site.worker.fail(look, retryable=True)
    assert site.next('Look').checkpoint == {'at': 5}


def test_what_cannot_be_resumed_fails_at_once(site: Site) -> None:
    execution = site.execute(site.transfer('a'))
    for name in ('Look', 'Copy'):
        site.worker.do(site.next(name))
    site.worker.fail(site.next('Keep'), retryable=True)
    assert site.states(execution)['Keep a'] == 'failed'


def test_a_result_of_the_wrong_shape_fails_the_task(site: Site) -> None:
    execution = site.execute(site.transfer('a'))
    given = site.next('Look')
    site.worker.finish(given, Result(state='done', output={'vm': {'id': 1}}))
    (look, *_) = site.execution(execution.id).tasks
    assert look.state == 'failed'
    assert '$.vm' in look.reason


def test_a_worker_that_ends_gives_its_tasks_back(site: Site) -> None:
    site.execute(site.transfer('a'))
    site.worker.finish(site.next('Look'), Result(state='canceled'))
    assert site.next('Look').attempt == 2


def test_nobody_can_do_it(site: Site) -> None:
    transfer = site.transfer('a')
    only_source = type(CLOUD)(name='cloud', capabilities=('inventory',))
    site.worker.beat(providers=(only_source,))
    with pytest.raises(errors.NoWorker, match='offers "cloud"'):
        site.execute(transfer)
    assert site.find(transfer.id).busy_with is None


def test_waits_for_a_slot_and_says_so(site: Site) -> None:
    site.worker.capacity = 1
    site.worker.beat()
    execution = site.execute(site.transfer('a', 'b'))
    first = site.next('Look', 'a')
    waiting = site.task(execution, 'Look', 'b')
    assert waiting.state == 'pending'
    assert 'slot' in waiting.reason
    # What the finish of the first makes possible comes at once.
    site.worker.fail(first)
    assert site.next('Look', 'b').attempt == 1


def test_the_least_busy_worker_is_picked(site: Site) -> None:
    other = Worker(site.parts, host='w2')
    other.beat()
    site.execute(site.transfer('a', 'b'))
    assert sorted(host for host, _, _ in site.bus.starts) == ['w1', 'w2']


def test_cancel_is_graceful_then_forced(site: Site) -> None:
    execution = site.execute(site.transfer('a'))
    site.worker.do(site.next('Look'))
    copy = site.next('Copy')
    executions.cancel(site.parts, site.who, execution.id, force=False)
    (order,) = site.worker.beat().stop
    assert (order.task_id, order.forced) == (copy.task_id, False)
    assert [o for _, o in site.bus.stops] == [order]
    with pytest.raises(errors.Conflict, match='already'):
        executions.cancel(site.parts, site.who, execution.id, force=False)
    executions.cancel(site.parts, site.who, execution.id, force=True)
    (order,) = site.worker.beat().stop
    assert order.forced
    with pytest.raises(errors.Conflict):
        executions.cancel(site.parts, site.who, execution.id, force=True)
    site.worker.finish(copy, Result(state='canceled'))
    # Cleanups run, and are not stopped.
    site.next('CleanTarget')
    assert site.worker.beat().stop == ()
    site.run()
    assert site.execution(execution.id).state == 'canceled'
    assert site.states(execution) == {
        'Look a': 'done',
        'Copy a': 'canceled',
        'Keep a': 'skipped',
        'CleanSource a': 'done',
        'CleanTarget a': 'done',
    }
    with pytest.raises(errors.Conflict, match='ended'):
        executions.cancel(site.parts, site.who, execution.id, force=True)


def test_what_is_done_under_cancel_stays_done(site: Site) -> None:
    execution = site.execute(site.transfer('a'))
    look = site.next('Look')
    executions.cancel(site.parts, site.who, execution.id, force=False)
    site.worker.do(look)
    assert site.states(execution)['Look a'] == 'done'
    assert site.execution(execution.id).state == 'canceled'


def test_a_retryable_failure_under_cancel_is_not_tried_again(
    site: Site,
) -> None:
    execution = site.execute(site.transfer('a'))
    look = site.next('Look')
    executions.cancel(site.parts, site.who, execution.id, force=False)
    site.worker.fail(look, retryable=True)
    assert site.states(execution)['Look a'] == 'failed'
    assert site.execution(execution.id).state == 'failed'


def test_a_running_execution_is_not_deleted(site: Site) -> None:
    execution = site.execute(site.transfer('a'))
    with pytest.raises(errors.Conflict):
        executions.delete(site.parts, site.who, execution.id)
    site.run()
    executions.delete(site.parts, site.who, execution.id)
    with pytest.raises(errors.NotFound):
        site.execution(execution.id)


def test_auto_deploy_follows_success(site: Site) -> None:
    transfer = site.transfer('a')
    execution = site.execute(transfer, auto_deploy=True)
    for name in ('Look', 'Copy', 'Keep', 'CleanSource', 'CleanTarget'):
        site.worker.do(site.next(name))
    assert site.execution(execution.id).state == 'done'
    boot = site.next('Boot')
    assert boot.source is None, 'nothing is asked of the source'
    [made] = site.parts.database.read(lambda s: db.deployments.list(s, None))
    assert made.spec.follows == execution.id
    assert boot.input['point']['id'] == site.replica(transfer).points[0].id
    site.run()


def test_auto_deploy_does_not_follow_failure(site: Site) -> None:
    site.execute(site.transfer('a'), auto_deploy=True)
    site.worker.fail(site.next('Look'))
    site.run()
    assert site.bus.starts == []


def test_a_live_migration_shuts_down_and_deploys(site: Site) -> None:
    transfer = site.transfer('a', scenario=Scenario.LIVE_MIGRATION)
    execution = site.execute(transfer)
    assert execution.spec.shutdown_instances
    for name in ('Look', 'Copy', 'Keep', 'CleanSource', 'CleanTarget'):
        site.worker.do(site.next(name))
    assert site.next('Boot').name == 'Boot'


@pytest.mark.parametrize(
    ('said', 'wanted'),
    [
        ({}, (True, True)),
        ({'shutdown_instances': False}, (False, False)),
        ({'auto_deploy': False}, (False, False)),
        ({'shutdown_instances': True}, (True, True)),
        ({'shutdown_instances': True, 'auto_deploy': False}, (True, False)),
        ({'shutdown_instances': False, 'auto_deploy': True}, (False, True)),
    ],
)
def test_what_is_said_of_a_live_migration_is_done(
    site: Site, said: dict[str, bool], wanted: tuple[bool, bool]
) -> None:
    transfer = site.transfer('a', scenario=Scenario.LIVE_MIGRATION)
    made = site.execute(transfer, **said).spec
    assert (made.shutdown_instances, made.auto_deploy) == wanted


def test_nothing_follows_a_live_migration_that_shall_only_copy(
    site: Site,
) -> None:
    transfer = site.transfer('a', scenario=Scenario.LIVE_MIGRATION)
    execution = site.execute(
        transfer, shutdown_instances=False, auto_deploy=False
    )
    site.run()
    assert site.execution(execution.id).state == 'done'
    assert len(site.replica(transfer).points) == 1
    assert site.bus.starts == []
    made = site.parts.database.read(lambda s: db.deployments.list(s, None))
    assert list(made) == []


def test_a_replica_is_only_copied(site: Site) -> None:
    made = site.execute(site.transfer('a')).spec
    assert (made.shutdown_instances, made.auto_deploy) == (False, False)
