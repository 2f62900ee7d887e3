# SPDX-License-Identifier: Apache-2.0
"""Who may use migrations, the older word for a transfer with its deployment.

What a request does is also checked by the rules of ``transfers``,
``executions`` and ``deployments``: these here can only forbid more.
"""

from __future__ import annotations

from coriolis_ng.policies import base

LIST = 'migrations:list'
SHOW = 'migrations:show'
CREATE = 'migrations:create'
DELETE = 'migrations:delete'
CANCEL = 'migrations:cancel'

RULES = [
    base.rule(
        LIST,
        base.READER,
        'List migrations.',
        'GET /migrations',
        'GET /migrations/detail',
    ),
    base.rule(
        SHOW,
        base.READER,
        'Show a migration.',
        'GET /migrations/{migration_id}',
    ),
    base.rule(
        CREATE,
        base.MEMBER,
        'Create and start a migration.',
        'POST /migrations',
    ),
    base.rule(
        DELETE,
        base.MEMBER,
        'Delete a migration and what it left but the machines.',
        'DELETE /migrations/{migration_id}',
    ),
    base.rule(
        CANCEL,
        base.MEMBER,
        'Ask a migration to stop.',
        'POST /migrations/{migration_id}/actions',
        'POST /migrations/{migration_id}/action',
    ),
]
