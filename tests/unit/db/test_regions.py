# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import msgspec
import pytest

from coriolis_ng import errors
from coriolis_ng.db import api as db
from coriolis_ng.db.errors import Changed
from coriolis_ng.db.session import Database
from coriolis_ng.objects import new_id
from coriolis_ng.objects.region import Region
from tests.unit.db import make


def region(database: Database, name: str = 'Ünï 🚚') -> Region:
    given = Region(id=new_id(), name=name, description='far')
    return database.write(lambda s: db.regions.create(s, given))


def test_a_region_comes_back_as_it_was(database: Database) -> None:
    made = region(database)
    assert (made.name, made.description) == ('Ünï 🚚', 'far')
    assert database.read(lambda s: db.regions.get(s, made.id)) == made
    with pytest.raises(errors.NotFound, match='region'):
        database.read(lambda s: db.regions.get(s, new_id()))


def test_an_update_needs_the_version_that_was_read(
    database: Database,
) -> None:
    read = region(database)
    off = msgspec.structs.replace(read, enabled=False)
    made = database.write(lambda s: db.regions.update(s, off))
    assert (made.enabled, made.version) == (False, 1)
    with pytest.raises(Changed), database.writer() as session:
        db.regions.update(session, read)
    assert database.read(db.regions.disabled) == {read.id}


def test_what_names_it(database: Database) -> None:
    one, two = region(database), region(database, 'two')
    ends = [
        msgspec.structs.replace(make.endpoint(project), mapped_regions=names)
        for project, names in (
            ('p1', (one.id, two.id, one.id)),
            ('p2', (one.id,)),
            ('p1', ()),
        )
    ]
    for end in ends:
        database.write(lambda s, e=end: db.endpoints.create(s, e))
    service = make.worker(database)
    database.write(
        lambda s: db.services.update(s, service.id, mapped_regions=[two.id])
    )
    found = database.read(lambda s: db.regions.get(s, one.id, 'p1'))
    assert found.mapped_endpoints == (ends[0].id,)
    found = database.read(lambda s: db.regions.get(s, one.id))
    assert set(found.mapped_endpoints) == {ends[0].id, ends[1].id}
    listed = database.read(lambda s: db.regions.list(s, 'p2'))
    assert {r.id: r.mapped_endpoints for r in listed} == {
        one.id: (ends[1].id,),
        two.id: (),
    }
    assert {r.id: r.mapped_services for r in listed} == {
        one.id: (),
        two.id: (service.id,),
    }


def test_one_that_is_named_stays(database: Database) -> None:
    made = region(database)
    service = make.worker(database)

    def map_to(*ids: str) -> None:
        database.write(
            lambda s: db.services.update(s, service.id, mapped_regions=ids)
        )

    map_to(made.id)
    with pytest.raises(errors.Conflict, match='1 services'):
        database.write(lambda s: db.regions.delete(s, made.id))
    map_to()
    database.write(lambda s: db.regions.delete(s, made.id))
    with pytest.raises(errors.NotFound):
        database.write(lambda s: db.regions.delete(s, made.id))


def test_missing_ones_keep_their_order(database: Database) -> None:
    made = region(database)
    asked = ['z', made.id, 'a', 'z']
    assert database.read(lambda s: db.regions.missing(s, asked)) == ['z', 'a']
    assert database.read(lambda s: db.regions.missing(s, [])) == []


def test_a_service_keeps_what_is_not_said(database: Database) -> None:
    service = make.worker(database)
    update = db.services.update
    made = database.write(lambda s: update(s, service.id, False))
    assert (made.enabled, made.mapped_regions) == (False, ())
    made = database.write(lambda s: update(s, service.id, None, ['r']))
    assert (made.enabled, made.mapped_regions) == (False, ('r',))
    # A beat changes neither.
    again = make.worker(database)
    assert (again.enabled, again.mapped_regions) == (False, ('r',))
