# SPDX-License-Identifier: Apache-2.0
"""The conformance suite of clouds that keep worker VMs ready.

Like those of :mod:`coriolis_ng.providers.testing`: a test class derives from
it and gives a ``cloud`` fixture that fits ``TargetBed``; ``pool_options``
of the bed, if it has any, are those of a pool.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from coriolis_ng.objects.minion import Minion
from coriolis_ng.objects.resource import ResourceKind, Side
from coriolis_ng.objects.transfer import StorageMappings
from coriolis_ng.objects.volume import Volumes
from coriolis_ng.providers import pools
from coriolis_ng.providers.testing import (
    EXECUTION,
    RecordingWatch,
    TargetBed,
)


class PoolsConformance:
    """What the conductor relies on when it lends machines."""

    @pytest.fixture
    def watch(self) -> RecordingWatch:
        """The watch of one task on the destination."""
        return RecordingWatch(f'coriolis:{EXECUTION}:pool', Side.TARGET)

    @pytest.fixture
    def minion(
        self, cloud: TargetBed, watch: RecordingWatch
    ) -> Iterator[Minion]:
        """A machine of a pool; gone afterwards."""
        made = self._make(cloud, watch)
        yield made
        pools.of(cloud.connection).drop(made)

    def _make(self, cloud: TargetBed, watch: RecordingWatch) -> Minion:
        options: dict[str, Any] = getattr(cloud, 'pool_options', {})
        return pools.of(cloud.connection).make(options=options, watch=watch)

    def test_it_is_recorded_before_it_is_made(
        self, cloud: TargetBed, watch: RecordingWatch, minion: Minion
    ) -> None:
        """By the id that the minion has, and found by its tag."""
        recorded = [r for r in watch.resources if r.kind is ResourceKind.VM]
        assert [r.id for r in recorded] == [minion.id]
        assert cloud.connection.imports is not None
        tagged = cloud.connection.imports.list_tagged(watch.tag)
        assert minion.id in [r.id for r in tagged]

    def test_made_twice_with_one_tag_it_is_one(
        self, cloud: TargetBed, watch: RecordingWatch, minion: Minion
    ) -> None:
        """A next attempt adopts it."""
        assert self._make(cloud, watch) == minion

    def test_stopped_it_is_still_there(
        self, cloud: TargetBed, minion: Minion
    ) -> None:
        """On and off may be said twice."""
        these = pools.of(cloud.connection)
        for act in (these.stop, these.stop, these.start, these.start):
            act(minion)
            assert these.check(minion)
        assert cloud.connection.imports is not None
        cloud.connection.imports.check_minion(minion)

    def test_volumes_come_and_go(
        self, cloud: TargetBed, watch: RecordingWatch, minion: Minion
    ) -> None:
        """And outlive the machine that had them."""
        these, imports = pools.of(cloud.connection), cloud.connection.imports
        assert imports is not None
        made = RecordingWatch(f'coriolis:{EXECUTION}:vols', Side.TARGET)
        volumes = imports.make_volumes(
            cloud.vm,
            Volumes(),
            StorageMappings(),
            options=cloud.options,
            watch=made,
        )
        try:
            for _ in range(2):
                lent = these.attach(minion, volumes.items, watch=watch)
                assert lent.id == minion.id
                assert set(lent.disks) == {v.disk_id for v in volumes.items}
            # No others than the last that were said.
            lent = these.attach(minion, volumes.items[:1], watch=watch)
            assert set(lent.disks) == {volumes.items[0].disk_id}
            these.detach(minion)
            these.detach(minion)
            these.attach(minion, volumes.items, watch=watch)
            these.drop(minion)
            there = {r.id for r in imports.list_tagged(made.tag)}
            assert there >= {v.id for v in volumes.items}
        finally:
            these.drop(minion)
            for resource in made.resources:
                imports.drop(resource)

    def test_what_is_gone_is_said_and_dropped_again(
        self, cloud: TargetBed, minion: Minion
    ) -> None:
        """Whoever heals asks; whoever removes repeats itself."""
        these = pools.of(cloud.connection)
        these.drop(minion)
        assert not these.check(minion)
        these.drop(minion)
        these.detach(minion)

    def test_options_can_be_chosen_from(self, cloud: TargetBed) -> None:
        """All of them, or those that were named."""
        these = pools.of(cloud.connection)
        for side in ('source', 'destination'):
            names = [one.name for one in these.options(side, None)]
            assert len(set(names)) == len(names)
            assert [o.name for o in these.options(side, names[:1])] == names[
                :1
            ]
            assert these.options(side, ['no such option']) == []
