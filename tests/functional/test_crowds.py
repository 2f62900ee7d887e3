# SPDX-License-Identifier: Apache-2.0
"""One who asks for much gets a share, and the others their answers."""

from __future__ import annotations

import concurrent.futures
import threading
from typing import Any

import requests

from tests.functional.world import MIB, World, wait_until


def ask(world: World, path: str, **more: Any) -> requests.Response:
    headers = {'X-Auth-Token': world.service.token}
    return requests.get(
        f'{world.service.url}{path}',
        headers={**headers, **more.pop('headers', {})},
        timeout=200,
        **more,
    )


def listen(world: World) -> requests.Response:
    accept = {'Accept': 'text/event-stream'}
    return ask(world, '/events', headers=accept, stream=True)


def test_rows_do_not_wait_for_questions(world: World) -> None:
    world.machine('looked-at', MIB)
    url = f'/endpoints/{world.endpoint("source")}/instances'
    world.source.call('test_delay', call='list_machines', seconds=6)
    with concurrent.futures.ThreadPoolExecutor(14) as many:
        asked = [many.submit(ask, world, url) for _ in range(14)]
        refused = wait_until(
            lambda: [one.result() for one in asked if one.done()],
            'somebody who is refused',
        )
        # While the cloud thinks, whoever reads rows is answered.
        assert ask(world, '/transfers').status_code == 200
        assert ask(world, f'/quotas/{_project(world)}').status_code == 200
        assert not all(one.done() for one in asked)
    for answer in refused:
        assert answer.status_code == 503
        assert answer.json()['error']['reason'] == 'too_many_questions'
        assert 'of this project' in answer.json()['error']['message']
        assert int(answer.headers['Retry-After']) > 0
    codes = sorted(one.result().status_code for one in asked)
    assert codes == [200] * 6 + [503] * 8
    assert ask(world, url).status_code == 200


def _project(world: World) -> str:
    return world.service.url.rsplit('/', 1)[1]


def test_streams_of_one_project_leave_room(world: World) -> None:
    open_ = [listen(world) for _ in range(4)]
    assert [one.status_code for one in open_] == [200] * 4
    refused = listen(world)
    assert refused.status_code == 503
    assert refused.json()['error']['reason'] == 'too_many_streams'
    # Who follows waits until there is room.
    seen: list[str] = []
    wanted = threading.Event()

    def follow() -> None:
        for event in world.service.client().events.follow(marker='0'):
            seen.append(event.id)
            wanted.set()
            return

    follower = threading.Thread(target=follow, daemon=True)
    follower.start()
    transfer = world.transfer(world.machine('told-of', MIB))
    world.run(transfer)
    assert seen == []
    for one in open_:
        one.close()
    assert wanted.wait(60)
    follower.join(60)
    # Nobody has to wait for those who have gone.
    again = wait_until(
        lambda: [one for one in [listen(world)] if one.status_code == 200],
        'a stream again',
    )
    for one in again:
        one.close()
