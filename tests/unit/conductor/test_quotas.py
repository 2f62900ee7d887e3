# SPDX-License-Identifier: Apache-2.0
"""A change of limits that is bound to what its author saw."""

from __future__ import annotations

import pytest

from coriolis_ng import errors
from coriolis_ng.conductor import quotas
from coriolis_ng.objects.quota import tag
from tests.unit.conductor.conftest import Site


def test_limits_are_not_changed_that_somebody_else_changed(
    site: Site,
) -> None:
    parts = site.parts
    first = tag(quotas.show(parts, 'p'))
    made = quotas.update(parts, 'p', {'executions': 3}, first)
    assert [one.limit for one in made] == [3, -1]
    assert tag(made) == tag(quotas.show(parts, 'p')) != first
    with pytest.raises(errors.PreconditionFailed):
        quotas.update(parts, 'p', {'executions': 4}, first)
    assert [one.limit for one in quotas.show(parts, 'p')] == [3, -1]
    made = quotas.update(parts, 'p', {'executions': None}, tag(made))
    assert tag(made) == first
