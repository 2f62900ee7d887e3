# SPDX-License-Identifier: Apache-2.0
"""A bounded queue that can be closed.

Closing it is what ends every thread of a copy: whoever waits in it, or looks
at it between two requests, gets :class:`Closed`.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar('T')


class Closed(Exception):  # noqa: N818 - a signal, not an error
    """The lane was closed; stop what you do for it."""


class Lane(Generic[T]):
    """First in, first out, for several producers and consumers.

    It holds ``most`` items; ``closed`` may be read at any time. Iterating
    takes items until the end; that raises ``Closed`` as well.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._items: deque[T] = deque()
        self._changed = threading.Condition()
        self._ended = False
        self.closed = False

    def put(self, item: T, seconds: float) -> bool:
        """Whether there was room within ``seconds``; Closed when closed."""
        with self._changed:
            self._changed.wait_for(
                lambda: self.closed or len(self._items) < self._most, seconds
            )
            self.check()
            if len(self._items) >= self._most:
                return False
            self._items.append(item)
            self._changed.notify_all()
            return True

    def end(self) -> None:
        """Nothing more will be put; consumers end when it is empty."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def close(self) -> None:
        """Drop what is in it and end everybody; may be called twice."""
        with self._changed:
            self.closed = True
            self._items.clear()
            self._changed.notify_all()

    def check(self) -> None:
        """Raises ``Closed`` when it is; for between two requests."""
        if self.closed:
            raise Closed

    def __iter__(self) -> Iterator[T]:
        while True:
            with self._changed:
                self._changed.wait_for(
                    lambda: self.closed or self._ended or self._items
                )
                self.check()
                if not self._items:
                    return
                item = self._items.popleft()
                self._changed.notify_all()
            yield item
