# SPDX-License-Identifier: Apache-2.0
"""Who may use regions, which belong to no project."""

from __future__ import annotations

from coriolis_ng.policies import base

LIST = 'regions:list'
SHOW = 'regions:show'
CREATE = 'regions:create'
UPDATE = 'regions:update'
DELETE = 'regions:delete'

RULES = [
    base.rule(
        LIST,
        base.READER,
        'List regions, with the endpoints of the own project.',
        'GET /regions',
    ),
    base.rule(
        SHOW,
        base.READER,
        'Show a region.',
        'GET /regions/{region_id}',
    ),
    base.rule(
        CREATE,
        base.ADMIN,
        'Create a region.',
        'POST /regions',
    ),
    base.rule(
        UPDATE,
        base.ADMIN,
        'Change a region.',
        'PUT /regions/{region_id}',
    ),
    base.rule(
        DELETE,
        base.ADMIN,
        'Delete a region.',
        'DELETE /regions/{region_id}',
    ),
]
