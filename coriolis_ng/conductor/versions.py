# SPDX-License-Identifier: Apache-2.0
"""Refuses a change of what is not any more as its author has seen it."""

from __future__ import annotations

from typing import Protocol

from coriolis_ng import errors


class Versioned(Protocol):
    """A row whose ``version`` grows with each change."""

    @property
    def version(self) -> int: ...


def check_tag(tag: str, seen: str | None) -> None:
    """The same where a digest of the content is the version."""
    if seen is not None and tag != seen:
        raise errors.PreconditionFailed(
            'It was changed since it was read: read it again.'
        )


def check_version(value: Versioned, version: int | None) -> None:
    """``PreconditionFailed`` unless it is of that version; None is any."""
    if version is not None and value.version != version:
        raise errors.PreconditionFailed(
            'It was changed since it was read: read it again.'
        )
