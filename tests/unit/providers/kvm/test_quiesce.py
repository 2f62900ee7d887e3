# SPDX-License-Identifier: Apache-2.0
"""A snapshot is application-consistent only if the freeze held to its end."""

import pytest

from coriolis_ng import errors
from coriolis_ng.objects.snapshot import Consistency
from coriolis_ng.providers.kvm.quiesce import Quiesced


def frozen():
    found = Quiesced()
    found.consistency = Consistency.APPLICATION
    return found


@pytest.mark.parametrize('mode', ['auto', 'require'])
def test_a_freeze_that_held(mode):
    found = frozen()
    found.ended(2, mode)
    assert found.consistency is Consistency.APPLICATION
    assert found.reason == ''


@pytest.mark.parametrize(
    ('thawed', 'reason'),
    [(0, 'thawed before the snapshot'), (None, 'did not say')],
)
def test_a_freeze_that_did_not_hold(thawed, reason):
    found = frozen()
    found.ended(thawed, 'auto')
    assert found.consistency is Consistency.CRASH
    assert reason in found.reason
    with pytest.raises(errors.Conflict, match=reason):
        frozen().ended(thawed, 'require')


@pytest.mark.parametrize('thawed', [0, None, 1])
def test_what_was_never_frozen_keeps_its_reason(thawed):
    found = Quiesced()
    found.reason = 'no guest agent'
    found.ended(thawed, 'auto')
    assert found.consistency is Consistency.CRASH
    assert found.reason == 'no guest agent'
