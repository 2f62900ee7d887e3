# SPDX-License-Identifier: Apache-2.0
"""Who may run transfers."""

from __future__ import annotations

from coriolis_ng.policies import base

LIST = 'executions:list'
SHOW = 'executions:show'
CREATE = 'executions:create'
DELETE = 'executions:delete'
CANCEL = 'executions:cancel'
FORCE_CANCEL = 'executions:force_cancel'

RULES = [
    base.rule(
        LIST,
        base.READER,
        'List the executions of a transfer.',
        'GET /transfers/{transfer_id}/executions',
        'GET /transfers/{transfer_id}/executions/detail',
    ),
    base.rule(
        SHOW,
        base.READER,
        'Show an execution with its tasks.',
        'GET /transfers/{transfer_id}/executions/{execution_id}',
    ),
    base.rule(
        CREATE,
        base.MEMBER,
        'Execute a transfer.',
        'POST /transfers/{transfer_id}/executions',
        'POST /transfers/{transfer_id}/executions/{execution_id}/actions',
    ),
    base.rule(
        DELETE,
        base.MEMBER,
        'Delete the record of an execution.',
        'DELETE /transfers/{transfer_id}/executions/{execution_id}',
    ),
    base.rule(
        CANCEL,
        base.MEMBER,
        'Ask an execution to stop.',
        'POST /transfers/{transfer_id}/executions/{execution_id}/actions',
    ),
    base.rule(
        FORCE_CANCEL,
        base.MEMBER,
        'Kill an execution.',
        'POST /transfers/{transfer_id}/executions/{execution_id}/actions',
    ),
]
