# SPDX-License-Identifier: Apache-2.0
"""What goes wrong for a client, as exceptions; all are ``ApiError``."""

from __future__ import annotations


class ApiError(Exception):
    """``status`` is HTTP's, 0 where the client itself says it; ``code`` a
    stable word; ``field`` a path in the request's body; ``request_id`` finds
    the request in the server's log; ``retry_after`` is how many seconds to
    wait before it is asked again, 0 where the service did not say."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 0,
        code: str = '',
        field: str = '',
        request_id: str = '',
        retry_after: float = 0,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.code = code
        self.field = field
        self.request_id = request_id
        self.retry_after = retry_after

    def __str__(self) -> str:
        told = self.message
        if self.field:
            told += f' [{self.field}]'
        # 0: it is the client itself that says so.
        return f'{told} (HTTP {self.status})' if self.status else told


class BadRequest(ApiError):
    """400: something in the request is wrong; see ``field``."""


class Unauthorized(ApiError):
    """401: no token, or one that is not known or has expired."""


class Forbidden(ApiError):
    """403: the roles of this user do not allow it."""


class NotFound(ApiError):
    """404: there is no such thing in this project."""


class Conflict(ApiError):
    """409 or 412: the thing is in a state that forbids it, or was changed
    by somebody else meanwhile."""


class OverLimit(ApiError):
    """413 or 429: a quota or another limit is reached."""


class ServerError(ApiError):
    """5xx: the fault is at the service's side; see ``request_id``."""


class Unavailable(ServerError):
    """502, 503 or 504: try again later; no worker, for one."""


class Unreachable(Unavailable):
    """Nobody answered at all."""


class Failed(ApiError):
    """What was waited for ended otherwise than ``COMPLETED``.

    ``run`` is the execution or deployment as it was seen last.
    """

    def __init__(self, message: str, run: dict[str, object]) -> None:
        super().__init__(message, code='failed')
        self.run = run


class TimedOut(ApiError):
    """The wait ended before what was waited for; that goes on."""


_KINDS: dict[int, type[ApiError]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    412: Conflict,
    413: OverLimit,
    429: OverLimit,
    502: Unavailable,
    503: Unavailable,
    504: Unavailable,
}


def kind_of(status: int) -> type[ApiError]:
    """The class for a status of HTTP."""
    return _KINDS.get(status, ServerError if status >= 500 else ApiError)
