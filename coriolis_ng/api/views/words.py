# SPDX-License-Identifier: Apache-2.0
"""The public words of states, kinds of tasks and times."""

from __future__ import annotations

import datetime
import re
from typing import NamedTuple

from coriolis_ng.objects.execution import Cancel, Execution, ExecutionState

_EXECUTION = {
    ExecutionState.RUNNING: 'RUNNING',
    ExecutionState.DONE: 'COMPLETED',
    ExecutionState.FAILED: 'ERROR',
    ExecutionState.CANCELED: 'CANCELED',
}
_STATES = {word: state for state, word in _EXECUTION.items()}

# Where the known system has a word for the same step, clients know it.
_TASKS = {
    'GetVm': 'GET_INSTANCE_INFO',
    'Preflight': 'VALIDATE_TRANSFER_INPUTS',
    'MakeVolumes': 'DEPLOY_TRANSFER_DISKS',
    'SnapshotVm': 'CREATE_SOURCE_SNAPSHOT',
    'MakeWriter': 'DEPLOY_TRANSFER_TARGET_RESOURCES',
    'CopyDisks': 'REPLICATE_DISKS',
    'MakeRecoveryPoint': 'CREATE_RECOVERY_POINT',
    'CleanSource': 'DELETE_TRANSFER_SOURCE_RESOURCES',
    'CleanTarget': 'DELETE_TRANSFER_TARGET_RESOURCES',
    'ShutDownVm': 'SHUTDOWN_INSTANCE',
    'DropPoints': 'DELETE_RECOVERY_POINTS',
    'CheckGone': 'CHECK_RECOVERY_POINTS_DELETED',
    'DropVolumes': 'DELETE_TRANSFER_DISKS',
    'DropCheckpoint': 'DELETE_TRANSFER_SOURCE_DISK_SNAPSHOTS',
    'CloneVolumes': 'CLONE_TRANSFER_DISKS',
    'ReleaseVolumes': 'RELEASE_TRANSFER_DISKS',
    'MakeMorpher': 'DEPLOY_OS_MORPHING_RESOURCES',
    'MorphVm': 'OS_MORPHING',
    'MakeVm': 'FINALIZE_INSTANCE_DEPLOYMENT',
    'RestartVm': 'START_INSTANCE',
    'StartVm': 'START_INSTANCE',
    'MakeVmOfReplica': 'FINALIZE_INSTANCE_DEPLOYMENT',
}


def status(execution: Execution) -> str:
    """The status of an execution."""
    if (
        execution.state is ExecutionState.RUNNING
        and execution.cancel is not Cancel.NO
    ):
        return 'CANCELLING'
    return _EXECUTION[execution.state]


def last_status(state: str | None, cancelling: bool = False) -> str:
    """The status of what has executions, from the state of its last."""
    if cancelling and state == ExecutionState.RUNNING:
        return 'CANCELLING'
    return _EXECUTION[ExecutionState(state)] if state else 'UNEXECUTED'


class Wanted(NamedTuple):
    """What a status word filters by: a state (None for UNEXECUTED), and
    whether it is being cancelled (None: that does not matter)."""

    state: str | None
    cancelling: bool | None = None


def wanted(word: str) -> Wanted:
    """Of a word that nothing is ever in, a state that no row has."""
    if word in {'RUNNING', 'CANCELLING'}:
        return Wanted(ExecutionState.RUNNING, word == 'CANCELLING')
    if word == 'UNEXECUTED':
        return Wanted(None)
    return Wanted(_STATES.get(word, word))


def task_type(name: str) -> str:
    """``CopyDisks`` as clients call it, else ``COPY_DISKS``."""
    spelled = re.sub(r'(?<=[a-z0-9])(?=[A-Z])', '_', name).upper()
    return _TASKS.get(name, spelled)


def time(value: datetime.datetime | None) -> str | None:
    """``2026-11-20T10:00:00.000000``, in UTC and without a zone."""
    if value is None:
        return None
    if value.tzinfo is not None:
        value = value.astimezone(datetime.UTC)
    return value.strftime('%Y-%m-%dT%H:%M:%S.%f')


def size(count: float) -> str:
    """Bytes for people: ``1.2 GiB``."""
    for unit in ('B', 'KiB', 'MiB', 'GiB'):
        if count < 1024:
            return (
                f'{count:.0f} {unit}'
                if unit == 'B'
                else (f'{count:.1f} {unit}')
            )
        count /= 1024
    return f'{count:.1f} TiB'


def duration(seconds: float) -> str:
    """Seconds for people: ``9 s``, ``3 min 5 s``, ``2 h 10 min``."""
    whole = round(seconds)
    if whole < 60:
        return f'{whole} s'
    if whole < 3600:
        return f'{whole // 60} min {whole % 60} s'
    return f'{whole // 3600} h {whole % 3600 // 60} min'
