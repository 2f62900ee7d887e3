# SPDX-License-Identifier: Apache-2.0
"""Commands run in this process, and what the scripted service has."""

from __future__ import annotations

import logging
import os
import pathlib

import pytest

from coriolis_ng.client.cli import app
from tests.unit.client.conftest import Scripted

TRANSFER = {
    'id': 'aaaa1111-0000-0000-0000-000000000001',
    'notes': 'the shop',
    'instances': ['web1', 'db 1'],
    'scenario': 'replica',
    'last_execution_status': 'UNEXECUTED',
    'created_at': '2026-11-20T10:00:00.000000',
}
OTHER = {
    **TRANSFER,
    'id': 'aaaa2222-0000-0000-0000-000000000002',
    'notes': None,
    'instances': ['web1'],
}
ENDPOINT = {
    'id': 'eeee0000-0000-0000-0000-000000000001',
    'name': 'žluť / cloud',
    'type': 'memory',
}


class Shell:
    """Runs commands in this process."""

    def __init__(
        self,
        service: Scripted,
        token_file: pathlib.Path,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        self.service = service
        self.who = ['--endpoint', service.url, '--token-file', str(token_file)]
        self._capsys = capsys

    def __call__(self, *words: str, who: bool = True) -> tuple[int, str, str]:
        """The exit code, standard output and error."""
        self._capsys.readouterr()
        handlers = logging.root.handlers[:]
        try:
            code = app.main([*(self.who if who else ()), *words])
        except SystemExit as leave:
            code = int(leave.code or 0)
        finally:
            # A program sets up its logging once.
            logging.root.handlers[:] = handlers
        out, err = self._capsys.readouterr()
        return code, out, err


def made(
    service: Scripted,
    token_file: pathlib.Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Shell:
    """Who is not known by the environment; two transfers, an endpoint."""
    for name in [n for n in os.environ if n.startswith(('OS_', 'CORIOLIS_'))]:
        monkeypatch.delenv(name)
    service.says(
        'GET', '/transfers?limit=100', {'transfers': [OTHER, TRANSFER]}
    )
    service.says('GET', '/endpoints?limit=100', {'endpoints': [ENDPOINT]})
    return Shell(service, token_file, capsys)
