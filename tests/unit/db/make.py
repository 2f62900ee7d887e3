# SPDX-License-Identifier: Apache-2.0
"""Values and rows that tests start from."""

from __future__ import annotations

import datetime
import threading
from collections.abc import Callable
from typing import Any

from coriolis_ng.db import api as db
from coriolis_ng.db.api.starts import Start
from coriolis_ng.db.rows import NewTask
from coriolis_ng.db.session import Database
from coriolis_ng.objects import new_id
from coriolis_ng.objects.deployment import (
    DeployedVm,
    Deployment,
    DeploymentSpec,
)
from coriolis_ng.objects.endpoint import Endpoint
from coriolis_ng.objects.execution import (
    Execution,
    ExecutionKind,
    ExecutionState,
)
from coriolis_ng.objects.recovery_point import RecoveryPoint
from coriolis_ng.objects.service import Facts, ProviderInfo, Service
from coriolis_ng.objects.transfer import Transfer, TransferSpec
from coriolis_ng.objects.value import Value
from coriolis_ng.objects.vm import Disk, Vm
from coriolis_ng.objects.volume import VolumeSnapshot

NOON = datetime.datetime(2026, 1, 1, 12, 0, 0, 123456, datetime.UTC)
GIB = 1024**3


class Beat(Value):
    host: str = 'w1'
    incarnation: str = 'i1'
    release: str = '1.0'
    capacity: int = 8
    seal_key: str = 'a2V5'
    providers: tuple[ProviderInfo, ...] | None = None
    kinds: dict[str, int] = {}
    facts: Facts | None = None


def endpoint(project_id: str = 'p1', name: str = 'here') -> Endpoint:
    return Endpoint(
        id=new_id(),
        project_id=project_id,
        user_id='u1',
        name=name,
        type='kvm',
        secret='ref-1',
        mapped_regions=('r1',),
    )


def transfer(
    database: Database,
    project_id: str = 'p1',
    instances: tuple[str, ...] = ('web',),
) -> Transfer:
    """A transfer in its row, with both of its endpoints."""

    def rows(session: Any) -> Transfer:
        source = db.endpoints.create(session, endpoint(project_id))
        target = db.endpoints.create(session, endpoint(project_id, 'there'))
        made = Transfer(
            id=new_id(),
            project_id=project_id,
            user_id='u1',
            spec=TransferSpec(
                origin_endpoint_id=source.id,
                destination_endpoint_id=target.id,
                instances=instances,
                source_environment={'zone': 'Ünï 🚚'},
            ),
        )
        return db.transfers.create(session, made)

    return database.write(rows)


def deployment(
    transfer_id: str, instances: tuple[str, ...] = ('web',)
) -> Deployment:
    id = new_id()
    return Deployment(
        id=id,
        project_id='p1',
        user_id='u1',
        spec=DeploymentSpec(transfer_id=transfer_id),
        instances=tuple(
            DeployedVm(deployment_id=id, instance=name) for name in instances
        ),
    )


def execution(
    database: Database,
    owner_id: str,
    tasks: int = 2,
    kind: ExecutionKind = ExecutionKind.TRANSFER,
) -> Execution:
    """An execution whose last task is a cleanup of all before it."""
    steps = [
        NewTask(
            id=new_id(),
            name='GetVm',
            version=1,
            instance='web',
            index=number + 1,
            input={'vm': {'value': number}},
        )
        for number in range(tasks)
    ]
    steps[-1] = NewTask(
        id=steps[-1].id,
        name='DropSnapshot',
        version=1,
        instance='web',
        index=tasks,
        cleans=tuple(step.id for step in steps[:-1]),
        cleanup=True,
    )
    made = Execution(
        id=new_id(),
        project_id='p1',
        owner_id=owner_id,
        kind=kind,
        number=0,
        state=ExecutionState.RUNNING,
    )
    return database.write(lambda s: db.executions.create(s, made, steps))


def running(database: Database, tasks: int = 2) -> tuple[Execution, list[str]]:
    """An execution of a new transfer, and the ids of its tasks."""
    made = execution(database, transfer(database).id, tasks)
    return made, [*database.read(lambda s: db.tasks.nodes(s, made.id))]


def worker(database: Database, **beat: Any) -> Service:
    return database.write(lambda s: db.services.beat(s, Beat(**beat)))


def start(
    database: Database,
    task_id: str,
    service: Service,
    attempt: int = 0,
    lease_seconds: float = 90,
    cleanup: bool = False,
) -> bool:
    given = Start(
        task_id=task_id,
        attempt=attempt,
        service_id=service.id,
        cleanup=cleanup,
    )
    won = database.write(lambda s: db.starts.start(s, [given], lease_seconds))
    return task_id in won


def vm(name: str = 'web') -> Vm:
    disks = (Disk(id='vda', size=GIB), Disk(id='vdb', size=2 * GIB))
    return Vm(id=name, name=name, cpus=2, memory=GIB, disks=disks)


def point(
    transfer_id: str, minutes: int = 0, instance: str = 'web'
) -> RecoveryPoint:
    return RecoveryPoint(
        id=new_id(),
        transfer_id=transfer_id,
        instance=instance,
        execution_id=new_id(),
        created_at=NOON + datetime.timedelta(minutes=minutes),
        vm=vm(instance),
        disks=(
            VolumeSnapshot(
                id=f'snap{minutes}', disk_id='vda', volume_id='v1', size=GIB
            ),
        ),
    )


def race(count: int, fn: Callable[[int], Any]) -> list[Any]:
    """The answers of ``fn(0..count-1)``, called at the same moment; an
    error of any is raised."""
    gate = threading.Barrier(count)
    answers: list[Any] = [None] * count
    failures: list[BaseException] = []

    def run(number: int) -> None:
        gate.wait()
        try:
            answers[number] = fn(number)
        except BaseException as error:  # noqa: BLE001
            failures.append(error)

    threads = [
        threading.Thread(target=run, args=(number,)) for number in range(count)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return answers
