# SPDX-License-Identifier: Apache-2.0
"""What a cloud offers beside machines: networks, storage and options."""

from __future__ import annotations

from typing import Any

from coriolis_ng.objects.value import Value


class Network(Value):
    id: str
    name: str
    bridge: str = ''


class Storage(Value):
    """A storage backend; sizes in bytes, None where the cloud hides them."""

    id: str
    name: str
    capacity: int | None = None
    available: int | None = None
    default: bool = False


class Option(Value):
    """An option of an environment with the values a GUI can offer."""

    name: str
    values: tuple[Any, ...] = ()
    default: Any = None
