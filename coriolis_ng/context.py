# SPDX-License-Identifier: Apache-2.0
"""Who asks: the identity that goes with a request to its end."""

from __future__ import annotations

from typing import Any

from oslo_context import context


class Context(context.RequestContext):
    """The caller, made from the headers that an ``auth`` filter set."""

    def to_rpc(self) -> dict[str, Any]:
        """What crosses the bus: who, never a token.

        ``project_id``, ``user_id``, ``roles`` and ``request_id``.
        """
        return {
            'project_id': self.project_id,
            'user_id': self.user_id,
            'roles': list(self.roles),
            'request_id': self.request_id,
        }
