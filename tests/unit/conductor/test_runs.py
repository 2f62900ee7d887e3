# SPDX-License-Identifier: Apache-2.0
"""A failed run is tried again with what it left."""

from __future__ import annotations

import dataclasses

import pytest

from coriolis_ng import errors
from coriolis_ng.conductor import advance, executions
from coriolis_ng.db import api as db
from coriolis_ng.db.session import Database
from coriolis_ng.objects.execution import Execution
from coriolis_ng.objects.transfer import Transfer
from coriolis_ng.rpc.wire import TaskBeat
from tests.unit.conductor.conftest import Site, Worker, make_parts


def torn(site: Site, transfer: Transfer, **spec: object) -> Execution:
    """A run that fails in its copy, which had kept a checkpoint."""
    execution = site.execute(transfer, **spec)
    site.worker.do(site.next('Look'))
    given = site.next('Copy')
    site.worker.beat(
        TaskBeat(
            task_id=given.task_id,
            attempt=given.attempt,
            checkpoint={'durable': 7, 'snapshot': 's1'},
        )
    )
    site.worker.fail(given)
    site.run()
    assert site.execution(execution.id).state == 'failed'
    return execution


def test_a_retry_goes_on_with_the_checkpoint(site: Site) -> None:
    transfer = site.transfer('a')
    failed = torn(site, transfer)
    again = site.execute(transfer, retry_of=failed.id)
    assert again.spec.retry_of == failed.id
    site.worker.do(site.next('Look'))
    given = site.next('Copy')
    assert given.checkpoint == {'likely': 7}
    site.run()
    assert site.execution(again.id).state == 'done'


def test_a_retry_without_anything_done(site: Site) -> None:
    """What the one before inherited is passed on."""
    transfer = site.transfer('a')
    failed = torn(site, transfer)
    again = site.execute(transfer)
    assert site.task(again, 'Copy').checkpoint is None
    executions.cancel(site.parts, site.who, again.id, force=True)
    site.run()
    third = site.execute(transfer, retry_of=again.id)
    assert site.task(third, 'Copy').checkpoint is None
    assert failed.id != third.id


def refused(site: Site, transfer: Transfer, retry_of: str) -> str:
    with pytest.raises(errors.InvalidInput) as caught:
        site.execute(transfer, retry_of=retry_of)
    assert caught.value.field == '$.retry_of'
    assert site.find(transfer.id).busy_with is None
    return caught.value.message


def test_what_cannot_be_tried_again(site: Site) -> None:
    transfer, other = site.transfer('a'), site.transfer('a')
    failed = torn(site, transfer)
    assert 'has no execution' in refused(site, other, failed.id)
    assert 'has no execution' in refused(site, transfer, 'nonsense')
    done = site.execute(transfer)
    with pytest.raises(errors.Conflict, match='busy'):
        site.execute(transfer, retry_of=done.id)
    site.run()
    for id, why in ((done.id, 'did not fail'), (failed.id, 'came after')):
        with pytest.raises(errors.Conflict, match=why):
            site.execute(transfer, retry_of=id)
        assert site.find(transfer.id).busy_with is None


def test_it_is_tried_again_without_being_asked(site: Site) -> None:
    transfer = site.transfer('a', execution_retries=2)
    execution = site.execute(transfer)
    for retries in range(3):
        last = site.last_of(transfer.id)
        assert last.number == retries + 1
        assert last.spec.retries == retries
        site.taken()
        site.worker.fail(site.next('Look'))
    assert site.last_of(transfer.id).number == 3
    assert site.find(transfer.id).busy_with is None
    assert site.last_of(transfer.id).state == 'failed'
    assert site.execution(execution.id).state == 'failed'


def test_each_try_waits_longer(site: Site, database: Database) -> None:
    """Whatever made it fail may take its time to pass."""
    patient = make_parts(
        database, site.bus, site.store, retry_seconds=10, retry_max_seconds=30
    )
    site = dataclasses.replace(site, parts=patient, worker=Worker(patient))
    site.worker.beat()
    transfer = site.transfer('a', execution_retries=3)
    site.execute(transfer)
    told = []
    for _ in range(3):
        site.worker.fail(site.next('Look'))
        again = site.last_of(transfer.id)
        assert site.taken() == []
        row = site.task(again, 'Look')
        assert row.ready is False
        told.append(row.reason)
        database.write(lambda s, id=again.id: db.tasks.hold(s, id, -1, ''))
        advance.advance(site.parts, again.id)
    assert told == [
        f'Tried again {seconds} s after the last try failed.'
        for seconds in (10, 20, 30)
    ]


def test_a_cancelled_run_is_not_tried_again(site: Site) -> None:
    transfer = site.transfer('a', execution_retries=2)
    execution = site.execute(transfer)
    executions.cancel(site.parts, site.who, execution.id, force=True)
    site.worker.beat()
    site.run()
    assert site.last_of(transfer.id).id == execution.id
