# SPDX-License-Identifier: Apache-2.0
"""A service between two memory clouds, as a user and an operator see it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
import urllib.parse
from collections.abc import Callable
from typing import Any

import requests

from coriolis_ng.client import ApiError
from coriolis_ng.client.collection import Collection
from tests.beds.coriolis import Service
from tests.beds.memory import MemoryCloud
from tests.unit.api.checker import check

MIB = 1 << 20
SECONDS = 200.0  # a machine may be busy with much else
RUNNING = ('PENDING', 'RUNNING', 'CANCELLING')
Json = dict[str, Any]


class Watcher:
    """Checks each answer against the document that the service serves."""

    def __init__(self, service: Service) -> None:
        root = service.url.rsplit('/', 1)[0]
        answer = requests.get(f'{root}/openapi.json', timeout=30)
        assert answer.status_code == 200
        self.document = answer.json()
        self.seen: set[str] = set()

    def __call__(self, answer: requests.Response, *_: Any, **__: Any) -> None:
        url = urllib.parse.urlsplit(answer.url)
        path = urllib.parse.unquote(url.path)
        verb = answer.request.method or ''
        template = check(
            self.document, verb, path, answer.status_code, answer.content
        )
        assert answer.status_code < 500, answer.text
        self.seen.add(f'{verb} {template} {answer.status_code}')


def wait_until(
    ready: Callable[[], Any], what: str, seconds: float = SECONDS
) -> Any:
    """What ``ready`` gives, once it is true."""
    until = time.monotonic() + seconds
    while True:
        found = ready()
        if found:
            return found
        assert time.monotonic() < until, f'{what}: not in {seconds} s'
        time.sleep(0.25)


class World:
    """Everything a test does; ``close`` checks that nothing is left."""

    def __init__(
        self,
        service: Service,
        watcher: Watcher,
        source: MemoryCloud,
        destination: MemoryCloud,
    ) -> None:
        self.service = service
        self.source = source
        self.destination = destination
        self.client = service.client(watcher)
        self._endpoints: dict[str, str] = {}
        # What another test could not remove is not ours to look at.
        self._others = {
            one['id'] for noun in self._nouns() for one in noun.list()
        }

    # Clouds

    def machine(self, name: str, *sizes: int, **more: Any) -> str:
        """A running guest with some random content on each disk."""
        self.source.make_machine(name, *sizes, **more)
        for number in range(len(sizes)):
            self.fill(name, number, 0, MIB)
        return name

    def fill(self, name: str, disk: int, offset: int, length: int) -> None:
        """The guest writes something that was never there before."""
        for start in range(offset, offset + length, MIB):
            part = min(MIB, offset + length - start)
            self.source.write(name, f'disk{disk}', start, os.urandom(part))

    def written(self, begin: int = 0, op: str = 'write') -> int:
        """Bytes written to volumes since the log had ``begin`` lines."""
        return sum(
            line['length']
            for line in self.destination.log()[begin:]
            if line['op'] == op and 'length' in line
        )

    def sha256_of_machine(
        self, name: str, disk: str, size: int, cloud: MemoryCloud | None = None
    ) -> str:
        cloud = cloud or self.source
        return _sha256(cloud, 'machine', name, size, disk=disk)

    def sha256_of_point(self, point: Json, disk: str) -> str:
        [one] = [d for d in point['disks'] if d['disk_id'] == disk]
        return _sha256(
            self.destination,
            'volume_snapshot',
            one['snapshot_id'],
            one['size'],
        )

    def sha256_of_volume(self, id: str, size: int) -> str:
        """Of what a volume at the destination holds now."""
        return _sha256(self.destination, 'volume', id, size)

    def check_same(self, point: Json, name: str) -> None:
        """The point holds what the (idle) machine holds now."""
        for disk in point['disks']:
            id, size = disk['disk_id'], disk['size']
            assert self.sha256_of_point(point, id) == self.sha256_of_machine(
                name, id, size
            ), f'{name} {id}'

    # The service

    def endpoint(self, which: str) -> str:
        """The id of the endpoint ``source`` or ``destination``."""
        if which not in self._endpoints:
            cloud = self.source if which == 'source' else self.destination
            made = self.client.endpoints.create(
                name=f'the {which}',
                type='memory',
                connection_info=cloud.connection_info,
            )
            self._endpoints[which] = made['id']
        return self._endpoints[which]

    def transfer(self, *instances: str, **more: Any) -> str:
        given = {
            'origin_endpoint_id': self.endpoint('source'),
            'destination_endpoint_id': self.endpoint('destination'),
            'instances': list(instances),
            'scenario': 'replica',
            'skip_os_morphing': True,
        }
        return self.client.transfers.create(**{**given, **more})['id']

    def start(self, transfer: str, **spec: Any) -> str:
        made = self.client.executions.of(transfer).create(**spec)
        assert made['status'] == 'RUNNING'
        return made['id']

    def ended(
        self, transfer: str, execution: str, seconds: float = SECONDS
    ) -> Json:
        """The execution as it is when nothing of it runs any more."""
        executions = self.client.executions.of(transfer)

        def over() -> Json | None:
            found = executions.get(execution)
            return None if found['status'] in RUNNING else found

        return wait_until(over, f'end of {execution}', seconds)

    def run(
        self, transfer: str, wanted: str = 'COMPLETED', **spec: Any
    ) -> Json:
        """Executes and waits; fails with what the tasks said."""
        done = self.ended(transfer, self.start(transfer, **spec))
        assert done['status'] == wanted, done['status'] + told(done)
        return done

    def points(self, transfer: str, **params: Any) -> list[Json]:
        """Newest first."""
        return self.client.recovery_points.of(transfer, **params)

    def deploy(
        self, transfer: str, wanted: str = 'COMPLETED', **more: Any
    ) -> Json:
        made = self.client.deployments.create(transfer_id=transfer, **more)
        return self.deployed(made['id'], wanted)

    def deployed(self, id: str, wanted: str = 'COMPLETED') -> Json:
        def over() -> Json | None:
            found = self.client.deployments.get(id)
            still = found['last_execution_status'] in RUNNING
            return None if still else found

        found: Json = wait_until(over, f'end of deployment {id}')
        assert found['last_execution_status'] == wanted, told(found)
        return found

    def undeploy(self, id: str) -> None:
        """Delete a deployment and wait until it is gone."""
        self.client.deployments.delete(id)
        self.undeployed(id)

    def undeployed(self, id: str) -> None:
        """Wait until a deployment that was deleted is gone."""
        wait_until(lambda: not self._exists(id), f'deletion of {id}')

    def _exists(self, deployment: str) -> bool:
        try:
            self.client.deployments.get(deployment)
        except ApiError as error:
            assert error.status == 404
            return False
        return True

    def delete(self, transfer: str) -> None:
        """With its disks."""
        try:
            made = self.client.transfers.delete_disks(transfer)
        except ApiError as error:
            assert error.status == 409, error
            assert 'has no disks' in error.message
        else:
            done = self.ended(transfer, made['id'])
            assert done['status'] == 'COMPLETED', told(done)
        self.client.transfers.delete(transfer)

    def ledger(self) -> list[str]:
        """What the service believes to have made in any cloud."""
        ours = [one['id'] for one in self._ours(self.client.endpoints)]
        rows = self.service.query(
            'SELECT side, kind, id, endpoint_id FROM ledger'
        )
        return [' '.join(row[:3]) for row in rows if row[3] in (None, *ours)]

    def _nouns(self) -> tuple[Collection[Any], ...]:
        """In the order in which they can be deleted."""
        client = self.client
        return client.deployments, client.transfers, client.endpoints

    def _ours(self, noun: Collection[Any]) -> list[Json]:
        return [one for one in noun.list() if one['id'] not in self._others]

    def close(self) -> None:
        """Removes everything as a user would; then nothing may be left."""
        self.source.call('test_calm')
        self.destination.call('test_calm')
        for deployment in self._ours(self.client.deployments):
            self.undeploy(deployment['id'])
        for transfer in self._ours(self.client.transfers):
            self._settle(transfer['id'])
            self.delete(transfer['id'])
        left = self.ledger()
        for endpoint in self._ours(self.client.endpoints):
            self.client.endpoints.delete(endpoint['id'])
        assert self.source.left() == {}
        assert self.destination.left() == {}
        assert left == []

    def _settle(self, transfer: str) -> None:
        """After a test that failed half-way something may still run."""
        for one in self.client.executions.of(transfer).list(status='RUNNING'):
            with contextlib.suppress(ApiError):
                self.client.executions.cancel(transfer, one['id'], force=True)
            self.ended(transfer, one['id'])


def _sha256(
    cloud: MemoryCloud, kind: str, id: str, size: int, **query: Any
) -> str:
    found = hashlib.sha256()
    for offset in range(0, size, MIB):
        length = min(MIB, size - offset)
        found.update(
            cloud.client.read(kind, id, offset=offset, length=length, **query)
        )
    return found.hexdigest()


def task(execution: Json, kind: str, instance: str | None = None) -> Json:
    """The first task of that public name."""
    found = [
        one
        for one in execution['tasks']
        if one['task_type'] == kind
        and (instance is None or one['instance'] == instance)
    ]
    assert found, f'no {kind}'
    return found[0]


def notes(execution: Json) -> list[str]:
    """All that all tasks said."""
    return [
        update['message']
        for one in execution['tasks']
        for update in [*one['progress_updates'], *one['events']]
    ]


def told(execution: Json) -> str:
    """An execution in a few lines, for a message of a test."""
    return json.dumps(
        [
            (
                one['task_type'],
                one['instance'],
                one['status'],
                one['attempt'],
                one['reason'],
                [u['message'] for u in one['progress_updates']],
            )
            for one in execution['tasks']
        ],
        indent=1,
        ensure_ascii=False,
    )
