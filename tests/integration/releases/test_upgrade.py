# SPDX-License-Identifier: Apache-2.0
"""An upgrade while everything runs, process by process, from the release
before: conductors, then the API, then workers."""

from __future__ import annotations

import pytest

from coriolis_ng import version
from coriolis_ng.db import migration
from tests.beds import release
from tests.functional.world import (
    MIB,
    Watcher,
    World,
    task,
    told,
    wait_until,
)
from tests.integration.chaos import verdict
from tests.integration.releases.conftest import Mixed

pytestmark = [
    pytest.mark.services,
    pytest.mark.slow,
    pytest.mark.thorough,
    pytest.mark.timeout(900),
]

COPY = 'REPLICATE_DISKS'
MACHINES = ('a', 'b')
READ_SECONDS = 2.0
OLD, NEW = release.version(), version.release()


def ended_well(world: World, transfer: str, execution: str) -> None:
    done = world.ended(transfer, execution)
    assert done['status'] == 'COMPLETED', told(done)


def heard(world: World, **wanted: str) -> None:
    """Waits until these processes have told their releases."""
    names = {name.replace('_', '-'): what for name, what in wanted.items()}

    def told_so() -> bool:
        service = world.service
        assert isinstance(service, Mixed)
        return names.items() <= service.releases().items()

    wait_until(told_so, f'{names}')


def deployed_and_gone(world: World, transfer: str) -> None:
    begin = len(world.destination.log())
    made = world.deploy(transfer, purpose='test')
    started = [
        line['id']
        for line in world.destination.log()[begin:]
        if line['op'] == 'create' and line['id'].startswith('vm-')
    ]
    assert len(started) == len(MACHINES)
    world.undeploy(made['id'])


def test_nothing_stops_for_an_upgrade(world: World) -> None:
    service = world.service
    assert isinstance(service, Mixed)
    assert OLD != NEW
    heard(world, conductor_1=OLD, conductor_2=OLD, worker_1=OLD, worker_2=OLD)
    for name in MACHINES:
        world.machine(name, 8 * MIB, 8 * MIB)
    transfer = world.transfer(*MACHINES)
    begun_before(world, transfer)

    # The release before works on with the tables of this one.
    service.upgrade('conductor-2')
    service.upgrade('api')
    service.wait_for_workers(2)
    # Its answers are held against the description that it gives itself.
    world.client = service.client(Watcher(service))
    heard(world, conductor_1=NEW, conductor_2=NEW, worker_1=OLD, worker_2=OLD)
    world.fill('a', 0, 4 * MIB, MIB)
    world.run(transfer)
    deployed_and_gone(world, transfer)

    service.upgrade('worker-1')
    heard(world, worker_1=NEW, worker_2=OLD)
    service.wait_for_workers(2)
    done = world.run(transfer)
    copies = [task(done, COPY, name) for name in MACHINES]
    assert all(one['attempt'] == 1 for one in copies)
    service.upgrade('worker-2')
    heard(world, worker_1=NEW, worker_2=NEW)
    service.wait_for_workers(2)
    world.run(transfer)
    deployed_and_gone(world, transfer)

    points = world.points(transfer)
    for name in MACHINES:
        mine = [one for one in points if one['instance'] == name]
        modes = [one['mode'] for one in mine]
        # The first one, a full copy, is no longer kept.
        assert modes == ['delta'] * 3
        world.check_same(mine[0], name)
    log = world.destination.log()
    assert verdict.made_twice([*log, *world.source.log()]) == []
    assert verdict.written_wrongly(log) == []
    assert verdict.slots(service) == []
    assert 'Traceback' not in service.logs()
    world.close()
    assert verdict.unended(service) == []


def begun_before(world: World, transfer: str) -> None:
    """A plan of the release before is in its midst when the tables and one
    of the two conductors are upgraded; another one is begun then."""
    service = world.service
    assert isinstance(service, Mixed)
    other = world.transfer(world.machine('c', 4 * MIB))
    world.source.call('test_delay', call='read', seconds=READ_SECONDS)
    execution = world.start(transfer)
    wait_until(world.written, 'a first write')
    service.upgrade_tables()
    service.upgrade('conductor-1')
    heard(world, conductor_1=NEW, conductor_2=OLD)
    second = world.start(other)
    ended_well(world, transfer, execution)
    world.source.call('test_calm')
    ended_well(world, other, second)
    heard(world, conductor_1=NEW, conductor_2=OLD)
    [[revision]] = service.query('SELECT version_num FROM alembic_version')
    assert revision == migration.newest()
    assert task_names(world, execution) >= {'GetVm', 'CopyDisks'}


def task_names(world: World, execution: str) -> set[str]:
    rows = world.service.query(
        'SELECT name FROM tasks WHERE execution_id = :id', id=execution
    )
    return {name for (name,) in rows}
