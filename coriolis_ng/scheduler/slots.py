# SPDX-License-Identifier: Apache-2.0
"""How many more tasks a worker may be given, and what else takes only so
many at once."""

from __future__ import annotations

import hashlib

from coriolis_ng.objects.service import Service
from coriolis_ng.objects.value import Value

LONGEST = 255  # characters of a key, as rows have them


class Scope(Value):
    """Something beside the worker that a task takes a slot of: an endpoint,
    a source's host, a storage. ``name`` is for users, and ``limit`` is how
    many tasks may run on it at once, 1 or more."""

    key: str
    name: str
    limit: int


def key_of(*words: str) -> str:
    """The key of a scope; one that would be too long is shortened."""
    key = ':'.join(words)
    if len(key) <= LONGEST:
        return key
    digest = hashlib.sha256(key.encode()).hexdigest()
    return f'{key[: LONGEST - len(digest) - 1]}:{digest}'


def free(service: Service) -> int:
    """Free slots, as far as the row that was read can tell: the start
    itself counts again. Never negative, though a worker may have been given
    fewer than it uses."""
    return max(0, service.capacity - service.used)
