# SPDX-License-Identifier: Apache-2.0
"""Takes secrets out of what a task says."""

from __future__ import annotations

import re
import threading
from typing import Any

import msgspec
from oslo_utils import strutils

_SECRET_NAME = re.compile(
    r'pass|secret|token|key|credential|private|auth', re.IGNORECASE
)
_SHORTEST = 4  # shorter ones are words of any text
_LINE = 16  # lines of a key that are worth hiding on their own


class Mask:
    """Knows the secrets of one task; may be used by many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: list[str] = []

    def learn(self, payload: bytes) -> None:
        """A secret that the task was given or has stored.

        Of a JSON object the fields that are named like secrets are hidden
        (an address is no secret, and logs need it); else all of it.
        """
        text = payload.decode('utf-8', 'replace')
        try:
            plain = msgspec.json.decode(payload)
        except msgspec.DecodeError:
            plain = None
        if isinstance(plain, dict):
            found = set(_secrets(plain, hidden=False))
        else:
            found = {text}
        for value in tuple(found):
            lines = value.splitlines()
            if len(lines) > 1:
                found |= {line for line in lines if len(line) >= _LINE}
        with self._lock:
            found |= set(self._values)
            # The longest first: one secret may be a part of another.
            self._values = sorted(
                (v for v in found if len(v) >= _SHORTEST),
                key=lambda v: (-len(v), v),
            )

    def hide(self, text: str) -> str:
        """``text`` with ``***`` for every secret."""
        for value in self._values:
            text = text.replace(value, '***')
        return strutils.mask_password(text)


def _secrets(plain: Any, *, hidden: bool) -> Any:
    if isinstance(plain, dict):
        for name, value in plain.items():
            secret = hidden or bool(_SECRET_NAME.search(name))
            yield from _secrets(value, hidden=secret)
    elif isinstance(plain, list):
        for value in plain:
            yield from _secrets(value, hidden=hidden)
    elif hidden and isinstance(plain, str):
        yield plain
