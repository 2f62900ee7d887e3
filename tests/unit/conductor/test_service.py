# SPDX-License-Identifier: Apache-2.0
"""The conductor on a bus, with a worker that speaks its protocol."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from typing import Any

import pytest
from oslo_config import cfg

from coriolis_ng import errors
from coriolis_ng.conductor.service import ConductorService
from coriolis_ng.db.session import Database
from coriolis_ng.objects.deployment import DeploymentSpec
from coriolis_ng.objects.endpoint import EndpointSpec
from coriolis_ng.objects.execution import ExecutionSpec
from coriolis_ng.objects.resource import Resource, ResourceKind, Side
from coriolis_ng.objects.transfer import TransferSpec
from coriolis_ng.rpc import serializer
from coriolis_ng.rpc import transport as bus
from coriolis_ng.rpc.conductor import ConductorClient
from coriolis_ng.rpc.wire import Answer, Beat, Result
from coriolis_ng.rpc.worker import WorkerClient
from coriolis_ng.secrets import seal
from tests.unit.conductor.conftest import make_parts
from tests.unit.conductor.scripted import CLOUD, MemoryStore, Worker

WHO = {'project_id': 'p', 'user_id': 'u', 'roles': ['admin']}


class Topic:
    """What a worker's topic offers."""

    def __init__(self) -> None:
        self.starts: queue.Queue[tuple[str, int]] = queue.Queue()
        self.stops: queue.Queue[dict[str, Any]] = queue.Queue()

    def start(self, context: Any, task_id: str, attempt: int) -> None:
        self.starts.put((task_id, attempt))

    def stop(self, context: Any, order: dict[str, Any]) -> None:
        self.stops.put(order)

    def query(self, context: Any, question: dict[str, Any]) -> Any:
        return serializer.pack(Answer(value=question['verb']))


@pytest.fixture(scope='module')
def transport() -> Any:
    if cfg.CONF._args is None:
        cfg.CONF([], default_config_files=[])
    return bus.connect('fake://')


@pytest.fixture
def client(transport: Any, database: Database) -> Iterator[ConductorClient]:
    parts = make_parts(
        database,
        WorkerClient(transport, query_seconds=5),
        MemoryStore(),
        reap_seconds=0.05,
        advance_seconds=0.05,
    )
    service = ConductorService(transport, parts, 'c1', threads=4)
    service.start()
    yield ConductorClient(transport, timeout_seconds=20, query_seconds=5)
    service.stop()


@pytest.fixture
def topic(transport: Any) -> Iterator[Topic]:
    made = Topic()
    server = bus.serve(transport, bus.WORKER, 'w1', [made], threads=2)
    yield made
    server.stop()
    server.wait()


def test_an_execution_over_the_bus(
    client: ConductorClient, topic: Topic
) -> None:
    key = seal.Key.generate()
    beat = Beat(
        host='w1',
        incarnation='i1',
        release='1',
        capacity=4,
        seal_key=key.public,
        providers=(CLOUD,),
    )
    assert client.beat(beat).lease_seconds == 90
    ends = [
        client.endpoint_create(
            WHO,
            EndpointSpec(
                name=name, type='cloud', connection_info={'password': name}
            ),
        )
        for name in 'od'
    ]
    assert client.endpoint_query(WHO, ends[0].id, 'networks', {}) == 'networks'
    transfer = client.transfer_create(
        WHO,
        TransferSpec(
            origin_endpoint_id=ends[0].id,
            destination_endpoint_id=ends[1].id,
            instances=('a',),
        ),
    )
    with pytest.raises(errors.Conflict, match='no recovery point'):
        client.deployment_create(WHO, DeploymentSpec(transfer_id=transfer.id))
    execution = client.execution_create(WHO, transfer.id, ExecutionSpec())
    output = Worker.__new__(Worker)
    output._numbers = iter(range(100))
    for name in ('Look', 'Copy', 'Keep', 'CleanSource', 'CleanTarget'):
        task_id, attempt = topic.starts.get(timeout=20)
        given = client.take(task_id, attempt, 'w1', 'i1')
        assert given.execution_id == execution.id
        if name == 'Look':
            assert given.name == 'Look'
            assert given.source is not None
            sealed = client.secret_get(given.source.secret, task_id, attempt)
            assert key.open(sealed) == b'{"password":"o"}'
            ref = client.secret_put(
                task_id, attempt, seal.seal(given.seal_to, b'k')
            )
            client.secret_drop(ref, task_id, attempt)
            thing = Resource(
                kind=ResourceKind.VM, id='m', tag=given.tag, side=Side.SOURCE
            )
            client.created(task_id, attempt, thing)
            client.dropped(task_id, attempt, thing.kind, thing.id)
        result = Result(state='done', output=output.output(given))
        client.finish(task_id, attempt, result)
        client.finish(task_id, attempt, result)
    with pytest.raises(errors.Stale):
        client.take(task_id, attempt, 'w1', 'i1')
    with pytest.raises(errors.Conflict, match='has ended already'):
        client.execution_cancel(WHO, execution.id)
    with pytest.raises(errors.Conflict, match='delete its disks first'):
        client.transfer_delete(WHO, transfer.id)


def test_errors_cross_with_their_fields(client: ConductorClient) -> None:
    with pytest.raises(errors.InvalidInput) as caught:
        client.endpoint_create(
            WHO, EndpointSpec(name='e', type='nimbus', connection_info={})
        )
    assert caught.value.field == '$.type'
    with pytest.raises(errors.NotFound):
        client.transfer_delete(WHO, 'none')
    with pytest.raises(errors.Forbidden):
        client.transfer_delete({}, 'none')


def test_what_is_our_fault_is_told_without_detail(
    client: ConductorClient, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(errors.CoriolisError, match='Internal error') as got:
        client._client.call('transfer_delete', WHO, wrong='argument')
    assert got.value.code == 'error'
    assert 'wrong' in caplog.text


def test_nobody_is_there(transport: Any) -> None:
    client = ConductorClient(transport, timeout_seconds=0.2)
    with pytest.raises(errors.Unreachable, match='conductor did not answer'):
        client.transfer_delete(WHO, 'x')


def test_a_beat_waits_for_half_a_lease_at_most(transport: Any) -> None:
    """With the patience of all other calls this would last for minutes."""
    client = ConductorClient(transport, timeout_seconds=600, lease_seconds=0.4)
    with pytest.raises(errors.Unreachable, match='conductor did not answer'):
        client.beat(
            Beat(
                host='w1',
                incarnation='i1',
                release='1',
                capacity=1,
                seal_key='k',
            )
        )
