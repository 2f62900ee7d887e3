# SPDX-License-Identifier: Apache-2.0
"""Who may see and set the quotas of projects."""

from __future__ import annotations

from coriolis_ng.policies import base

LIST = 'quotas:list'
SHOW = 'quotas:show'
UPDATE = 'quotas:update'

RULES = [
    base.rule(
        LIST,
        base.READER,
        "Show the project's own quotas.",
        'GET /quotas',
    ),
    base.rule(
        SHOW,
        base.ADMIN,
        'Show the quotas of any project.',
        'GET /quotas/{quota_project_id}',
    ),
    base.rule(
        UPDATE,
        base.ADMIN,
        'Set the quotas of any project.',
        'PUT /quotas/{quota_project_id}',
        'DELETE /quotas/{quota_project_id}',
    ),
]
