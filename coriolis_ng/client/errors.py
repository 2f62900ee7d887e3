# SPDX-License-Identifier: Apache-2.0
"""What the server said instead of an answer."""

from __future__ import annotations


class ApiError(Exception):
    """``status`` is HTTP's; ``code`` a stable word; ``field`` a path in the
    request's body; ``request_id`` finds the request in the server's log."""

    def __init__(
        self,
        message: str,
        *,
        status: int,
        code: str = '',
        field: str = '',
        request_id: str = '',
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.code = code
        self.field = field
        self.request_id = request_id

    def __str__(self) -> str:
        # 0: it is the client itself that says so.
        if not self.status:
            return self.message
        return f'{self.message} (HTTP {self.status})'
