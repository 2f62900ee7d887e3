# SPDX-License-Identifier: Apache-2.0
"""What a conductor looks after again and again, each on a thread of its
own: a call that is slow keeps only its own kind of work waiting."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from coriolis_ng.conductor import endings, trusts
from coriolis_ng.conductor.advance import advance_all
from coriolis_ng.conductor.audit import audit
from coriolis_ng.conductor.due import start_due
from coriolis_ng.conductor.events import Forgetter
from coriolis_ng.conductor.minion_pools import look_after
from coriolis_ng.conductor.parts import Parts
from coriolis_ng.conductor.reaper import Reaper
from coriolis_ng.conductor.wake import wake

Work = Callable[[], object]
# Does it, and survives whatever it raises; the word is for the log.
Guard = Callable[[str, Work], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Duty:
    """Works that are done one after the other, ``seconds`` apart, for the
    first time ``first`` seconds after the start."""

    name: str
    seconds: float
    first: float
    works: Sequence[Work]


def standard(parts: Parts, tell: Work, guard: Guard) -> list[Duty]:
    """All duties of a conductor; ``tell`` says that it is there."""
    settings = parts.settings
    first = min(settings.reap_seconds, settings.advance_seconds)

    def often(name: str, *works: Work) -> Duty:
        seconds = settings.advance_seconds
        return Duty(name=name, seconds=seconds, first=first, works=works)

    return [
        Duty(
            name='reaper',
            seconds=settings.reap_seconds,
            first=first,
            works=[Reaper(parts).reap],
        ),
        often(
            'executions',
            tell,
            lambda: advance_all(parts, guard),
            lambda: wake(parts, everybody=True),
        ),
        often('schedules', lambda: start_due(parts)),
        often('pools', lambda: look_after(parts)),
        often(
            'records',
            lambda: endings.forget_all_secrets(parts),
            Forgetter(parts).forget,
        ),
        Duty(
            name='audit',
            seconds=settings.audit_seconds,
            first=settings.audit_seconds,
            works=[lambda: audit(parts), lambda: trusts.sweep(parts)],
        ),
    ]


class Duties:
    """The threads; the database may be away, so each work is guarded and
    the next round tries again."""

    def __init__(self, several: Sequence[Duty], guard: Guard) -> None:
        self._guard = guard
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(
                target=self._go, args=(one,), name=one.name, daemon=True
            )
            for one in several
        ]

    def start(self) -> None:
        """Begins with the first round of each."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """There will be no other round."""
        self._stopping.set()

    def wait(self) -> None:
        """Until the rounds that are under way have ended."""
        for thread in self._threads:
            thread.join()

    def _go(self, one: Duty) -> None:
        pause = one.first
        while not self._stopping.wait(pause):
            pause = one.seconds
            for work in one.works:
                self._guard(one.name, work)
