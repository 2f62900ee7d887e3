# SPDX-License-Identifier: Apache-2.0
"""What this release and the one before it must agree on while both run: an
upgrade goes from process to process, and nothing stops for it."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
from typing import Any

import pytest

from tests.beds import contract, release

Plain = dict[str, Any]
ROOT = pathlib.Path(__file__).parents[3]


@pytest.fixture(scope='module')
def before(tmp_path_factory: pytest.TempPathFactory) -> Plain:
    """The contract of the release before."""
    place = release.unpack(tmp_path_factory.mktemp('before'))
    told = subprocess.run(
        [sys.executable, '-m', 'tests.beds.contract'],
        cwd=place,
        env={**os.environ, 'PYTHONPATH': f'{place}:{ROOT}'},
        check=True,
        capture_output=True,
    ).stdout
    found: Plain = json.loads(told)
    return found


@pytest.fixture(scope='module')
def now() -> Plain:
    return contract.describe()


def required(fields: Plain) -> set[str]:
    return {name for name, must in fields.items() if must}


def test_it_is_another_one(before: Plain, now: Plain) -> None:
    """Or all of this would compare a thing with itself."""
    assert before['schema'] <= now['schema']
    assert before['values'] != now['values']


def test_the_bus_has_the_same_major_version(before: Plain, now: Plain) -> None:
    majors = [one['rpc'].partition('.')[0] for one in (before, now)]
    assert majors[0] == majors[1]


def test_what_is_called_is_still_answered(before: Plain, now: Plain) -> None:
    """With the arguments of before, all of them and no other."""
    for name, given in before['calls'].items():
        taken = now['calls'].get(name)
        assert taken is not None, f'{name} is not answered any more'
        assert given.keys() <= taken.keys(), name
        assert required(taken) <= given.keys(), name


def test_values_of_the_release_before_are_understood(
    before: Plain, now: Plain
) -> None:
    for name, old in before['values'].items():
        new = now['values'].get(name)
        if new is not None:
            missing = required(new) - old.keys()
            assert not missing, f'{name}: new fields without a default'


def test_the_release_before_understands_ours(
    before: Plain, now: Plain
) -> None:
    for name, old in before['values'].items():
        new = now['values'].get(name)
        assert new is not None, f'{name} is gone'
        missing = required(old) - new.keys()
        assert not missing, f'{name}: {missing} are waited for'


def test_every_kind_of_task_can_still_be_run(
    before: Plain, now: Plain
) -> None:
    """A plan that was written by the release before holds its kinds, their
    inputs, and what tasks gave that were done before the upgrade."""
    for name, old in before['tasks'].items():
        new = now['tasks'].get(name)
        assert new is not None, f'{name} is gone'
        assert new['version'] >= old['version'], name
        for side in ('input', 'output'):
            missing = required(new[side]) - old[side].keys()
            assert not missing, f'{name}.{side}: {missing} were never written'


def test_no_word_is_gone(before: Plain, now: Plain) -> None:
    for name, words in before['enums'].items():
        assert set(words) <= set(now['enums'][name]), name
