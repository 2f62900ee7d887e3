# SPDX-License-Identifier: Apache-2.0
"""Who may look at what was left in clouds, and remove it."""

from __future__ import annotations

from coriolis_ng.policies import base

LIST = 'strays:list'
SHOW = 'strays:show'
DELETE = 'strays:delete'

RULES = [
    base.rule(
        LIST,
        base.READER,
        'List what was left in clouds.',
        'GET /strays',
    ),
    base.rule(
        SHOW,
        base.READER,
        'Show what was left in a cloud.',
        'GET /strays/{stray_id}',
    ),
    base.rule(
        DELETE,
        base.MANAGER,
        'Remove what was left in a cloud, or forget it.',
        'DELETE /strays/{stray_id}',
    ),
]
