# SPDX-License-Identifier: Apache-2.0
"""Options that are global, and of some commands by the same name."""

from __future__ import annotations

import pathlib

import pytest

from coriolis_ng.client.cli.app import Shell

WHERE = 'http://127.0.0.1:9/v1/p'


@pytest.fixture
def who(tmp_path: pathlib.Path) -> list[str]:
    token = tmp_path / 'token'
    token.write_text('t')
    return ['--token-file', str(token)]


@pytest.mark.parametrize(
    'words',
    [
        ['minion', 'pool', 'create', '--name', 'w', '--endpoint', 'there']
        + ['--pool-platform', 'destination'],
        ['stray', 'list', '--endpoint=there'],
    ],
)
def test_a_command_has_its_own_endpoint(
    who: list[str], words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """It looks for the endpoint of that name, at the global one."""
    assert Shell().run([*who, '--endpoint', WHERE, *words]) != 0
    assert f'Nobody answers at {WHERE}/endpoints' in capsys.readouterr().err


def test_others_take_the_global_one_after_the_noun(
    who: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*who, 'minion', 'pool', 'list', '--endpoint', WHERE]
    assert Shell().run(words) != 0
    assert f'Nobody answers at {WHERE}/minion_pools' in capsys.readouterr().err
