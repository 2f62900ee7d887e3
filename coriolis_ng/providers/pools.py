# SPDX-License-Identifier: Apache-2.0
"""The contract of a cloud that can keep worker VMs ready.

A connection whose provider has the capability ``pools`` has an attribute
``pools`` of this kind, and the provider a mapping ``pool_schemas`` with the
JSON Schemas ``source_pool`` and ``destination_pool``: one for each end for
which its machines are of use.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from coriolis_ng import errors
from coriolis_ng.objects.minion import Minion, MinionKeys
from coriolis_ng.objects.minion_pool import Power
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

    def make(
        self, keys: MinionKeys, *, options: Options, watch: Watch
    ) -> Minion:
        """Starts a worker VM that has nothing attached, by tag; recorded
        before it is made, and what hangs on it (FILE) with it as its
        parent. Returns when it has an address, as ``Imports.make_minion``
        does; ``Ssh.key`` and ``Ssh.host_key`` are '' in the answer. A
        platform that needs no SSH lets the keys be."""

    def check(self, minion: Minion) -> Power | None:
        """``ON`` or ``OFF``, None when it is not there or nothing can be
        made of it; raises ``Unreachable`` where the cloud cannot tell.
        Changes nothing."""

    def start(
        self, minion: Minion, *, options: Options, watch: Watch
    ) -> Minion:
        """On when it returns, and the machine with the address that it has
        by now (not necessarily an SSH server yet); its keys are the same.
        May be called twice, also for one that is on."""

    def stop(self, minion: Minion) -> None:
        """Off when it returns; may be called twice, silent when it is
        gone."""

    def renew(
        self, minion: Minion, keys: MinionKeys, *, options: Options
    ) -> None:
        """Makes it as if it were new, with these keys: nothing that was
        attached to it, written in it or runs in it stays. It may still be
        starting when this returns. May be called twice."""

    def attach(
        self, minion: Minion, volumes: Sequence[Volume], *, watch: Watch
    ) -> Minion:
        """The machine, which is on, with ``disks`` for these volumes and no
        others; may be called twice."""

    def detach(self, minion: Minion) -> None:
        """Takes all volumes off it, whatever the system in it says to that;
        silent when it is off or gone."""

    def drop(self, minion: Minion) -> None:
        """Removes it, nothing of the volumes; silent when it is gone."""


def of(connection: Any) -> Pools:
    """The pools of a connection; ``Unsupported`` where it has none."""
    pools: Pools | None = getattr(connection, 'pools', None)
    if pools is None:
        raise errors.Unsupported('This cloud has no minion pools.')
    return pools
