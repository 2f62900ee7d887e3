# SPDX-License-Identifier: Apache-2.0
"""Every stage on fixture trees; see ``coriolis_ng/morphing/testing.py``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from coriolis_ng.morphing import testing
from coriolis_ng.morphing.stages import STAGES, Stage

HERE = Path(__file__).parent
CASES = sorted(path.parent for path in HERE.glob('*/case.json'))


@pytest.mark.parametrize('case', CASES, ids=lambda case: case.name)
def test_case(case: Path) -> None:
    testing.check_case(case)


@pytest.mark.parametrize('stage', STAGES, ids=lambda stage: stage.name)
def test_every_stage_has_a_golden(stage: type[Stage]) -> None:
    done = [
        json.loads((case / 'diff.json').read_text())['stages'].get(stage.name)
        for case in CASES
    ]
    assert any(
        one and one.keys() & {'added', 'changed', 'commands', 'removed'}
        for one in done
    )
