# SPDX-License-Identifier: Apache-2.0
"""Rows in a Galera cluster that is written to on both of its nodes: whoever
loses a certification tries again, and nothing is lost or done twice."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from coriolis_ng.client.errors import Unavailable
from coriolis_ng.db import api as db
from coriolis_ng.db import migration, models
from coriolis_ng.db.session import Database
from coriolis_ng.objects import new_id
from coriolis_ng.objects.quota import QuotaResource
from tests.beds.galera import Galera
from tests.functional.world import MIB, RUNNING, World, told, wait_until
from tests.integration.chaos import verdict
from tests.unit.db import make

TRANSFERS = 8
Json = dict[str, Any]
READ_SECONDS = 0.3  # so that there is a middle in which to kill a node
KIND = QuotaResource.EXECUTIONS

pytestmark = [pytest.mark.services, pytest.mark.timeout(900)]


@pytest.fixture
def both(cluster: Galera) -> Iterator[list[Database]]:
    """The same rows, through each node."""
    name = 'c' + new_id().replace('-', '')
    cluster.create(name)
    urls = [node.url_of(name) for node in cluster.nodes]
    migration.sync(urls[0])
    made = [Database(url) for url in urls]
    yield made
    for one in made:
        one.close()


def conflicts(cluster: Galera) -> int:
    """Transactions that one node took back because of the other."""
    names = ('wsrep_local_cert_failures', 'wsrep_local_bf_aborts')
    return sum(
        int(node.status(name)) for node in cluster.nodes for name in names
    )


def test_conflicts_at_the_commit_are_tried_again(
    cluster: Galera, both: list[Database]
) -> None:
    """The same row, from three threads on each of two nodes."""
    before = conflicts(cluster)
    times = 20
    make.race(
        6,
        lambda number: [
            both[number % 2].write(lambda s: db.quotas.hold(s, 'p1', KIND))
            for _ in range(times)
        ],
    )
    assert conflicts(cluster) > before
    count = sa.select(models.Quota.claims)
    assert [one.read(lambda s: s.scalar(count)) for one in both] == [120, 120]


def test_each_transfer_is_claimed_once(
    cluster: Galera, both: list[Database]
) -> None:
    ids = [make.transfer(both[0]).id for _ in range(20)]
    before = conflicts(cluster)
    mine = [new_id(), new_id()]

    def claim(number: int) -> list[bool]:
        return [
            both[number].write(
                lambda s, id=id: db.transfers.claim(s, id, mine[number])
            )
            for id in ids
        ]

    won = make.race(2, claim)
    assert [sum(pair) for pair in zip(*won, strict=True)] == [1] * 20
    holders = [
        both[1].read(lambda s, id=id: db.transfers.get(s, id)).busy_with
        for id in ids
    ]
    assert holders == [mine[0] if first else mine[1] for first in won[0]]
    assert conflicts(cluster) >= before


def test_each_node_sees_what_was_committed_on_the_other(
    both: list[Database],
) -> None:
    """At once: a worker asks one conductor about what another has told."""
    for number in range(50):
        writer, reader = both[number % 2], both[1 - number % 2]
        made = make.endpoint(name=f'n{number}')
        writer.write(lambda s, made=made: db.endpoints.create(s, made))
        found = reader.read(lambda s, id=made.id: db.endpoints.get(s, id))
        assert found.name == made.name


@pytest.mark.slow
@pytest.mark.thorough
def test_a_node_dies_in_the_middle_of_many_transfers(
    world: World, cluster: Galera
) -> None:
    """Its conductor can do nothing any more; the other one can."""
    names = [f'machine {number}' for number in range(TRANSFERS)]
    for name in names:
        world.machine(name, 4 * MIB)
    world.source.call('test_delay', call='read', seconds=READ_SECONDS)
    transfers = {name: world.transfer(name) for name in names}
    before = conflicts(cluster)
    runs = {name: world.start(id) for name, id in transfers.items()}
    wait_until(world.written, 'a first write')
    running = world.service.query(
        "SELECT COUNT(*) FROM executions WHERE state = 'running'"
    )
    cluster.nodes[0].kill()
    assert running[0][0] > TRANSFERS / 2, 'it was not the middle'

    for name, id in transfers.items():
        done = ended(world, id, runs[name])
        assert done['status'] == 'COMPLETED', told(done)
    said = log_of(world, 'conductor-1')
    assert said.count('The database is away') == 1
    assert 'The database is back' not in said
    assert 'Traceback' not in said

    cluster.nodes[0].restart(cluster.peers)
    cluster.wait_for_size(3)
    wait_until(
        lambda: 'The database is back' in log_of(world, 'conductor-1'),
        'the first conductor on its node',
    )
    world.service.kill('conductor-2')
    for name, id in transfers.items():
        world.fill(name, 0, 2 * MIB, MIB)
        runs[name] = world.start(id)
    for name, id in transfers.items():
        done = ended(world, id, runs[name])
        assert done['status'] == 'COMPLETED', told(done)
        newest, first = world.points(id)
        assert (newest['mode'], first['mode']) == ('delta', 'full')
        world.check_same(newest, name)
    world.service.start('conductor-2')
    check_done_once(world)
    print(f'conflicts that were tried again: {conflicts(cluster) - before}')


def ended(world: World, transfer: str, run: str) -> Json:
    """Asked by somebody who asks again: a cluster that changes, on a busy
    machine, may have no answer for a moment."""
    executions = world.client.executions.of(transfer)

    def over() -> Json | None:
        with contextlib.suppress(Unavailable):
            found: Json = executions.get(run)
            return None if found['status'] in RUNNING else found
        return None

    found: Json = wait_until(over, f'end of {run}', 400)
    return found


def log_of(world: World, name: str) -> str:
    """Without what only developers read."""
    lines = (world.service.folder / f'{name}.log').read_text().splitlines()
    return '\n'.join(one for one in lines if ' DEBUG ' not in one)


def check_done_once(world: World) -> None:
    """Every volume was made once and every byte written once."""
    log = world.destination.log()
    assert verdict.made_twice([*log, *world.source.log()]) == []
    assert verdict.written_wrongly(log) == []
    assert verdict.rewritten(log) == (2 * TRANSFERS * MIB, 0)
    assert verdict.unended(world.service) == []
    assert verdict.slots(world.service) == []
