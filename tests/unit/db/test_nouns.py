# SPDX-License-Identifier: Apache-2.0
"""Endpoints, transfers, deployments: what goes in comes out."""

from __future__ import annotations

import msgspec
import pytest

from coriolis_ng import errors
from coriolis_ng.db import api as db
from coriolis_ng.db.errors import Changed
from coriolis_ng.db.session import Database
from coriolis_ng.objects import new_id
from coriolis_ng.objects.deployment import DeployedVm
from coriolis_ng.objects.execution import ExecutionState
from coriolis_ng.objects.volume import ClonedVolumes, Volume
from tests.unit.db import make


def test_an_endpoint_comes_back_as_it_was(database: Database) -> None:
    given = make.endpoint(name='Ünï 🚚')
    made = database.write(lambda s: db.endpoints.create(s, given))
    assert made.created_at is not None
    assert msgspec.structs.replace(made, created_at=None) == given
    assert database.read(lambda s: db.endpoints.get(s, given.id)) == made
    found = database.read(
        lambda s: db.endpoints.several(s, [given.id, new_id()])
    )
    assert found == {given.id: made}


@pytest.mark.parametrize(
    'noun', ['endpoints', 'transfers', 'deployments', 'recovery_points']
)
def test_an_unknown_id_is_not_found(database: Database, noun: str) -> None:
    with pytest.raises(errors.NotFound):
        database.read(lambda s: getattr(db, noun).get(s, new_id()))


def test_another_project_finds_nothing(database: Database) -> None:
    made = make.transfer(database)
    rows = database.write(
        lambda s: db.deployments.create(s, make.deployment(made.id))
    )
    run = make.execution(database, made.id)
    for noun, id in (
        (db.endpoints, made.spec.origin_endpoint_id),
        (db.transfers, made.id),
        (db.deployments, rows.id),
    ):
        assert (
            database.read(lambda s, n=noun, i=id: n.get(s, i, 'p1')).id == id
        )
        with pytest.raises(errors.NotFound):
            database.read(lambda s, n=noun, i=id: n.get(s, i, 'p2'))
        assert database.read(lambda s, n=noun: n.list(s, 'p2')) == []
    with pytest.raises(errors.NotFound):
        database.read(lambda s: db.executions.get(s, run.id, project_id='p2'))


def test_an_update_needs_the_version_that_was_read(
    database: Database,
) -> None:
    read = database.write(lambda s: db.endpoints.create(s, make.endpoint()))
    mine = msgspec.structs.replace(read, name='mine')
    theirs = msgspec.structs.replace(read, name='theirs')
    made = database.write(lambda s: db.endpoints.update(s, theirs))
    assert (made.name, made.version) == ('theirs', 1)
    assert made.updated_at is not None
    with pytest.raises(Changed), database.writer() as session:
        db.endpoints.update(session, mine)
    gone = msgspec.structs.replace(read, id=new_id())
    with pytest.raises(errors.NotFound):
        database.write(lambda s: db.endpoints.update(s, gone))


def test_an_endpoint_in_use_stays(database: Database) -> None:
    made = make.transfer(database)
    id = made.spec.destination_endpoint_id
    assert database.read(lambda s: db.endpoints.users_of(s, id)) == [made.id]
    with pytest.raises(errors.Conflict, match=made.id):
        database.write(lambda s: db.endpoints.delete(s, id))
    database.write(lambda s: db.transfers.delete(s, made.id))
    database.write(lambda s: db.endpoints.delete(s, id))
    with pytest.raises(errors.NotFound):
        database.read(lambda s: db.endpoints.get(s, id))


def test_a_transfer_is_held_by_one_execution(database: Database) -> None:
    made = make.transfer(database)
    answers = make.race(
        6,
        lambda number: database.write(
            lambda s: db.transfers.claim(s, made.id, f'e{number}')
        ),
    )
    assert sorted(answers) == [False] * 5 + [True]
    holder = f'e{answers.index(True)}'
    claim = db.transfers.claim
    release = db.transfers.release
    assert database.write(lambda s: claim(s, made.id, holder))
    assert (
        database.read(lambda s: db.transfers.get(s, made.id)).busy_with
        == holder
    )
    with pytest.raises(errors.Conflict):
        database.write(lambda s: db.transfers.delete(s, made.id))
    assert not database.write(lambda s: release(s, made.id, 'other'))
    assert database.write(lambda s: release(s, made.id, holder))
    assert database.write(lambda s: claim(s, made.id, 'other'))


