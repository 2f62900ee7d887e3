# SPDX-License-Identifier: Apache-2.0
"""Who asks: the identity that goes with a request to its end."""

from __future__ import annotations

from typing import Any

from oslo_context import context


class Context(context.RequestContext):
    """The caller, made from the headers that an ``auth`` filter set."""

    def to_rpc(self) -> dict[str, Any]:
        """What goes to the conductor: ``project_id``, ``user_id``,
        ``roles``, ``request_id``, and ``token``, which the bus's client
        seals or leaves out."""
        return {
            'project_id': self.project_id,
            'user_id': self.user_id,
            'roles': list(self.roles),
            'request_id': self.request_id,
            'token': self.auth_token,
        }
