# SPDX-License-Identifier: Apache-2.0
"""The contracts: a secret store, and what lets work outlive a token."""

from __future__ import annotations

from typing import Protocol

from coriolis_ng.objects.trust import Grant, Trust, TrustKind


class SecretStore(Protocol):
    """Keeps small payloads (1 MiB at most) under references.

    ``put`` is durable when it returns; ``get`` raises ``NotFound``;
    ``drop`` may be called any number of times. Payloads are never logged.
    """

    def put(
        self, payload: bytes, *, project_id: str, ref: str | None = None
    ) -> str:
        """Stores and returns a reference that tells nothing: ``ref``, which
        is new, where the store lets others choose."""

    def get(self, ref: str, *, project_id: str) -> bytes:
        """The payload; ``NotFound`` for another project's."""

    def drop(self, ref: str, *, project_id: str) -> None:
        """Removes it; silent when it is gone."""


class Trusts(Protocol):
    """Acts for users whose tokens have expired.

    ``Unreachable`` when nobody answers; what may be repeated says so.
    """

    def make(self, trust: Trust, token: str) -> tuple[TrustKind, str, str]:
        """Kind, id, and a secret to keep; ``Forbidden`` when the token
        allows nothing of the kind."""

    def grant(self, trust: Trust, secret: str) -> Grant:
        """A fresh token; ``AuthFailed`` when the trust is worth nothing
        any more."""

    def lend(self, token: str, project_id: str) -> Grant:
        """The same of a token that is still good."""

    def references(self) -> tuple[str, ...]:
        """The URLs below which references to secrets lie."""

    def drop(self, trust: Trust, secret: str, token: str = '') -> None:
        """May be repeated; also for one that has no id yet."""
