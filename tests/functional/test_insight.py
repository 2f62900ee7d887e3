# SPDX-License-Identifier: Apache-2.0
"""What users can know: what happens, what would happen, what they may use,
and whether somebody else was faster."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from typing import Any

import requests

from tests.functional.world import MIB, World

Json = dict[str, Any]


def ask(
    world: World, verb: str, path: str, body: Any = None, **headers: str
) -> requests.Response:
    """Past the client library: statuses and headers are looked at."""
    return requests.request(
        verb,
        world.service.url + path,
        json=body,
        headers={'X-Auth-Token': world.service.token, **headers},
        timeout=60,
    )


class Listener:
    """A client of the stream, until it has seen enough."""

    def __init__(self, world: World, query: str, **headers: str) -> None:
        self._answer = requests.get(
            world.service.url + '/events' + query,
            headers={
                'X-Auth-Token': world.service.token,
                'Accept': 'text/event-stream',
                **headers,
            },
            stream=True,
            timeout=200,
        )
        assert self._answer.status_code == 200
        kind = self._answer.headers['Content-Type']
        assert kind.startswith('text/event-stream')

    def events(self) -> Iterator[tuple[str, Json]]:
        id = ''
        for line in self._answer.iter_lines(decode_unicode=True):
            if line.startswith('id: '):
                id = line.removeprefix('id: ')
            if line.startswith('data: '):
                yield id, json.loads(line.removeprefix('data: '))

    def until_the_end(self) -> list[tuple[str, Json]]:
        seen = []
        for id, event in self.events():
            seen.append((id, event))
            if event['type'] == 'execution' and event['status'] != 'RUNNING':
                break
        self._answer.close()
        return seen


def test_a_run_is_followed_and_gone_on_with(world: World) -> None:
    transfer = world.transfer(world.machine('followed', MIB))
    query = f'?transfer_id={transfer}'
    seen: list[tuple[str, Json]] = []
    listener = Listener(world, query)
    thread = threading.Thread(
        target=lambda: seen.extend(listener.until_the_end())
    )
    thread.start()
    done = world.run(transfer)
    thread.join(200)
    assert seen[0][1]['status'] == 'RUNNING'
    assert seen[-1][1]['status'] == 'COMPLETED'
    finished = [
        event['task_id']
        for _, event in seen
        if event['type'] == 'task' and event['status'] == 'COMPLETED'
    ]
    of_tasks = [t['id'] for t in done['tasks'] if t['status'] == 'COMPLETED']
    assert sorted(finished) == sorted(of_tasks)
    assert any('verified' in e['message'] for _, e in seen)

    # Another connection, perhaps of another process, goes on after any.
    middle = len(seen) // 2
    last = {'Last-Event-ID': seen[middle][0]}
    assert Listener(world, query, **last).until_the_end() == seen[middle + 1 :]
    page = ask(world, 'GET', f'/events{query}&limit=3').json()
    assert page['events'] == [event for _, event in seen[:3]]
    rest = ask(world, 'GET', f'/events{query}&marker={page["marker"]}').json()
    assert rest['events'] == [event for _, event in seen[3:]]


def test_the_plan_is_what_happens(world: World) -> None:
    size = 2 * MIB
    name = world.machine('planned', size)
    transfer = world.transfer(name)
    url = f'/transfers/{transfer}/actions'
    plan = ask(world, 'POST', url, {'plan': None}).json()['plan']
    (disk,) = plan['disks']
    assert (disk['mode'], disk['reason']) == ('full', 'the volume is new')
    assert (disk['bytes'], disk['size']) == (size, size)
    assert world.client.executions.of(transfer).list() == []
    assert world.destination.left() == {}
    done = world.run(transfer)
    assert [t['task_type'] for t in plan['tasks']] == [
        t['task_type'] for t in done['tasks']
    ]

    world.run(transfer)
    plan = ask(world, 'POST', url, {'plan': None}).json()['plan']
    (disk,) = plan['disks']
    assert disk['mode'] == 'delta'
    assert disk['bytes'] is not None
    assert plan['bytes'] == disk['bytes']

    given = {'deployment': {'transfer_id': transfer, 'purpose': 'test'}}
    plan = ask(world, 'POST', '/deployments/plan', given).json()['plan']
    assert [one['mode'] for one in plan['disks']] == ['clone']
    made = world.deploy(transfer, purpose='test')
    assert len(plan['tasks']) == len(made['tasks'])


def test_all_findings_at_once(world: World) -> None:
    transfer = world.transfer(world.machine('there', MIB), 'not-there')
    url = f'/transfers/{transfer}/actions'
    found = ask(world, 'POST', url, {'preflight': None}).json()['preflight']
    assert found['passed'] is False
    [missing] = [
        one for one in found['findings'] if one['code'] == 'instance_not_found'
    ]
    assert missing['severity'] == 'error'
    assert missing['instance'] == 'not-there'
    assert missing['meaning']
    assert missing['remedy']


@contextlib.contextmanager
def limited(world: World, **limits: int) -> Iterator[None]:
    project = world.service.url.rsplit('/', 1)[1]
    url = f'/quotas/{project}'
    assert ask(world, 'PUT', url, {'quotas': limits}).status_code == 200
    try:
        yield
    finally:
        assert ask(world, 'DELETE', url).status_code == 204


def usage(world: World) -> dict[str, int]:
    found = ask(world, 'GET', '/quotas').json()['quotas']
    return {one['resource']: one['usage'] for one in found}


def test_quotas_are_kept_and_named(world: World) -> None:
    transfer = world.transfer(world.machine('counted', MIB))
    used = usage(world)
    url = f'/transfers/{transfer}/executions'
    with limited(world, executions=used['executions']):
        refused = ask(world, 'POST', url, {})
    error = refused.json()['error']
    assert (refused.status_code, error['reason']) == (413, 'quota_exceeded')
    assert 'executions' in error['message']
    limit = used['executions']
    assert f'{limit} of {limit} are in use' in error['message']
    assert world.client.executions.of(transfer).list() == []

    with limited(world, instances=used['instances'] + 1):
        refused = ask(
            world,
            'POST',
            '/transfers',
            {
                'transfer': {
                    'origin_endpoint_id': world.endpoint('source'),
                    'destination_endpoint_id': world.endpoint('destination'),
                    'instances': ['a', 'b'],
                }
            },
        )
        assert refused.status_code == 413
        assert 'instances' in refused.json()['error']['message']
    world.run(transfer)


def test_of_many_at_once_only_so_many_begin(world: World) -> None:
    transfers = [
        world.transfer(world.machine(f'one-of-{n}', MIB)) for n in range(4)
    ]
    answers: list[int] = []

    def execute(transfer: str) -> None:
        url = f'/transfers/{transfer}/executions'
        answers.append(ask(world, 'POST', url, {}).status_code)

    with limited(world, executions=usage(world)['executions'] + 2):
        threads = [
            threading.Thread(target=execute, args=(one,)) for one in transfers
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        running = usage(world)['executions']
    assert answers.count(200) >= 2
    assert set(answers) <= {200, 413}
    assert running <= answers.count(200)
    for transfer in transfers:
        for one in world.client.executions.of(transfer).list():
            world.ended(transfer, one['id'])


def test_nobody_overwrites_what_he_has_not_seen(world: World) -> None:
    transfer = world.transfer(world.machine('shared', MIB))
    url = f'/transfers/{transfer}'
    seen = ask(world, 'GET', url).headers['ETag']
    mine = {'transfer': {'notes': 'mine'}}
    theirs = {'transfer': {'notes': 'theirs'}}
    first = ask(world, 'PUT', url, mine, **{'If-Match': seen})
    assert first.status_code == 200
    second = ask(world, 'PUT', url, theirs, **{'If-Match': seen})
    assert second.status_code == 412
    assert world.client.transfers.get(transfer)['notes'] == 'mine'
    assert ask(world, 'GET', url).headers['ETag'] == first.headers['ETag']


def test_everybody_may_ask_for_its_health(world: World) -> None:
    root = world.service.url.rsplit('/v1/', 1)[0]
    answer = requests.get(f'{root}/healthcheck', timeout=30)
    assert (answer.status_code, answer.text.split()) == (200, ['OK', 'OK'])
