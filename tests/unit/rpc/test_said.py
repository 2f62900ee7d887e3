# SPDX-License-Identifier: Apache-2.0
"""What is left open in a request is left out on the bus."""

from __future__ import annotations

from coriolis_ng.objects import from_plain
from coriolis_ng.objects.execution import ExecutionSpec
from coriolis_ng.rpc.quotas import said


def test_what_was_not_said_is_not_told() -> None:
    spec = ExecutionSpec(auto_deploy=False)
    plain = said(spec)
    assert 'shutdown_instances' not in plain
    assert plain['auto_deploy'] is False
    assert from_plain(ExecutionSpec, plain) == spec
