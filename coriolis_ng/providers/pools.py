# SPDX-License-Identifier: Apache-2.0
"""The contract of a cloud that can keep worker VMs ready.

A connection whose provider has the capability ``pools`` has an attribute
``pools`` of this kind, and the provider a mapping ``pool_schemas`` with the
JSON Schemas ``source_pool`` and ``destination_pool``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from coriolis_ng import errors
from coriolis_ng.objects.minion import Minion
from coriolis_ng.objects.network import Option
from coriolis_ng.objects.volume import Volume
from coriolis_ng.providers.base import Watch

Options = Mapping[str, Any]


class Pools(Protocol):
    """Worker VMs that outlive the execution that made them."""

    def options(
        self, side: str, names: Sequence[str] | None
    ) -> Sequence[Option]:
        """Values for the options of the schema of pools of that side."""

    def make(self, *, options: Options, watch: Watch) -> Minion:
        """Starts a worker VM that has nothing attached, by tag; recorded
        before it is made. It may not need SSH yet."""

    def check(self, minion: Minion) -> bool:
        """Whether it is there, on or off; raises ``Unreachable`` where the
        cloud cannot tell. Changes nothing."""

    def start(self, minion: Minion) -> None:
        """On when it returns; may be called twice."""

    def stop(self, minion: Minion) -> None:
        """Off when it returns; may be called twice."""

    def attach(
        self, minion: Minion, volumes: Sequence[Volume], *, watch: Watch
    ) -> Minion:
        """The machine with ``disks`` for these volumes and no others; may
        be called twice."""

    def detach(self, minion: Minion) -> None:
        """Takes all volumes off it; silent when it is gone."""

    def drop(self, minion: Minion) -> None:
        """Removes it, nothing of the volumes; silent when it is gone."""


def of(connection: Any) -> Pools:
    """The pools of a connection; ``Unsupported`` where it has none."""
    pools: Pools | None = getattr(connection, 'pools', None)
    if pools is None:
        raise errors.Unsupported('This cloud has no minion pools.')
    return pools
