# SPDX-License-Identifier: Apache-2.0
"""Which recovery points a transfer's execution drops."""

from __future__ import annotations

import datetime
from typing import Any

from coriolis_ng.objects.recovery_point import RecoveryPoint
from coriolis_ng.objects.replica import Replica
from coriolis_ng.objects.transfer import Transfer, TransferSpec
from coriolis_ng.objects.vm import Vm
from coriolis_ng.recipes.transfer import expired

NOON = datetime.datetime(2026, 3, 4, 12, tzinfo=datetime.UTC)


def transfer(**spec: int) -> Transfer:
    wanted = TransferSpec(
        origin_endpoint_id='o',
        destination_endpoint_id='d',
        instances=('web',),
        **spec,  # type: ignore[arg-type]
    )
    return Transfer(id='t', project_id='p', user_id='u', spec=wanted)


def points(count: int, **more: dict[int, Any]) -> tuple[RecoveryPoint, ...]:
    """One an hour, the newest (whose id is 0) first."""
    return tuple(
        RecoveryPoint(
            id=str(n),
            transfer_id='t',
            instance='web',
            execution_id='e',
            created_at=NOON - datetime.timedelta(hours=n),
            vm=Vm(id='web', name='web', cpus=1, memory=1),
            disks=(),
            **{name: given.get(n, False) for name, given in more.items()},
        )
        for n in range(count)
    )


def dropped(given: Transfer, *several: RecoveryPoint, made: int = 1) -> str:
    replica = Replica(transfer_id='t', instance='web', points=several)
    return ' '.join(p.id for p in expired(given, replica, made))


def test_the_new_one_counts() -> None:
    assert dropped(transfer(keep_points=3), *points(5)) == '2 3 4'
    assert dropped(transfer(keep_points=3), *points(2)) == ''
    assert dropped(transfer(keep_points=3), *points(5), made=2) == '1 2 3 4'
    assert dropped(transfer(keep_points=1), *points(2)) == '0 1'
    assert dropped(transfer(keep_points=1), *points(2), made=3) == '0 1'


def test_days_are_kept_beside_the_last() -> None:
    # 13 hours before noon is 23:00 of the day before.
    given = transfer(keep_points=2, keep_daily=2)
    gone = dropped(given, *points(20)).split()
    assert sorted({str(n) for n in range(20)} - {*gone}, key=int) == [
        '0',
        '13',
    ]


def test_what_is_pinned_neither_goes_nor_counts() -> None:
    pinned = points(4, pinned={0: True, 3: True})
    assert dropped(transfer(keep_points=2), *pinned) == '2'


def test_what_is_going_is_tried_again_and_keeps_nobody() -> None:
    several = points(3, going={0: True})
    assert dropped(transfer(keep_points=2), *several) == '0 2'
