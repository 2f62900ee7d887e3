# SPDX-License-Identifier: Apache-2.0
"""The conformance suite of clouds that keep worker VMs ready.

Like those of :mod:`coriolis_ng.providers.testing`: a test class derives from
it and gives a ``cloud`` fixture that fits ``TargetBed``; ``pool_options``
of the bed, if it has any, are those of a pool.

Where machines are reached over SSH there is ``PoolLoginsConformance`` too;
for that the bed has ``seconds``, which one may take to answer.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from coriolis_ng import errors
from coriolis_ng.objects.minion import Minion, MinionKeys
from coriolis_ng.objects.minion_pool import Power
from coriolis_ng.objects.resource import ResourceKind, Side
from coriolis_ng.objects.transfer import StorageMappings
from coriolis_ng.objects.volume import Volumes
from coriolis_ng.providers import pools
from coriolis_ng.providers.testing import (
    EXECUTION,
    RecordingWatch,
    TargetBed,
)
from coriolis_ng.remote import ssh
from coriolis_ng.remote.keys import make_keypair


class Keys:
    """Of the user and of the host, both halves."""

    def __init__(self) -> None:
        self.private, public = make_keypair('user')
        host, self.host_key = make_keypair()
        self.given = MinionKeys(user_key=public, host_key=host)


class _Pools:
    """What both suites need."""

    @pytest.fixture
    def keys(self) -> Keys:
        """Those of a machine that is made."""
        return Keys()

    @pytest.fixture
    def watch(self) -> RecordingWatch:
        """The watch of one task on the destination."""
        return RecordingWatch(f'coriolis:{EXECUTION}:pool', Side.TARGET)

    @pytest.fixture
    def minion(
        self, cloud: TargetBed, watch: RecordingWatch, keys: Keys
    ) -> Iterator[Minion]:
        """A machine of a pool; gone afterwards."""
        made = self._make(cloud, watch, keys)
        yield made
        pools.of(cloud.connection).drop(made)

    def _options(self, cloud: TargetBed) -> dict[str, Any]:
        options: dict[str, Any] = getattr(cloud, 'pool_options', {})
        return options

    def _make(
        self, cloud: TargetBed, watch: RecordingWatch, keys: Keys
    ) -> Minion:
        return pools.of(cloud.connection).make(
            keys.given, options=self._options(cloud), watch=watch
        )

    def _start(
        self, cloud: TargetBed, minion: Minion, watch: RecordingWatch
    ) -> Minion:
        return pools.of(cloud.connection).start(
            minion, options=self._options(cloud), watch=watch
        )


class PoolsConformance(_Pools):
    """What the conductor relies on when it lends machines."""

    def test_it_is_recorded_before_it_is_made(
        self, cloud: TargetBed, watch: RecordingWatch, minion: Minion
    ) -> None:
        """By the id that the minion has, and found by its tag."""
        recorded = [r for r in watch.resources if r.kind is ResourceKind.VM]
        assert [r.id for r in recorded] == [minion.id]
        assert cloud.connection.imports is not None
        tagged = cloud.connection.imports.list_tagged(watch.tag)
        assert minion.id in [r.id for r in tagged]
        hanging = {r.parent for r in watch.resources} - {''}
        assert hanging <= {minion.id}

    def test_made_twice_with_one_tag_it_is_one(
        self,
        cloud: TargetBed,
        watch: RecordingWatch,
        minion: Minion,
        keys: Keys,
    ) -> None:
        """A next attempt adopts it, or makes it anew under the same id."""
        assert self._make(cloud, watch, keys).id == minion.id
        imports = cloud.connection.imports
        assert imports is not None
        tagged = imports.list_tagged(watch.tag)
        vms = [r.id for r in tagged if r.kind is ResourceKind.VM]
        assert vms == [minion.id]

    def test_stopped_it_is_still_there(
        self, cloud: TargetBed, watch: RecordingWatch, minion: Minion
    ) -> None:
        """On and off may be said twice."""
        these = pools.of(cloud.connection)
        assert these.check(minion) is Power.ON
        for _ in range(2):
            these.stop(minion)
            assert these.check(minion) is Power.OFF
        these.detach(minion)
        for _ in range(2):
            assert self._start(cloud, minion, watch).id == minion.id
            assert these.check(minion) is Power.ON
        assert cloud.connection.imports is not None
        cloud.connection.imports.check_minion(minion)

    def test_volumes_come_and_go(
        self, cloud: TargetBed, watch: RecordingWatch, minion: Minion
    ) -> None:
        """And outlive the machine that had them. None stays in one that
        begins anew, or that somebody switched off."""
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
            these.renew(minion, Keys().given, options=self._options(cloud))
            these.attach(minion, volumes.items, watch=watch)
            these.stop(minion)
            these.detach(minion)
            self._start(cloud, minion, watch)
            these.attach(minion, volumes.items, watch=watch)
            these.drop(minion)
            there = {r.id for r in imports.list_tagged(made.tag)}
            assert there >= {v.id for v in volumes.items}
        finally:
            these.drop(minion)
            for resource in made.resources:
                imports.drop(resource)

    def test_what_is_gone_is_said_and_dropped_again(
        self, cloud: TargetBed, watch: RecordingWatch, minion: Minion
    ) -> None:
        """Whoever heals asks; whoever removes repeats itself."""
        these = pools.of(cloud.connection)
        these.drop(minion)
        assert these.check(minion) is None
        these.drop(minion)
        these.detach(minion)
        these.stop(minion)
        with pytest.raises(errors.NotFound):
            these.attach(minion, (), watch=watch)
        with pytest.raises(errors.NotFound):
            self._start(cloud, minion, watch)

    def test_options_can_be_chosen_from(self, cloud: TargetBed) -> None:
        """All of them, or those that were named; none for an end that needs
        no machines."""
        these = pools.of(cloud.connection)
        for side in ('source', 'destination'):
            names = [one.name for one in these.options(side, None)]
            assert len(set(names)) == len(names)
            assert [o.name for o in these.options(side, names[:1])] == names[
                :1
            ]
            assert these.options(side, ['no such option']) == []


class PoolLoginsConformance(_Pools):
    """Beside the other one, for clouds whose machines are reached over
    SSH."""

    def _run(
        self,
        cloud: TargetBed,
        minion: Minion,
        watch: RecordingWatch,
        keys: Keys,
        command: str,
    ) -> str:
        """What a command prints in it, once it answers."""
        until = time.monotonic() + float(getattr(cloud, 'seconds', 60))
        while True:
            # Its address may be another one by now.
            minion = self._start(cloud, minion, watch)
            assert minion.ssh is not None
            try:
                with ssh.wait_for_ssh(
                    minion.ssh.host,
                    minion.ssh.port,
                    minion.ssh.user,
                    keys.private,
                    keys.host_key,
                    timeout_seconds=20,
                ) as connected:
                    return connected.run(command, check=False).stdout.strip()
            except (errors.Unreachable, ssh.HostKeyMismatch):
                assert time.monotonic() < until

    def test_only_who_has_the_keys_gets_in(
        self,
        cloud: TargetBed,
        watch: RecordingWatch,
        minion: Minion,
        keys: Keys,
    ) -> None:
        """And once they are others, nothing of before is there."""
        run = partial(self._run, cloud, minion, watch)
        assert run(keys, 'touch /root/before && ls /root/before')
        other = Keys()
        pools.of(cloud.connection).renew(
            minion, other.given, options=self._options(cloud)
        )
        assert run(other, 'ls /root; hostname') != ''
        assert run(other, 'ls /root/before') == ''
        now = self._start(cloud, minion, watch)
        assert now.ssh is not None
        with pytest.raises((ssh.HostKeyMismatch, errors.AuthFailed)):
            ssh.wait_for_ssh(
                now.ssh.host,
                now.ssh.port,
                now.ssh.user,
                keys.private,
                keys.host_key,
                timeout_seconds=10,
            )
