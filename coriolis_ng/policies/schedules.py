# SPDX-License-Identifier: Apache-2.0
"""Who may say when transfers are executed by themselves."""

from __future__ import annotations

from coriolis_ng.policies import base

LIST = 'schedules:list'
SHOW = 'schedules:show'
CREATE = 'schedules:create'
UPDATE = 'schedules:update'
DELETE = 'schedules:delete'

RULES = [
    base.rule(
        LIST,
        base.READER,
        'List the schedules of a transfer.',
        'GET /transfers/{transfer_id}/schedules',
        'GET /replicas/{replica_id}/schedules',
    ),
    base.rule(
        SHOW,
        base.READER,
        'Show a schedule.',
        'GET /transfers/{transfer_id}/schedules/{schedule_id}',
        'GET /replicas/{replica_id}/schedules/{schedule_id}',
    ),
    base.rule(
        CREATE,
        base.MEMBER,
        'Create a schedule.',
        'POST /transfers/{transfer_id}/schedules',
        'POST /replicas/{replica_id}/schedules',
    ),
    base.rule(
        UPDATE,
        base.MEMBER,
        'Change a schedule.',
        'PUT /transfers/{transfer_id}/schedules/{schedule_id}',
        'PUT /replicas/{replica_id}/schedules/{schedule_id}',
    ),
    base.rule(
        DELETE,
        base.MEMBER,
        'Delete a schedule.',
        'DELETE /transfers/{transfer_id}/schedules/{schedule_id}',
        'DELETE /replicas/{replica_id}/schedules/{schedule_id}',
    ),
]
