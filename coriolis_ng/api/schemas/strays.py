# SPDX-License-Identifier: Apache-2.0
"""Requests and answers about strays."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from coriolis_ng.api.schemas.parts import Answer, Id, Query, Time, Word

Number = Annotated[str, Meta(pattern=r'^[0-9]{1,18}$')]


class StraysQuery(Query):
    """``marker`` is the last one seen; ``limit`` over 1000 gives 1000."""

    limit: Annotated[int, Meta(ge=1)] | None = None
    marker: Number | None = None
    endpoint_id: Id | None = None
    transfer_id: Id | None = None
    execution_id: Id | None = None
    kind: Word | None = None


class StrayQuery(Query):
    """``forget`` takes it out of the records and asks no cloud."""

    forget: bool = False


class Stray(Answer):
    """``resource_id`` is its id in the cloud of ``endpoint_id``; ``side``
    is the end of the transfer. ``reason`` says why it is still there, ''
    when nobody has tried to remove it yet; ``retry_at`` when it is tried
    next."""

    id: str
    kind: str
    resource_id: str
    tag: str
    side: Literal['source', 'target']
    endpoint_id: str | None
    transfer_id: str | None
    deployment_id: str | None
    execution_id: str
    task_id: str
    instance: str
    reason: str
    tries: int
    retry_at: Time | None
    created_at: Time | None


class StrayAnswer(Answer):
    stray: Stray


class StraysAnswer(Answer):
    """Oldest first."""

    strays: list[Stray]
