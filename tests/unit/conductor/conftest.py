# SPDX-License-Identifier: Apache-2.0
"""A site: real rows in SQLite, a conductor, a scripted worker."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from coriolis_ng.conductor import (
    deployments,
    endpoints,
    executions,
    transfers,
)
from coriolis_ng.conductor.asking import Asker
from coriolis_ng.conductor.parts import Parts, Settings
from coriolis_ng.db import api as db
from coriolis_ng.db import migration
from coriolis_ng.db.rows import TaskRow
from coriolis_ng.db.session import Database
from coriolis_ng.objects.deployment import Deployment, DeploymentSpec
from coriolis_ng.objects.endpoint import EndpointSpec
from coriolis_ng.objects.execution import Execution, ExecutionSpec
from coriolis_ng.objects.replica import Replica
from coriolis_ng.objects.transfer import Transfer, TransferSpec
from coriolis_ng.rpc.wire import Assignment
from coriolis_ng.secrets import seal
from tests.unit.conductor import samples
from tests.unit.conductor.scripted import Bus, MemoryStore, Worker


@dataclass
class Site:
    parts: Parts
    bus: Bus
    store: MemoryStore
    worker: Worker
    who: Asker = field(default_factory=lambda: Asker(project_id='p'))

    def transfer(self, *instances: str, **more: Any) -> Transfer:
        """A transfer between two new endpoints."""
        ends = [
            endpoints.create(
                self.parts,
                self.who,
                EndpointSpec(
                    name=name,
                    type='cloud',
                    connection_info={'password': f'{name}-pw'},
                ),
            ).id
            for name in ('origin', 'destination')
        ]
        spec = TransferSpec(
            origin_endpoint_id=ends[0],
            destination_endpoint_id=ends[1],
            instances=instances or ('a',),
            **more,
        )
        return transfers.create(self.parts, self.who, spec)

    def execute(self, transfer: Transfer, **spec: Any) -> Execution:
        return executions.create(
            self.parts, self.who, transfer.id, ExecutionSpec(**spec)
        )

    def deploy(self, transfer: Transfer, **spec: Any) -> Deployment:
        wanted = DeploymentSpec(transfer_id=transfer.id, **spec)
        return deployments.create(self.parts, self.who, wanted)

    def execution(self, id: str) -> Execution:
        return executions.shown(self.parts, id)

    def last_of(self, owner_id: str) -> Execution:
        def look(session: Any) -> Execution:
            page = db.Page(limit=1, sort=(('number', 'desc'),))
            return db.executions.list(session, owner_id, page)[0]

        return self.execution(self.parts.database.read(look).id)

    def find(self, id: str) -> Transfer:
        return self.parts.database.read(lambda s: db.transfers.get(s, id))

    def replica(self, transfer: Transfer, name: str = 'a') -> Replica:
        return self.parts.database.read(
            lambda s: db.replicas.get(s, transfer.id, name)
        )

    def row(self, task_id: str) -> TaskRow:
        return self.parts.database.read(lambda s: db.tasks.get(s, task_id))

    def task(
        self, execution: Execution, name: str, instance: str = 'a'
    ) -> TaskRow:
        """The row of one task of an execution."""
        rows = self.parts.database.read(
            lambda s: db.tasks.nodes(s, execution.id)
        )
        (found,) = (
            r
            for r in rows.values()
            if (r.name, r.instance) == (name, instance)
        )
        return found

    def states(self, execution: Execution) -> dict[str, str]:
        """Task states by name (and instance, where there are several)."""
        shown = self.execution(execution.id)
        return {f'{t.name} {t.instance}': t.state.value for t in shown.tasks}

    def taken(self, worker: Worker | None = None) -> list[Assignment]:
        """Takes everything that the bus has nudged for."""
        worker = worker or self.worker
        nudges, self.bus.starts = self.bus.starts, []
        return [worker.take(id, attempt) for _, id, attempt in nudges]

    def next(self, name: str, instance: str = 'a') -> Assignment:
        """Takes what is nudged for and gives the task of that name."""
        self.taken()
        (found,) = (
            g
            for g in self.worker.held.values()
            if (g.name, g.instance) == (name, instance)
        )
        return found

    def run(self) -> None:
        """Lets the worker do everything that there is to do."""
        self.taken()
        while self.worker.held:
            for given in list(self.worker.held.values()):
                self.worker.do(given)
            self.taken()


def make_parts(
    database: Database, bus: Any, store: MemoryStore, **settings: Any
) -> Parts:
    """A conductor's parts; several may share rows, bus and store."""
    times = {'retry_seconds': 0, 'lease_seconds': 90} | settings
    return Parts(
        database=database,
        workers=bus,
        secrets=store,
        key=seal.Key.derived(b'k' * 32),
        seal=seal.seal,
        tasks=samples.TASKS,
        recipes=samples.RECIPES,
        settings=Settings(**times),
    )


@pytest.fixture(scope='session')
def template(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A database with all tables; copying it is faster than making it."""
    path = tmp_path_factory.mktemp('rows') / 'template.sqlite'
    migration.sync(f'sqlite:///{path}')
    return path


@pytest.fixture
def database(
    template: pathlib.Path, tmp_path: pathlib.Path
) -> Iterator[Database]:
    path = tmp_path / 'rows.sqlite'
    path.write_bytes(template.read_bytes())
    made = Database(f'sqlite:///{path}')
    yield made
    made.close()


@pytest.fixture
def site(database: Database) -> Site:
    bus, store = Bus(), MemoryStore()
    parts = make_parts(database, bus, store)
    worker = Worker(parts)
    worker.beat()
    return Site(parts=parts, bus=bus, store=store, worker=worker)


def with_settings(parts: Parts, **changes: Any) -> Parts:
    """The same conductor with other settings."""
    settings = msgspec.structs.replace(parts.settings, **changes)
    return Parts(
        **{
            name: getattr(parts, name)
            for name in parts.__dataclass_fields__
            if name != 'settings'
        },
        settings=settings,
    )
