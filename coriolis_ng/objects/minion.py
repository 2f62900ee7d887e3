# SPDX-License-Identifier: Apache-2.0
"""A temporary worker VM and how it is reached."""

from __future__ import annotations

import enum

from coriolis_ng.objects.value import Value


class Purpose(enum.StrEnum):
    WRITE = 'write'  # the agent writes a replica's volumes
    MORPH = 'morph'  # a guest's disks are mounted and adapted
    POOL = 'pool'  # either, for one execution after the other


class MinionKeys(Value):
    """What a provider gives a new worker VM by cloud-init.

    ``user_key`` is the public line of the user's key; ``host_key`` the
    private host key in OpenSSH's PEM form, so that we know its public half
    before the first connection. Never logged, never kept in a row: what
    lasts is in the secret store.
    """

    user_key: str
    host_key: str

    def __repr__(self) -> str:
        return 'MinionKeys(***)'


class Ssh(Value):
    """``key`` refers to the private key in the secret store; ``host_key``
    is the pinned public line."""

    host: str
    user: str
    key: str
    host_key: str
    port: int = 22


class Agent(Value):
    """``credentials`` refers to CA, client certificate and key."""

    host: str
    port: int
    credentials: str


class Minion(Value):
    """A worker VM; ``ssh`` and ``agent`` are None for a platform whose
    volumes a worker reaches directly. ``disks`` maps a disk id to what
    finds it inside the VM (its serial)."""

    id: str
    ssh: Ssh | None = None
    agent: Agent | None = None
    disks: dict[str, str] = {}