def test_the_spec_of_a_transfer_can_change(database: Database) -> None:
    made = make.transfer(database)
    spec = msgspec.structs.replace(
        made.spec, notes='later', instances=('a', 'b')
    )
    changed = database.write(
        lambda s: db.transfers.update(
            s, msgspec.structs.replace(made, spec=spec)
        )
    )
    assert changed.spec == spec
    assert changed.version == made.version + 1


def test_a_transfer_goes_with_all_that_hangs_on_it(
    database: Database,
) -> None:
    made = make.transfer(database)
    run = make.execution(database, made.id)
    empty = database.read(lambda s: db.replicas.get(s, made.id, 'web'))
    point = make.point(made.id)
    full = msgspec.structs.replace(empty, points=(point,))
    database.write(lambda s: db.replicas.save(s, empty, full))
    database.write(lambda s: db.transfers.delete(s, made.id))
    assert database.read(lambda s: db.replicas.list(s, made.id)) == []
    assert database.read(lambda s: db.tasks.nodes(s, run.id)) == {}
    with pytest.raises(errors.NotFound):
        database.read(lambda s: db.recovery_points.get(s, point.id))
    with pytest.raises(errors.NotFound):
        database.read(lambda s: db.executions.get(s, run.id))


def test_a_deployment_keeps_its_machines_in_order(
    database: Database,
) -> None:
    given = make.deployment(make.transfer(database).id, ('z', 'a', 'M'))
    made = database.write(lambda s: db.deployments.create(s, given))
    assert made.instances == given.instances
    assert database.read(lambda s: db.deployments.list(s, 'p1')) == [made]


def test_a_machine_of_a_deployment_is_saved_by_version(
    database: Database,
) -> None:
    given = make.deployment(make.transfer(database).id)
    database.write(lambda s: db.deployments.create(s, given))
    before = database.read(
        lambda s: db.deployments.instance(s, given.id, 'web')
    )
    after = msgspec.structs.replace(
        before,
        vm=make.vm(),
        volumes=ClonedVolumes(items=(Volume(id='v', disk_id='a', size=1),)),
        address='10.0.0.5',
        morphed=('grub',),
        recovery_point_id='rp',
    )
    saved = database.write(lambda s: db.deployments.save(s, before, after))
    assert saved == msgspec.structs.replace(after, version=1)
    with pytest.raises(Changed), database.writer() as session:
        db.deployments.save(session, before, after)
    with pytest.raises(errors.NotFound):
        database.read(lambda s: db.deployments.instance(s, given.id, 'no'))


def test_a_running_deployment_stays(database: Database) -> None:
    given = make.deployment(make.transfer(database).id)
    database.write(lambda s: db.deployments.create(s, given))
    run = make.execution(database, given.id)
    found = database.read(lambda s: db.deployments.get(s, given.id))
    assert found.last_execution_state == 'running'
    with pytest.raises(errors.Conflict):
        database.write(lambda s: db.deployments.delete(s, given.id))
    database.write(lambda s: db.executions.end(s, run.id, ExecutionState.DONE))
    database.write(lambda s: db.deployments.delete(s, given.id))
    with pytest.raises(errors.NotFound):
        database.read(lambda s: db.deployments.get(s, given.id))


def test_names_differ_by_case(database: Database) -> None:
    given = make.deployment(make.transfer(database).id, ('Web', 'web'))
    made = database.write(lambda s: db.deployments.create(s, given))
    assert [vm.instance for vm in made.instances] == ['Web', 'web']
    found = database.read(
        lambda s: db.deployments.instance(s, given.id, 'Web')
    )
    assert found == DeployedVm(deployment_id=given.id, instance='Web')
