# SPDX-License-Identifier: Apache-2.0
"""Quotas as clients see them."""

from __future__ import annotations

from collections.abc import Iterable

from coriolis_ng.api.schemas import quotas as schema
from coriolis_ng.objects.quota import Quota


def quotas(values: Iterable[Quota]) -> schema.QuotasAnswer:
    """All of a project's."""
    return schema.QuotasAnswer(
        quotas=[
            schema.Quota(
                resource=one.resource.value,
                limit=one.limit,
                usage=one.usage,
                source=one.source.value,
            )
            for one in values
        ]
    )
