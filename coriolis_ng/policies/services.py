# SPDX-License-Identifier: Apache-2.0
"""Who may look at this service's own processes."""

from __future__ import annotations

from coriolis_ng.policies import base

LIST = 'services:list'
SHOW = 'services:show'
CREATE = 'services:create'
UPDATE = 'services:update'
DELETE = 'services:delete'

RULES = [
    base.rule(
        LIST,
        base.ADMIN_OR_SERVICE,
        'List services.',
        'GET /services',
    ),
    base.rule(
        SHOW,
        base.ADMIN_OR_SERVICE,
        'Show a service.',
        'GET /services/{service_id}',
    ),
    base.rule(
        UPDATE,
        base.ADMIN,
        'Take a service in or out of use.',
        'PUT /services/{service_id}',
    ),
    base.rule(
        CREATE,
        base.ADMIN,
        'Say how a service is used.',
        'POST /services',
    ),
    base.rule(
        DELETE,
        base.ADMIN,
        'Forget a service that is gone.',
        'DELETE /services/{service_id}',
    ),
]
