# SPDX-License-Identifier: Apache-2.0
"""Full or delta, as far as it can be known without a snapshot."""

from __future__ import annotations

import pytest

from coriolis_ng.conductor.forecasts import decide
from coriolis_ng.objects.replica import Replica, ReplicaDisk
from coriolis_ng.objects.vm import Disk
from coriolis_ng.objects.volume import Volume

DISK = Disk(id='vda', size=1024)
VOLUME = Volume(id='v1', disk_id='vda', size=1024)


@pytest.mark.parametrize(
    ('disks', 'full_reason', 'mode', 'reason'),
    [
        ((), '', 'full', 'the volume is new'),
        ((ReplicaDisk(disk_id='vdb', volume=VOLUME, checkpoint='c'),), '',
         'full', 'the volume is new'),
        ((ReplicaDisk(disk_id='vda', volume=VOLUME),), '',
         'full', 'the volume never agreed with the last checkpoint'),
        ((ReplicaDisk(disk_id='vda', volume=VOLUME, checkpoint='c'),), 'torn',
         'full', 'torn'),
        ((ReplicaDisk(disk_id='vda', volume=VOLUME, checkpoint='c'),), '',
         'delta', 'what changed since c'),
    ],
)  # fmt: skip
def test_decide(
    disks: tuple[ReplicaDisk, ...], full_reason: str, mode: str, reason: str
) -> None:
    replica = Replica(
        transfer_id='t', instance='i', disks=disks, full_reason=full_reason
    )
    assert decide(replica, DISK) == (mode, reason)
