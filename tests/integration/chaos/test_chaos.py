# SPDX-License-Identifier: Apache-2.0
"""Replicas are made while processes of the service are killed at random,
about one in three seconds; in the end nothing is lost, nothing was done
twice, and nothing is left over."""

from __future__ import annotations

import contextlib
import pathlib
import random
from collections.abc import Iterator

import pytest

from tests.beds import memory
from tests.functional.world import MIB, Watcher, World, told, wait_until
from tests.integration.chaos import bed, story, verdict
from tests.integration.chaos.blows import (
    EVERY_SECONDS,
    Killer,
    drawn,
    tracebacks,
)
from tests.integration.chaos.people import User, check_same

KILLS = story.kills()
PART = 128 * MIB  # of the journal of a copy
# Of each cloud's answers, so that tasks last long enough to be hit.
DELAYS = {
    'source': {'read': 0.15, 'make_snapshot': 0.2, 'drop_snapshot': 0.1},
    'destination': {
        'write': 0.15,
        'make_volume': 0.2,
        'make_machine': 0.5,
        'drop_machine': 0.3,
        'make_volume_snapshot': 0.3,
        'drop_volume_snapshot': 0.2,
        'clone_volume': 0.3,
    },
}
RETRIES = 8
SETTLE_SECONDS = 90
RECOVER_SECONDS = 300  # once nobody is killed any more

pytestmark = [
    pytest.mark.services,
    pytest.mark.slow,
    pytest.mark.timeout(900 + int(4 * EVERY_SECONDS * KILLS)),
]


@pytest.fixture
def told_story(tmp_path: pathlib.Path) -> Iterator[story.Story]:
    made = story.Story(tmp_path, story.seed(), KILLS)
    with made.told():
        yield made


@pytest.fixture
def service(tmp_path: pathlib.Path) -> Iterator[bed.Processes]:
    folder = tmp_path / 'service'
    folder.mkdir()
    with bed.processes(folder) as running:
        yield running


@pytest.fixture
def world(service: bed.Processes, tmp_path: pathlib.Path) -> Iterator[World]:
    with (
        memory.started(tmp_path, 'source') as source,
        memory.started(tmp_path, 'destination') as destination,
    ):
        yield World(service, Watcher(service), source, destination)


MACHINES: tuple[dict[str, list[int]], ...] = (
    {'one': [8 * MIB, 4 * MIB]},
    {'two': [8 * MIB]},
    {'three': [4 * MIB, 4 * MIB]},
    {'four': [16 * MIB]},
    {'restless': [8 * MIB]},
    {'a': [4 * MIB], 'b': [4 * MIB, 4 * MIB], 'c': [4 * MIB]},
    {'long': [12 * PART]},
)


def users(world: World, seed: int) -> list[User]:
    """Each with a transfer of its own."""
    made = []
    for machines in MACHINES:
        for name, sizes in machines.items():
            world.machine(name, *sizes)
            for disk, size in enumerate(sizes):
                for part in range(PART, size, PART):
                    world.fill(name, disk, part, 2 * MIB)
        [first, *_] = machines
        transfer = world.transfer(
            *machines, execution_retries=RETRIES, keep_points=3
        )
        made.append(
            User(
                world,
                transfer,
                machines,
                random.Random(f'{seed} {first}'),
                restless=first == 'restless',
                deploys=first != 'long',
                seconds=3 * EVERY_SECONDS * KILLS + RECOVER_SECONDS,
            )
        )
    return made


def slow_down(world: World) -> None:
    for name, calls in DELAYS.items():
        cloud = getattr(world, name)
        for call, seconds in calls.items():
            cloud.call('test_delay', call=call, seconds=seconds)


def calm_down(world: World) -> None:
    world.source.call('test_calm')
    world.destination.call('test_calm')


def endure(
    service: bed.Processes,
    world: World,
    people: list[User],
    tale: story.Story,
) -> None:
    """The killing; returns when everybody is there again, all users have
    ended what they were at, and none of them met a fault."""
    blows = drawn(tale.seed, KILLS, service.NAMES, bed.LEASE_SECONDS)
    killer = Killer(service, blows, tale.tell)
    slow_down(world)
    for user in people:
        user.start()
    killer.start()
    try:
        while killer.is_alive() and not any(u.faults for u in people):
            killer.join(1)
        tale.tell('the killing is over')
    finally:
        killer.halt()
        for user in people:
            user.enough()
    calm_down(world)
    service.start_missing()
    for user in people:
        user.join(2 * RECOVER_SECONDS)
        assert not user.is_alive(), f'{user.name} does not end'
        tale.tell(f'{user.name}: {user.ends}, compared {user.compared}')
    faults = [*killer.faults, *(f for user in people for f in user.faults)]
    assert not faults, '\n'.join(faults)
    assert len(killer.struck) == KILLS


def judge(
    service: bed.Processes,
    world: World,
    people: list[User],
    tale: story.Story,
) -> None:
    """Nothing hangs, and each transfer goes on as if nothing had been."""
    with contextlib.suppress(AssertionError):
        # The tear-downs of deployments may still run.
        wait_until(lambda: not verdict.unended(service), '', SETTLE_SECONDS)
    tale.tell(f'ends: {verdict.ends(service)}')
    tale.tell(f'failures: {verdict.reasons(service)}')
    assert not verdict.unended(service)
    assert not verdict.unexplained(service)
    last = {u.transfer: world.start(u.transfer, checksum=True) for u in people}
    for user in people:
        done = world.ended(user.transfer, last[user.transfer])
        assert done['status'] == 'COMPLETED', told(done)
        points = world.points(user.transfer)
        for name in user.machines:
            newest = next(p for p in points if p['instance'] == name)
            check_same(world, newest, name)
    tale.tell('the last executions are compared')
    assert not verdict.slots(service)
    log = world.destination.log()
    assert not verdict.made_twice([*log, *world.source.log()])
    assert not verdict.written_wrongly(log)
    total, again = verdict.rewritten(log)
    tale.tell(f'{total >> 20} MiB written, {again >> 20} MiB of it again')
    # What was durable is not copied again.
    assert 2 * again < total


def clear(service: bed.Processes, world: World, tale: story.Story) -> None:
    """What is left when the transfers are gone: nothing."""

    def left() -> dict[str, object]:
        found = {
            'source': world.source.left(),
            'destination': world.destination.left(),
            'ledger': world.ledger(),
        }
        return {name: what for name, what in found.items() if what}

    for one in world.client.deployments.list(limit=1000):
        world.undeploy(one['id'])
    for one in world.client.transfers.list(limit=1000):
        world.delete(one['id'])
    tale.tell(f'left before the audit: {left()}')
    wait_until(lambda: not left(), 'nothing left', SETTLE_SECONDS)
    world.close()


def test_nothing_is_lost(
    service: bed.Processes, world: World, told_story: story.Story
) -> None:
    tale = told_story
    people = users(world, tale.seed)
    endure(service, world, people, tale)
    judge(service, world, people, tale)
    clear(service, world, tale)
    found = tracebacks(service.folder)
    assert not found
    service.close()
    assert not service.marked()
    print(tale.text)
