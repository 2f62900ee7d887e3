# SPDX-License-Identifier: Apache-2.0
"""Who may keep worker VMs ready."""

from __future__ import annotations

from coriolis_ng.policies import base

LIST = 'minion_pools:list'
SHOW = 'minion_pools:show'
CREATE = 'minion_pools:create'
UPDATE = 'minion_pools:update'
DELETE = 'minion_pools:delete'
ALLOCATE = 'minion_pools:allocate'
REFRESH = 'minion_pools:refresh'
DEALLOCATE = 'minion_pools:deallocate'

_ACT = 'POST /minion_pools/{minion_pool_id}/actions'

RULES = [
    base.rule(LIST, base.READER, 'List minion pools.', 'GET /minion_pools'),
    base.rule(
        SHOW,
        base.READER,
        'Show a minion pool with its machines.',
        'GET /minion_pools/{minion_pool_id}',
    ),
    base.rule(
        CREATE, base.MANAGER, 'Create a minion pool.', 'POST /minion_pools'
    ),
    base.rule(
        UPDATE,
        base.MANAGER,
        'Change a minion pool.',
        'PUT /minion_pools/{minion_pool_id}',
    ),
    base.rule(
        DELETE,
        base.MANAGER,
        'Delete a minion pool.',
        'DELETE /minion_pools/{minion_pool_id}',
    ),
    base.rule(ALLOCATE, base.MANAGER, 'Make the machines of a pool.', _ACT),
    base.rule(
        REFRESH, base.MANAGER, 'Look after the machines of a pool.', _ACT
    ),
    base.rule(
        DEALLOCATE, base.MANAGER, 'Remove the machines of a pool.', _ACT
    ),
]
