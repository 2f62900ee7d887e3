# SPDX-License-Identifier: Apache-2.0
"""Who may use the endpoints of a project."""

from __future__ import annotations

from coriolis_ng.policies import base

LIST = 'endpoints:list'
SHOW = 'endpoints:show'
CREATE = 'endpoints:create'
UPDATE = 'endpoints:update'
DELETE = 'endpoints:delete'
VALIDATE = 'endpoints:validate'
BROWSE = 'endpoints:browse'

RULES = [
    base.rule(
        LIST,
        base.READER,
        'List endpoints.',
        'GET /endpoints',
    ),
    base.rule(
        SHOW,
        base.READER,
        'Show an endpoint; its credentials are masked.',
        'GET /endpoints/{endpoint_id}',
    ),
    base.rule(
        CREATE,
        base.MEMBER,
        'Create an endpoint.',
        'POST /endpoints',
    ),
    base.rule(
        UPDATE,
        base.MEMBER,
        'Change an endpoint.',
        'PUT /endpoints/{endpoint_id}',
    ),
    base.rule(
        DELETE,
        base.MEMBER,
        'Delete an endpoint.',
        'DELETE /endpoints/{endpoint_id}',
    ),
    base.rule(
        VALIDATE,
        base.MEMBER,
        'Try the credentials of an endpoint.',
        'POST /endpoints/{endpoint_id}/actions',
    ),
    base.rule(
        BROWSE,
        base.READER,
        'Look into the cloud behind an endpoint.',
        'GET /endpoints/{endpoint_id}/instances',
        'GET /endpoints/{endpoint_id}/instances/{instance}',
        'GET /endpoints/{endpoint_id}/inventory',
        'GET /endpoints/{endpoint_id}/networks',
        'GET /endpoints/{endpoint_id}/storage',
        'GET /endpoints/{endpoint_id}/source-options',
        'GET /endpoints/{endpoint_id}/destination-options',
        'GET /endpoints/{endpoint_id}/source-minion-pool-options',
        'GET /endpoints/{endpoint_id}/destination-minion-pool-options',
    ),
]
