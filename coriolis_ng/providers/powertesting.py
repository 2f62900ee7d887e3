# SPDX-License-Identifier: Apache-2.0
"""The conformance suite of sources that shut machines down and start them
again; see ``providers.testing``."""

from __future__ import annotations

from typing import Protocol

import pytest

from coriolis_ng import errors
from coriolis_ng.objects.resource import Side
from coriolis_ng.objects.vm import Power
from coriolis_ng.providers.testing import (
    EXECUTION,
    RecordingWatch,
    SourceBed,
)


class _StoppedSoon(RecordingWatch):
    """Of a task that is cancelled at its second look."""

    looks = 0

    def stop_if_asked(self) -> None:
        """Raises ``Canceled`` from the second time on."""
        self.looks += 1
        if self.looks > 1:
            raise errors.Canceled('The task was stopped.')


class SlowBed(SourceBed, Protocol):
    """A source whose guest takes its time to shut down."""

    def slow_stop(self, seconds: float) -> None:
        """From now on it goes off that long after it was asked."""


class PowerConformance:
    """A cloud that shuts its machines down and starts them again."""

    def test_one_that_is_about_to_go_off_is_on_in_the_end(
        self, cloud: SlowBed
    ) -> None:
        """Whoever asked it was cancelled, and it still looked on."""
        cloud.slow_stop(4)
        vm = cloud.connection.inventory.get_vm(cloud.vm_name)
        exports = cloud.connection.exports
        watch = RecordingWatch(f'coriolis:{EXECUTION}:src', Side.SOURCE)
        with pytest.raises(errors.Canceled):
            exports.shut_down(
                vm, watch=_StoppedSoon(watch.tag, Side.SOURCE), grace_seconds=9
            )
        before = cloud.connection.inventory.get_vm(cloud.vm_name)
        assert before.power is Power.ON
        assert exports.start_up(vm, watch=watch, grace_seconds=60) is True
        found = cloud.connection.inventory.get_vm(cloud.vm_name)
        assert found.power is Power.ON

    def test_one_that_never_goes_off_is_not_said_to_be_started(
        self, cloud: SlowBed
    ) -> None:
        """The answer is no."""
        vm = cloud.connection.inventory.get_vm(cloud.vm_name)
        watch = RecordingWatch(f'coriolis:{EXECUTION}:src', Side.SOURCE)
        exports = cloud.connection.exports
        assert exports.start_up(vm, watch=watch, grace_seconds=0) is False

    def test_one_that_does_not_listen_is_pulled(self, cloud: SlowBed) -> None:
        """After the grace, with a note."""
        cloud.slow_stop(3600)
        vm = cloud.connection.inventory.get_vm(cloud.vm_name)
        watch = RecordingWatch(f'coriolis:{EXECUTION}:src', Side.SOURCE)
        exports = cloud.connection.exports
        exports.shut_down(vm, watch=watch, grace_seconds=1)
        found = cloud.connection.inventory.get_vm(cloud.vm_name)
        assert found.power is Power.OFF
        assert len(watch.notes) == 1
        assert exports.start_up(vm, watch=watch, grace_seconds=1) is True
