# SPDX-License-Identifier: Apache-2.0
"""Who may use the transfers of a project."""

from __future__ import annotations

from coriolis_ng.policies import base

LIST = 'transfers:list'
SHOW = 'transfers:show'
CREATE = 'transfers:create'
UPDATE = 'transfers:update'
DELETE = 'transfers:delete'
DELETE_DISKS = 'transfers:delete_disks'
PREFLIGHT = 'transfers:preflight'
PLAN = 'transfers:plan'

RULES = [
    base.rule(
        LIST,
        base.READER,
        'List transfers.',
        'GET /transfers',
        'GET /transfers/detail',
    ),
    base.rule(
        SHOW,
        base.READER,
        'Show a transfer.',
        'GET /transfers/{transfer_id}',
    ),
    base.rule(
        CREATE,
        base.MEMBER,
        'Create a transfer.',
        'POST /transfers',
    ),
    base.rule(
        UPDATE,
        base.MEMBER,
        'Change a transfer.',
        'PUT /transfers/{transfer_id}',
    ),
    base.rule(
        DELETE,
        base.MEMBER,
        'Delete a transfer.',
        'DELETE /transfers/{transfer_id}',
    ),
    base.rule(
        DELETE_DISKS,
        base.MANAGER,
        'Delete what a transfer keeps on the destination.',
        'POST /transfers/{transfer_id}/actions',
    ),
    base.rule(
        PREFLIGHT,
        base.MEMBER,
        'Look for what would fail.',
        'POST /transfers/{transfer_id}/actions',
    ),
    base.rule(
        PLAN,
        base.MEMBER,
        'Tell what an execution would do.',
        'POST /transfers/{transfer_id}/actions',
    ),
]
