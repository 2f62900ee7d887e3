# SPDX-License-Identifier: Apache-2.0
"""Plain requests, as clients of any generation send them."""

from __future__ import annotations

from typing import Any

import requests

from tests.functional.world import (
    RUNNING,
    Watcher,
    World,
    wait_until,
)

Json = dict[str, Any]
STAMPS = {'created_at', 'updated_at', 'deleted_at', 'deleted'}


class Rest:
    """URLs are below the project; answers are checked against the document
    that the service serves."""

    def __init__(self, world: World, watcher: Watcher) -> None:
        self._url = world.service.url
        self._http = requests.Session()
        self._http.headers['X-Auth-Token'] = world.service.token
        self._http.hooks['response'].append(watcher)

    def call(
        self,
        verb: str,
        path: str,
        body: Any = None,
        status: int | tuple[int, ...] = 200,
        **headers: str,
    ) -> requests.Response:
        answer = self._http.request(
            verb,
            self._url + path,
            json=body,
            headers={k.replace('_', '-'): v for k, v in headers.items()},
            timeout=60,
        )
        fine = status if isinstance(status, tuple) else (status,)
        assert answer.status_code in fine, answer.text
        return answer

    def get(self, path: str, status: int = 200) -> Any:
        return self.call('GET', path, status=status).json()

    def post(self, path: str, body: Any, status: int = 200) -> Any:
        answer = self.call('POST', path, body, status)
        assert bool(answer.content) == (status != 204)
        return answer.json() if answer.content else None

    def put(self, path: str, body: Any, status: int = 200) -> Any:
        return self.call('PUT', path, body, status).json()

    def delete(self, path: str, status: int = 204) -> Any:
        answer = self.call('DELETE', path, status=status)
        return answer.json() if answer.content else None

    def until_over(self, path: str, noun: str, field: str = 'status') -> Json:
        """What is there when it has ended."""

        def over() -> Json | None:
            found = self.get(path)[noun]
            return None if found[field] in RUNNING else found

        found: Json = wait_until(over, f'the end of {path}')
        return found

    def until_gone(self, path: str) -> None:
        """Deleting may take a while."""
        wait_until(lambda: self._is_gone(path), f'{path} to go')

    def _is_gone(self, path: str) -> bool:
        answer = self._http.get(self._url + path, timeout=60)
        assert answer.status_code in {200, 404}
        return answer.status_code == 404


def refusal(answer: Json, status: int, fault: str) -> str:
    """The message of an error; its envelope is checked."""
    error: Json = answer['error']
    assert (error['code'], error['fault']) == (status, fault)
    assert isinstance(error['message'], str)
    return str(error['message'])
