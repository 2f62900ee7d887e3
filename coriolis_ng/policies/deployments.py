# SPDX-License-Identifier: Apache-2.0
"""Who may make machines from transfers."""

from __future__ import annotations

from coriolis_ng.policies import base

LIST = 'deployments:list'
SHOW = 'deployments:show'
CREATE = 'deployments:create'
PLAN = 'deployments:plan'
DELETE = 'deployments:delete'
CANCEL = 'deployments:cancel'
FORCE_CANCEL = 'deployments:force_cancel'

RULES = [
    base.rule(
        LIST,
        base.READER,
        'List deployments.',
        'GET /deployments',
        'GET /deployments/detail',
    ),
    base.rule(
        SHOW,
        base.READER,
        'Show a deployment.',
        'GET /deployments/{deployment_id}',
    ),
    base.rule(
        CREATE,
        base.MEMBER,
        'Create a deployment.',
        'POST /deployments',
    ),
    base.rule(
        PLAN,
        base.MEMBER,
        'Tell what a deployment would do.',
        'POST /deployments/plan',
        'POST /deployments/{deployment_id}/actions',
    ),
    base.rule(
        DELETE,
        base.MEMBER,
        'Delete a deployment.',
        'DELETE /deployments/{deployment_id}',
    ),
    base.rule(
        CANCEL,
        base.MEMBER,
        'Ask a deployment to stop.',
        'POST /deployments/{deployment_id}/actions',
    ),
    base.rule(
        FORCE_CANCEL,
        base.MEMBER,
        'Kill a deployment.',
        'POST /deployments/{deployment_id}/actions',
    ),
]
