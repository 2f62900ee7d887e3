# SPDX-License-Identifier: Apache-2.0
"""The contract of a secret store."""

from __future__ import annotations

from typing import Protocol


class SecretStore(Protocol):
    """Keeps small payloads (64 KiB at most) under references.

    ``put`` is durable when it returns; ``get`` raises ``NotFound``;
    ``drop`` may be called any number of times. Payloads are never logged.
    """

    def put(self, payload: bytes, *, project_id: str) -> str:
        """Stores and returns a reference that tells nothing."""

    def get(self, ref: str, *, project_id: str) -> bytes:
        """The payload; ``NotFound`` for another project's."""

    def drop(self, ref: str, *, project_id: str) -> None:
        """Removes it; silent when it is gone."""
