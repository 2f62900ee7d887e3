# SPDX-License-Identifier: Apache-2.0
"""Limits of bandwidth in requests and answers."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from coriolis_ng.api.schemas.parts import Answer, Request
from coriolis_ng.objects.bandwidth import Bandwidth, Window, days_of

MbS = Annotated[
    float, Meta(description='millions of bytes per second; null: no limit')
]
Clock = Annotated[str, Meta(max_length=5, description='such as 08:00')]
Days = Annotated[
    str, Meta(max_length=64, description='mon-fri, or sat,sun; none: all')
]
Zone = Annotated[
    str, Meta(max_length=64, description='such as Europe/Bucharest')
]


class NewWindow(Request):
    """A time of day (over midnight where ``to`` is not later than
    ``from``) with a limit of its own."""

    from_: Clock = msgspec.field(name='from')
    to: Clock
    mb_s: MbS | None
    days: Days | None = None
    time_zone: Zone | None = None


Profile = Annotated[list[NewWindow], Meta(max_length=100)]


class NewBandwidth(Request):
    """``mb_s`` holds when no window of the profile does; of several that
    overlap the first counts."""

    mb_s: MbS | None = None
    profile: Profile | None = None


# A number alone is ``mb_s``, a list alone the profile.
NewLimit = MbS | Profile | NewBandwidth | None


class WindowAnswer(Answer):
    from_: str = msgspec.field(name='from')
    to: str
    days: str
    time_zone: str
    mb_s: float | None


class BandwidthAnswer(Answer):
    mb_s: float | None
    profile: list[WindowAnswer]


def value(given: NewLimit | UnsetType) -> Bandwidth | None:
    """As the domain has it; None where nothing is limited. ``InvalidInput``
    for days that are none."""
    if given is None or given is UNSET:
        return None
    if isinstance(given, NewBandwidth):
        rate, profile = given.mb_s, given.profile or []
    elif isinstance(given, list):
        rate, profile = None, given
    else:
        rate, profile = float(given), []
    found = Bandwidth(
        mb_s=rate,
        profile=tuple(
            Window(
                start=one.from_,
                end=one.to,
                mb_s=one.mb_s,
                days=days_of(
                    one.days or '',
                    f'$.bandwidth_limit.profile[{number}].days',
                ),
                time_zone=one.time_zone or 'UTC',
            )
            for number, one in enumerate(profile)
        ),
    )
    return None if found == Bandwidth() else found
