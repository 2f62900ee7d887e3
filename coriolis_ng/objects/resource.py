# SPDX-License-Identifier: Apache-2.0
"""An entry of the ledger: something that we made in a cloud."""

from __future__ import annotations

import enum

from coriolis_ng.objects.value import Value


class Side(enum.StrEnum):
    """Which end of a transfer: where data comes from, or where it goes."""

    SOURCE = 'source'
    TARGET = 'target'
    BOTH = 'both'
    NONE = 'none'


class ResourceKind(enum.StrEnum):
    SNAPSHOT = 'snapshot'  # a view of a source's disks at one moment
    CHECKPOINT = 'checkpoint'  # a mark from which a source tells changes
    VOLUME = 'volume'
    VOLUME_SNAPSHOT = 'volume_snapshot'  # a recovery point's disk
    VM = 'vm'  # a worker VM or a deployed machine
    PORT = 'port'
    KEYPAIR = 'keypair'
    IMAGE = 'image'
    FILE = 'file'  # a seed image or another file on the cloud's host
    SECRET = 'secret'  # noqa: S105 - in the secret store, not in a cloud


class Resource(Value):
    """Recorded before it is made.

    ``id`` is what the provider needs to find and drop it: providers choose
    ids that they know before the creation (a name made from the tag) or
    record a placeholder that can be found by its tag. ``tag`` is
    ``coriolis:<execution>:<task>``.
    """

    kind: ResourceKind
    id: str
    tag: str
    side: Side
    attempt: int = 1
    parent: str = ''  # a place to look in: a pool, a machine


def tag_of(execution_id: str, task_id: str) -> str:
    """The label that everything made by one task carries."""
    return f'coriolis:{execution_id}:{task_id}'
