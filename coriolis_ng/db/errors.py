# SPDX-License-Identifier: Apache-2.0
"""Errors that only this layer raises."""

from __future__ import annotations

from coriolis_ng import errors


class NoRoom(errors.Unreachable):
    """The disk below the database is full; nothing was written, and the
    same call works once there is room."""

    def __init__(self, detail: str = '') -> None:
        super().__init__(
            "The disk that holds the service's database is full: make room "
            'there. What runs waits for it, and nothing is lost.',
            detail=detail,
        )


class Away(errors.Unreachable):
    """The database does not answer, or does not take part in its cluster
    just now; whether the last commit came to pass is not known."""

    def __init__(self, detail: str = '') -> None:
        super().__init__(
            'The database is away; try again.',
            detail=detail,
        )


class Changed(errors.Stale):
    """Somebody else changed the row since it was read.

    ``Database.write`` runs its function again when it sees this, because
    the function reads the row anew.
    """
