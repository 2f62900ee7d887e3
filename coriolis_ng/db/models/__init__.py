# SPDX-License-Identifier: Apache-2.0
"""The tables. Nothing outside ``db`` sees these classes."""

from coriolis_ng.db.models.audits import Audit
from coriolis_ng.db.models.base import Base
from coriolis_ng.db.models.deployments import DeployedVm, Deployment
from coriolis_ng.db.models.endpoints import Endpoint
from coriolis_ng.db.models.events import Event
from coriolis_ng.db.models.executions import Execution
from coriolis_ng.db.models.ledger import Ledger
from coriolis_ng.db.models.minion_pools import (
    MinionMachine,
    MinionPool,
    MinionPoolEvent,
)
from coriolis_ng.db.models.quotas import Quota
from coriolis_ng.db.models.recovery_points import RecoveryPoint
from coriolis_ng.db.models.regions import Region
from coriolis_ng.db.models.replicas import Replica, ReplicaDisk
from coriolis_ng.db.models.schedules import Schedule, ScheduleRun
from coriolis_ng.db.models.secrets import Secret
from coriolis_ng.db.models.services import Incarnation, Service
from coriolis_ng.db.models.slots import Scope, Slots
from coriolis_ng.db.models.tasks import Task, TaskNote, TaskProgress
from coriolis_ng.db.models.transfers import Transfer
from coriolis_ng.db.models.trusts import Trust

__all__ = [
    'Audit',
    'Base',
    'DeployedVm',
    'Deployment',
    'Endpoint',
    'Event',
    'Execution',
    'Incarnation',
    'Ledger',
    'MinionMachine',
    'MinionPool',
    'MinionPoolEvent',
    'Quota',
    'RecoveryPoint',
    'Region',
    'Replica',
    'ReplicaDisk',
    'Schedule',
    'ScheduleRun',
    'Scope',
    'Secret',
    'Service',
    'Slots',
    'Task',
    'TaskNote',
    'TaskProgress',
    'Transfer',
    'Trust',
]
