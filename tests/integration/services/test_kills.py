# SPDX-License-Identifier: Apache-2.0
"""Processes die without a word, and what they did is gone on with.

The disk is large and almost empty, so that its copy has many parts that
become durable one by one; each read takes a second, so that there is time
to kill somebody in the middle.
"""

from __future__ import annotations

import signal
import time

import pytest

from tests.beds.coriolis import Processes
from tests.functional.world import (
    MIB,
    World,
    notes,
    task,
    told,
    wait_until,
)

PARTS = 16
PART = 128 * MIB  # of the journal: coriolis_ng.transport.digest.SEGMENT
DATA = 2 * MIB  # in each part
READ_SECONDS = 2.0
COPY = 'REPLICATE_DISKS'

pytestmark = [pytest.mark.services, pytest.mark.timeout(400)]


def slow_machine(world: World, name: str) -> str:
    world.source.make_machine(name, PARTS * PART)
    for part in range(PARTS):
        world.fill(name, 0, part * PART, DATA)
    world.source.call('test_delay', call='read', seconds=READ_SECONDS)
    return name


def wait_for_journal(world: World, execution: str) -> int:
    """Until the conductors know that something is durable; how many bytes
    were written by then."""
    wait_until(
        lambda: world.service.query(
            'SELECT checkpoint FROM tasks WHERE execution_id = :id '
            "AND name = 'CopyDisks' AND checkpoint IS NOT NULL "
            "AND checkpoint != 'null'",
            id=execution,
        ),
        'a checkpoint of the copy',
    )
    return world.written()


def check_copied_once(world: World, name: str, transfer: str) -> None:
    """Far from a second full copy was written, and the content is right."""
    world.source.call('test_calm')
    full = PARTS * DATA
    assert full <= world.written() < 1.6 * full
    [point] = world.points(transfer)
    for part in range(PARTS):
        at = {'offset': part * PART, 'length': DATA}
        [disk] = point['disks']
        wanted = world.source.client.read('machine', name, disk='disk0', **at)
        found = world.destination.client.read(
            'volume_snapshot', disk['snapshot_id'], **at
        )
        assert wanted == found, f'part {part}'


def test_a_worker_is_killed_in_the_middle_of_a_copy(world: World) -> None:
    name = slow_machine(world, 'kill worker')
    transfer = world.transfer(name)
    execution = world.start(transfer)
    before = wait_for_journal(world, execution)
    assert 0 < before < PARTS * DATA
    running = world.client.executions.of(transfer).get(execution)
    copying = task(running, COPY)
    assert copying['status'] == 'RUNNING'
    assert copying['attempt'] == 1
    world.service.kill(copying['host'])

    done = world.ended(transfer, execution, 200)
    assert done['status'] == 'COMPLETED', told(done)
    resumed = task(done, COPY)
    assert resumed['attempt'] == 2
    assert resumed['host'] != copying['host']
    assert any('that are durable' in note for note in notes(done))
    check_copied_once(world, name, transfer)
    attempts = {
        line['attempt']
        for line in world.destination.log()
        if line['op'] == 'write'
    }
    assert attempts == {1, 2}


def test_the_killed_workers_children_write_no_more(world: World) -> None:
    """They die with their worker: a second one may own the task soon."""
    name = slow_machine(world, 'kill all workers')
    transfer = world.transfer(name)
    execution = world.start(transfer)
    wait_until(world.written, 'a first write')
    for worker in ('worker-1', 'worker-2'):
        world.service.kill(worker)
    time.sleep(READ_SECONDS + 1)
    before = world.written()
    time.sleep(2 * READ_SECONDS)
    assert world.written() == before
    world.service.start('worker-1')
    world.service.start('worker-2')
    done = world.ended(transfer, execution, 200)
    assert done['status'] == 'COMPLETED', told(done)


@pytest.mark.parametrize('conductor', ['conductor-1', 'conductor-2'])
def test_a_conductor_is_killed(world: World, conductor: str) -> None:
    name = slow_machine(world, f'kill {conductor}')
    transfer = world.transfer(name)
    execution = world.start(transfer)
    wait_until(world.written, 'a first write')
    world.service.kill(conductor)
    done = world.ended(transfer, execution, 200)
    assert done['status'] == 'COMPLETED', told(done)
    check_copied_once(world, name, transfer)


