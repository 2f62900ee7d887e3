# SPDX-License-Identifier: Apache-2.0
"""A deployment is torn down once, however often that is asked for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from coriolis_ng import errors
from coriolis_ng.conductor import deployments
from coriolis_ng.db import api as db
from coriolis_ng.db import migration
from coriolis_ng.db.session import Database
from coriolis_ng.objects.deployment import Deployment, DeploymentPurpose
from coriolis_ng.objects.execution import ExecutionKind
from tests.unit.conductor.conftest import Site, make_parts
from tests.unit.conductor.scripted import Bus, MemoryStore, Worker
from tests.unit.db.conftest import Mariadb, mariadb
from tests.unit.db.make import race

__all__ = ['mariadb']


@pytest.fixture
def on_mariadb(mariadb: Mariadb) -> Iterator[Site]:  # noqa: F811
    """A site whose transactions really run side by side."""
    url = mariadb.new()
    migration.sync(url)
    database = Database(url)
    bus, store = Bus(), MemoryStore()
    parts = make_parts(database, bus, store)
    worker = Worker(parts)
    worker.beat()
    yield Site(parts=parts, bus=bus, store=store, worker=worker)
    database.close()


def rehearsed(site: Site) -> Deployment:
    """A test deployment that has its machine."""
    transfer = site.transfer('a')
    site.execute(transfer)
    site.run()
    made = site.deploy(transfer, purpose=DeploymentPurpose.TEST)
    site.run()
    return made


def teardowns(site: Site, made: Deployment) -> int:
    found = site.parts.database.read(lambda s: db.executions.list(s, made.id))
    return sum(one.kind is ExecutionKind.TEARDOWN for one in found)


def test_a_second_delete_changes_nothing(site: Site) -> None:
    made = rehearsed(site)
    deployments.delete(site.parts, site.who, made.id)
    deployments.delete(site.parts, site.who, made.id)
    assert teardowns(site, made) == 1
    site.run()
    with pytest.raises(errors.NotFound):
        site.parts.database.read(lambda s: db.deployments.get(s, made.id))


@pytest.mark.services
def test_deletes_at_once_make_one_teardown(on_mariadb: Site) -> None:
    site = on_mariadb
    for _ in range(3):
        made = rehearsed(site)

        def delete(_: int, id: str = made.id) -> None:
            deployments.delete(site.parts, site.who, id)

        race(4, delete)
        assert teardowns(site, made) == 1
        site.run()
        with pytest.raises(errors.NotFound):
            deployments.delete(site.parts, site.who, made.id)
