# SPDX-License-Identifier: Apache-2.0
"""Where limits come from."""

from __future__ import annotations

from collections.abc import Sequence

from coriolis_ng.conductor.limits import KeystoneLimits, LocalLimits
from coriolis_ng.objects.quota import QuotaResource

EXECUTIONS = QuotaResource.EXECUTIONS
INSTANCES = QuotaResource.INSTANCES


class Keystone:
    """Answers as oslo.limit's enforcer does."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.limit = 5

    def fetch(
        self, project_id: str, names: Sequence[str]
    ) -> list[tuple[str, int]]:
        self.asked.append(project_id)
        return [(name, self.limit) for name in names if name == EXECUTIONS]


def test_nothing_is_limited_unless_the_configuration_says_so() -> None:
    assert LocalLimits().ask('p') == {EXECUTIONS: -1, INSTANCES: -1}
    limits = LocalLimits({EXECUTIONS: 3})
    assert limits.ask('p') == {EXECUTIONS: 3, INSTANCES: -1}


def test_what_is_not_registered_in_keystone_is_not_allowed() -> None:
    limits = KeystoneLimits(Keystone().fetch)
    assert limits.ask('p') == {EXECUTIONS: 5, INSTANCES: 0}


def test_keystone_is_asked_once_in_a_while_for_each_project() -> None:
    keystone = Keystone()
    limits = KeystoneLimits(keystone.fetch, keep_seconds=1000)
    limits.ask('p')
    limits.ask('p')
    limits.ask('q')
    assert keystone.asked == ['p', 'q']
    keystone.limit = 9
    assert limits.ask('p')[EXECUTIONS] == 5
    impatient = KeystoneLimits(keystone.fetch, keep_seconds=0)
    impatient.ask('p')
    assert impatient.ask('p')[EXECUTIONS] == 9
    assert keystone.asked == ['p', 'q', 'p', 'p']
