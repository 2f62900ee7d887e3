# SPDX-License-Identifier: Apache-2.0
"""Limits of bandwidth as clients see them."""

from __future__ import annotations

from coriolis_ng.api.schemas import bandwidth as schema
from coriolis_ng.objects.bandwidth import Bandwidth, days_text


def bandwidth(value: Bandwidth | None) -> schema.BandwidthAnswer | None:
    """None where nothing is limited."""
    if value is None:
        return None
    return schema.BandwidthAnswer(
        mb_s=value.mb_s,
        profile=[
            schema.WindowAnswer(
                from_=one.start,
                to=one.end,
                days=days_text(one.days),
                time_zone=one.time_zone,
                mb_s=one.mb_s,
            )
            for one in value.profile
        ],
    )
