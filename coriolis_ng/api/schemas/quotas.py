# SPDX-License-Identifier: Apache-2.0
"""Requests and answers about quotas."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from coriolis_ng.api.schemas.parts import Answer, Request

Limit = Annotated[int, Meta(ge=-1, le=2**31 - 1)]


class Limits(Request):
    """-1 is no limit, null goes back to the default; what is left out
    stays."""

    executions: Limit | None | UnsetType = UNSET
    instances: Limit | None | UnsetType = UNSET


class UpdateQuotas(Request):
    quotas: Limits


class Quota(Answer):
    """``executions`` are those of transfers and deployments that run now,
    ``instances`` the machines in all transfers. ``source`` says where the
    limit comes from."""

    resource: Literal['executions', 'instances']
    limit: int
    usage: int
    source: Literal['default', 'project', 'keystone']


class QuotasAnswer(Answer):
    quotas: list[Quota]
