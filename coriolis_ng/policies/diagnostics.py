# SPDX-License-Identifier: Apache-2.0
"""Who may see what the service runs on."""

from __future__ import annotations

from coriolis_ng.policies import base

GET = 'diagnostics:get'

RULES = [
    base.rule(
        GET,
        base.ADMIN,
        'Show diagnostics.',
        'GET /diagnostics',
    ),
]
