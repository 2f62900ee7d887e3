# SPDX-License-Identifier: Apache-2.0
"""Who may use recovery points."""

from __future__ import annotations

from coriolis_ng.policies import base

LIST = 'recovery_points:list'
SHOW = 'recovery_points:show'
DELETE = 'recovery_points:delete'
PIN = 'recovery_points:pin'

RULES = [
    base.rule(
        LIST,
        base.READER,
        'List recovery points.',
        'GET /recovery_points',
        'GET /transfers/{transfer_id}/recovery_points',
    ),
    base.rule(
        SHOW,
        base.READER,
        'Show a recovery point.',
        'GET /recovery_points/{recovery_point_id}',
    ),
    base.rule(
        DELETE,
        base.MANAGER,
        'Delete a recovery point.',
        'DELETE /recovery_points/{recovery_point_id}',
    ),
    base.rule(
        PIN,
        base.MEMBER,
        'Keep a recovery point, or stop keeping it.',
        'POST /recovery_points/{recovery_point_id}/actions',
    ),
]
