# SPDX-License-Identifier: Apache-2.0
"""Who may follow what happens in a project."""

from __future__ import annotations

from coriolis_ng.policies import base

LIST = 'events:list'

RULES = [
    base.rule(
        LIST,
        base.READER,
        'List events, or follow them as they come.',
        'GET /events',
    ),
]
