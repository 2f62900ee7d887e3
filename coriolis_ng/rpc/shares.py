# SPDX-License-Identifier: Apache-2.0
"""How much of something scarce is in use, all in all and by each project:
one that asks for much must not keep the others waiting."""

from __future__ import annotations

import collections
import contextlib
import enum
import threading
from collections.abc import Iterator

from coriolis_ng import errors


class Taken(enum.Enum):
    """The answer of ``Shares.take``."""

    YES = enum.auto()
    SHARE_IS_FULL = enum.auto()
    ALL_IS_FULL = enum.auto()


class Shares:
    """``most`` for all, of which one project has ``share`` at most."""

    def __init__(self, most: int, share: int) -> None:
        self._most = most
        self._share = share
        self._lock = threading.Lock()
        self._used: collections.Counter[str] = collections.Counter()

    def take(self, project_id: str) -> Taken:
        """Never waits; what was taken is to be given back."""
        with self._lock:
            if self._used.total() >= self._most:
                return Taken.ALL_IS_FULL
            if self._used[project_id] >= self._share:
                return Taken.SHARE_IS_FULL
            self._used[project_id] += 1
            return Taken.YES

    def give_back(self, project_id: str) -> None:
        with self._lock:
            self._used[project_id] -= 1
            if self._used[project_id] <= 0:
                del self._used[project_id]

    @contextlib.contextmanager
    def asking(self, project_id: str) -> Iterator[None]:
        """Around a question to a cloud; ``TooManyQuestions`` at once where
        there is no room for it."""
        answer = self.take(project_id)
        if answer is Taken.SHARE_IS_FULL:
            raise errors.TooManyQuestions(
                f'{self._share} questions of this project to clouds wait '
                'for their answers already: try again when one has come.'
            )
        if answer is Taken.ALL_IS_FULL:
            raise errors.TooManyQuestions(
                'Too many questions to clouds wait for their answers: try '
                'again a little later.'
            )
        try:
            yield
        finally:
            self.give_back(project_id)