def test_both_conductors_are_away_for_a_while(world: World) -> None:
    name = slow_machine(world, 'no conductor')
    transfer = world.transfer(name)
    execution = world.start(transfer)
    wait_until(world.written, 'a first write')
    world.service.kill('conductor-1')
    world.service.kill('conductor-2')
    time.sleep(3)
    world.service.start('conductor-1')
    world.service.start('conductor-2')
    done = world.ended(transfer, execution, 200)
    assert done['status'] == 'COMPLETED', told(done)


def test_a_conductor_is_stopped_and_another_goes_on(world: World) -> None:
    name = slow_machine(world, 'stop conductor')
    transfer = world.transfer(name)
    execution = world.start(transfer)
    wait_until(world.written, 'a first write')
    world.service.stop('conductor-1')
    world.service.start('conductor-1')
    world.service.stop('conductor-2')
    done = world.ended(transfer, execution, 200)
    assert done['status'] == 'COMPLETED', told(done)
    check_copied_once(world, name, transfer)


def test_a_worker_is_stopped_and_gives_its_task_back(world: World) -> None:
    name = slow_machine(world, 'stop worker')
    transfer = world.transfer(name)
    execution = world.start(transfer)
    wait_for_journal(world, execution)
    running = world.client.executions.of(transfer).get(execution)
    host = task(running, COPY)['host']
    world.service.stop(host)
    done = world.ended(transfer, execution, 200)
    assert done['status'] == 'COMPLETED', told(done)
    assert task(done, COPY)['host'] != host
    check_copied_once(world, name, transfer)


def incarnation(world: World, host: str) -> str:
    """Of the process that was heard last."""
    [[found]] = world.service.query(
        'SELECT incarnation FROM services WHERE host = :host', host=host
    )
    return str(found)


@pytest.mark.thorough
def test_a_worker_that_may_drain_ends_what_it_has_begun(
    world: World,
) -> None:
    """It takes nothing more meanwhile; what comes next is another's."""
    service = world.service
    assert isinstance(service, Processes)
    told = incarnation(world, 'worker-1')
    service.stop('worker-1')
    before = service.configure('worker-1', '[worker]\ndrain_seconds = 200')
    service.start('worker-1')
    wait_until(lambda: incarnation(world, 'worker-1') != told, 'worker-1')
    [other] = [
        one['id']
        for one in world.client.services.list()
        if one['host'] == 'worker-2'
    ]
    try:
        world.client.services.update(other, enabled=False)
        name = slow_machine(world, 'drain worker')
        transfer = world.transfer(name)
        execution = world.start(transfer)
        wait_for_journal(world, execution)
    finally:
        world.client.services.update(other, enabled=True)
        service.restore('worker-1', before)
    draining = service.running.pop('worker-1')
    draining.tell(signal.SIGTERM)
    second = world.transfer(world.machine('after it', MIB))
    done = world.ended(second, world.start(second), 200)
    assert done['status'] == 'COMPLETED', told(done)
    assert {one['host'] for one in done['tasks'] if one['host']} == {
        'worker-2'
    }
    done = world.ended(transfer, execution, 200)
    assert done['status'] == 'COMPLETED', told(done)
    copying = task(done, COPY)
    assert (copying['host'], copying['attempt']) == ('worker-1', 1)
    assert draining.wait(30) == 0
    world.source.call('test_calm')
    assert world.written() == PARTS * DATA + MIB


def test_allinone_is_killed_and_started_again(small_world: World) -> None:
    world = small_world
    name = slow_machine(world, 'kill allinone')
    transfer = world.transfer(name)
    execution = world.start(transfer)
    wait_for_journal(world, execution)
    world.service.kill('allinone')
    world.service.start('allinone')
    done = world.ended(transfer, execution, 200)
    assert done['status'] == 'COMPLETED', told(done)
    assert task(done, COPY)['attempt'] == 2
    check_copied_once(world, name, transfer)
