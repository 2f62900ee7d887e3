# SPDX-License-Identifier: Apache-2.0
"""What is done: declarations and bodies of all tasks, by class name."""

from __future__ import annotations

from coriolis_ng.engine.task import Task
from coriolis_ng.tasks.cleanup import CleanSource, CleanTarget
from coriolis_ng.tasks.copy import CopyDisks
from coriolis_ng.tasks.disks import (
    CheckGone,
    CloneVolumes,
    DropCheckpoint,
    DropPoints,
    DropVolumes,
    MakeRecoveryPoint,
    MakeVolumes,
    ReleaseVolumes,
)
from coriolis_ng.tasks.instance import (
    DropVm,
    FindAddress,
    MakeVm,
    MakeVmOfReplica,
    RestartVm,
    ShutDownVm,
    SnapshotVm,
    StartVm,
)
from coriolis_ng.tasks.inventory import GetVm, Preflight
from coriolis_ng.tasks.minions import MakeMorpher, MakeWriter
from coriolis_ng.tasks.morph import MorphVm
from coriolis_ng.tasks.pools import (
    DropMachine,
    GiveBack,
    KeepMachine,
    StopMachine,
    TakeFromPool,
    TakeToMorph,
)

TASKS: dict[str, type[Task]] = {
    kind.__name__: kind
    for kind in (
        CheckGone,
        CleanSource,
        CleanTarget,
        CloneVolumes,
        CopyDisks,
        DropCheckpoint,
        DropMachine,
        DropPoints,
        DropVm,
        DropVolumes,
        FindAddress,
        GetVm,
        GiveBack,
        KeepMachine,
        MakeMorpher,
        MakeRecoveryPoint,
        MakeVm,
        MakeVmOfReplica,
        MakeVolumes,
        MakeWriter,
        MorphVm,
        Preflight,
        ReleaseVolumes,
        RestartVm,
        ShutDownVm,
        SnapshotVm,
        StartVm,
        StopMachine,
        TakeFromPool,
        TakeToMorph,
    )
}
