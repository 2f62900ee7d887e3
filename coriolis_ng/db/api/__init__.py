# SPDX-License-Identifier: Apache-2.0
"""What can be done with rows, one file per noun.

Every function takes the session first, gives values of the domain and never
a row, and costs a number of statements that does not depend on the data.
"""

from coriolis_ng.db.api import (
    deployments,
    endpoints,
    executions,
    ledger,
    minion_pools,
    recovery_points,
    regions,
    replicas,
    schedules,
    secrets,
    services,
    tasks,
    transfers,
)
from coriolis_ng.db.page import Page

__all__ = [
    'Page',
    'deployments',
    'endpoints',
    'executions',
    'ledger',
    'minion_pools',
    'recovery_points',
    'regions',
    'replicas',
    'schedules',
    'secrets',
    'services',
    'tasks',
    'transfers',
]
