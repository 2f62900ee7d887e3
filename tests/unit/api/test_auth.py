# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pathlib
import stat

import pytest

from coriolis_ng import auth, errors


def test_a_file_keeps_digests_only(tmp_path: pathlib.Path) -> None:
    path = tmp_path / 'tokens.json'
    token, kept = auth.issue('p1', 'u1', ['member'])
    auth.save_tokens(str(path), [kept])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert token not in path.read_text()
    local = auth.LocalAuth(str(path))
    assert local.identify(token) == kept
    assert local.identify(token + 'x') is None
    assert local.identify('') is None
    assert local.identify(kept.sha256) is None


def test_a_token_may_be_given(tmp_path: pathlib.Path) -> None:
    token, kept = auth.issue('p1', 'u1', ['admin'], token='chosen')
    assert token == 'chosen'
    assert auth.LocalAuth(tokens=[kept]).identify('chosen') == kept


@pytest.mark.parametrize('text', ['', '[]', '{"tokens": [{}]}', 'x'])
def test_a_file_that_is_none(tmp_path: pathlib.Path, text: str) -> None:
    path = tmp_path / 'tokens.json'
    path.write_text(text)
    with pytest.raises(errors.InvalidInput):
        auth.LocalAuth(str(path))


def test_no_file(tmp_path: pathlib.Path) -> None:
    with pytest.raises(errors.InvalidInput, match='cannot be read'):
        auth.LocalAuth(str(tmp_path / 'none'))
