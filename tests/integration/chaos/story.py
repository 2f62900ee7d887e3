# SPDX-License-Identifier: Apache-2.0
"""What a run prints, so that whoever sees it fail can repeat it."""

from __future__ import annotations

import contextlib
import os
import pathlib
import sys
import threading
import time
from collections.abc import Iterator

KILLS = 40
SEED = 1


def kills(default: int = KILLS) -> int:
    """``CHAOS_KILLS``: how many blows."""
    return int(os.environ.get('CHAOS_KILLS') or default)


def seed() -> int:
    """``CHAOS_SEED``: which ones."""
    return int(os.environ.get('CHAOS_SEED') or SEED)


class Story:
    """Lines with the seconds since the start, also in a file that can be
    read while it goes on."""

    def __init__(self, folder: pathlib.Path, seed: int, kills: int) -> None:
        self.folder = folder
        self.seed = seed
        self._lock = threading.Lock()
        self._began = time.monotonic()
        self._file = folder / 'story.txt'
        self._file.write_text('')
        self.tell(f'CHAOS_SEED={seed} CHAOS_KILLS={kills}')

    def tell(self, text: str) -> None:
        """One more line."""
        with self._lock, self._file.open('a') as file:
            seconds = time.monotonic() - self._began
            file.write(f'{seconds:7.1f} {text}\n')

    @property
    def text(self) -> str:
        return self._file.read_text()

    @contextlib.contextmanager
    def told(self) -> Iterator[None]:
        """Whatever fails inside is followed by the seed, all that was
        killed, and where the logs are."""
        try:
            yield
        except BaseException:
            sys.stderr.write(
                f'{self.text}\nTo repeat it: CHAOS_SEED={self.seed} '
                f'CHAOS_KILLS=... tools/test.sh integration/chaos\n'
                f'The logs are in {self.folder}\n'
            )
            raise
