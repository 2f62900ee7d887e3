# SPDX-License-Identifier: Apache-2.0
"""What can be done with rows, one file per noun.

Every function takes the session first, gives values of the domain and never
a row, and costs a number of statements that does not depend on the data.
"""

from coriolis_ng.db.api import (
    audits,
    copies,
    deployments,
    endpoints,
    events,
    executions,
    ledger,
    metrics,
    migrations,
    minion_pools,
    owners,
    quotas,
    recovery_points,
    regions,
    replicas,
    reports,
    schedules,
    secrets,
    services,
    slots,
    starts,
    strays,
    tasks,
    transfers,
    trusts,
    turns,
)
from coriolis_ng.db.page import Page
from coriolis_ng.db.session import now

__all__ = [
    'Page',
    'audits',
    'copies',
    'deployments',
    'endpoints',
    'events',
    'executions',
    'ledger',
    'metrics',
    'migrations',
    'minion_pools',
    'now',
    'owners',
    'quotas',
    'recovery_points',
    'regions',
    'replicas',
    'reports',
    'schedules',
    'secrets',
    'services',
    'slots',
    'starts',
    'strays',
    'tasks',
    'transfers',
    'trusts',
    'turns',
]
