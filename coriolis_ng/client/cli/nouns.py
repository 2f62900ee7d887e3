# SPDX-License-Identifier: Apache-2.0
"""All commands by name; a new noun is added here and in setup.cfg."""

from __future__ import annotations

from collections.abc import Iterator

from cliff.command import Command

from coriolis_ng.client.cli import (
    cloud,
    deployment,
    endpoint,
    event,
    execution,
    migration,
    minion_pool,
    provider,
    quota,
    recovery_point,
    region,
    replica,
    schedule,
    service,
    stray,
    transfer,
)

NOUNS = (
    cloud,
    deployment,
    endpoint,
    event,
    execution,
    migration,
    minion_pool,
    provider,
    quota,
    recovery_point,
    region,
    replica,
    schedule,
    service,
    stray,
    transfer,
)


def commands() -> dict[str, type[Command]]:
    """By name: ``transfer list``."""
    return {
        name: kind for noun in NOUNS for name, kind in noun.COMMANDS.items()
    }


def entry_points() -> Iterator[str]:
    """The lines of setup.cfg for ``openstack migration ...``. What is a
    migration by its old name needs the word only once."""
    for name, kind in sorted(commands().items()):
        words = name.removeprefix('migration ').replace(' ', '_')
        yield f'migration_{words} = {kind.__module__}:{kind.__qualname__}'
