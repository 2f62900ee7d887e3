# SPDX-License-Identifier: Apache-2.0
"""Events as a stream of server-sent events, out of rows: any process can
serve any stream, and go on where another one stopped.

The format is that of the HTML standard (section "Server-sent events").
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from coriolis_ng import errors
from coriolis_ng.api.schemas.events import Event as Shown
from coriolis_ng.api.views import events as view
from coriolis_ng.db import api as rows
from coriolis_ng.db.session import Database
from coriolis_ng.objects.event import Event
from coriolis_ng.rpc.shares import Shares, Taken

# A transaction that was given a number and has not committed it after this
# time is taken for one that never will.
GRACE_SECONDS = 2.0
BATCH = 100


class FeedSettings(msgspec.Struct, frozen=True, kw_only=True):
    """``streams`` is how many one process serves at once, of which one
    project has ``project_streams``: each takes a thread.
    ``stream_seconds`` is how long one lasts; clients come again by
    themselves. A transaction that was given a number and has not committed
    it after ``grace_seconds`` is taken for one that never will."""

    streams: int = 8
    project_streams: int = 4
    stream_seconds: float = 600
    heartbeat_seconds: float = 5
    look_seconds: float = 1
    grace_seconds: float = 2


class Busy(errors.CoriolisError):
    """This process serves as many streams as it may, or the project."""

    code = 'too_many_streams'


class Feed:
    """What all streams of a process share."""

    def __init__(
        self, database: Database, settings: FeedSettings | None = None
    ) -> None:
        self._database = database
        self.settings = settings or FeedSettings()
        self._open = Shares(
            self.settings.streams, self.settings.project_streams
        )
        self._lock = threading.Lock()
        self._looked = -self.settings.look_seconds
        self._settled: int | None = None

    def settled(self) -> int:
        """The number up to which events are complete. Asked by many, it
        looks once in ``look_seconds``."""
        with self._lock:
            now = time.monotonic()
            if (
                self._settled is None
                or now - self._looked >= self.settings.look_seconds
            ):
                self._settled = self._database.read(self._look)
                self._looked = now
            return self._settled

    def page(
        self,
        project_id: str,
        after: int,
        limit: int,
        filters: Mapping[str, Any],
    ) -> tuple[Sequence[Event], int]:
        """Events after that one, and up to which number it was looked."""
        settled = self.settled()
        if settled <= after:
            return (), after
        found = self._database.read(
            lambda s: rows.events.list(
                s,
                project_id,
                after=after,
                up_to=settled,
                limit=limit,
                filters=filters,
            )
        )
        return found, found[-1].number if len(found) == limit else settled

    def open(
        self,
        project_id: str,
        after: int | None,
        filters: Mapping[str, Any],
        gone: Callable[[], bool] | None = None,
    ) -> Stream:
        """From now on (None), or after that event. ``Busy``. ``gone`` says
        whether the client has hung up, where the server can tell."""
        start = self.settled()
        if after is not None:
            # A number of another database's life would never be reached.
            newest = self._database.read(rows.events.newest)
            start = min(after, max(newest, start))
        answer = self._open.take(project_id)
        if answer is Taken.SHARE_IS_FULL:
            raise Busy(
                f'{self.settings.project_streams} streams of this project '
                'are open already: close one, or try again later.'
            )
        if answer is Taken.ALL_IS_FULL:
            raise Busy('Too many streams are open: try again later.')
        return Stream(
            self,
            project_id,
            start,
            filters,
            closed=lambda: self._open.give_back(project_id),
            gone=gone or (lambda: False),
        )

    def _look(self, session: Any) -> int:
        grace = self.settings.grace_seconds
        known = self._settled
        if known is None:
            known = rows.events.newest(session, grace)
        return rows.events.settled(session, known, grace)


class Stream:
    """The body of an answer; it must be closed."""

    def __init__(
        self,
        feed: Feed,
        project_id: str,
        after: int,
        filters: Mapping[str, Any],
        *,
        closed: Callable[[], None],
        gone: Callable[[], bool],
    ) -> None:
        self._feed = feed
        self._gone = gone
        self._project_id = project_id
        self._after = after
        self._filters = filters
        self._closed: Callable[[], None] | None = closed
        self._until = time.monotonic() + feed.settings.stream_seconds
        self._said = 0.0

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> bytes:
        settings = self._feed.settings
        if not self._said:
            # At once, so that a client knows that it is connected.
            return self._say(b'retry: 2000\n\n')
        while self._closed and time.monotonic() < self._until:
            if self._gone():
                break
            found, self._after = self._feed.page(
                self._project_id, self._after, BATCH, self._filters
            )
            if found:
                return self._say(b''.join(encoded(one) for one in found))
            if time.monotonic() - self._said >= settings.heartbeat_seconds:
                # A comment: it finds out whether anybody still listens.
                return self._say(b':\n\n')
            time.sleep(settings.look_seconds)
        self.close()
        raise StopIteration

    def close(self) -> None:
        """May be called again."""
        closed, self._closed = self._closed, None
        if closed:
            closed()

    def _say(self, text: bytes) -> bytes:
        self._said = time.monotonic()
        return text


def encoded(event: Event) -> bytes:
    """One event; its data is the object that a page of events shows."""
    shown: Shown = view.event(event)
    data = msgspec.json.encode(shown)
    return b'id: %d\nevent: %s\ndata: %s\n\n' % (
        event.number,
        event.kind.encode(),
        data,
    )
