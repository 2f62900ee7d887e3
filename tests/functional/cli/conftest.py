# SPDX-License-Identifier: Apache-2.0
"""The command line as a user types it: a program of its own each time."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
from typing import Any

import pytest

from tests.beds import coriolis
from tests.functional.world import World

BIN = pathlib.Path(sys.executable).parent


class Failed(AssertionError):
    """A command ended otherwise than the test wants."""


class Shell:
    """``coriolis`` with a token in a file; ``who`` may be given anew."""

    def __init__(
        self, service: coriolis.Service, folder: pathlib.Path
    ) -> None:
        token = folder / 'token'
        token.write_text(service.token)
        self.environment = {
            **{k: v for k, v in os.environ.items() if k[:3] != 'OS_'},
            'CORIOLIS_ENDPOINT': service.url,
            'CORIOLIS_TOKEN_FILE': str(token),
        }
        self.program = [str(BIN / 'coriolis')]

    def run(
        self, *words: str, wanted: int = 0, stdin: str = ''
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*self.program, *words],
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != wanted or 'Traceback' in done.stderr:
            raise Failed(
                f'{words}: {done.returncode}\n{done.stdout}{done.stderr}'
            )
        return done

    def json(self, *words: str, stdin: str = '') -> Any:
        done = self.run(*words, '-f', 'json', stdin=stdin)
        return json.loads(done.stdout)


@pytest.fixture
def shell(service: coriolis.Service, tmp_path: pathlib.Path) -> Shell:
    return Shell(service, tmp_path)


@pytest.fixture
def endpoints(world: World, shell: Shell) -> tuple[str, str]:
    """Names of a source and a destination, made by the command line."""
    names = ('žluť / source', 'the destination')
    for name, cloud in zip(
        names, (world.source, world.destination), strict=True
    ):
        made = shell.json(
            'endpoint', 'create', '--name', name, '--provider', 'memory',
            '--connection-file', '-',
            stdin=json.dumps(cloud.connection_info),
        )  # fmt: skip
        assert made['name'] == name
    return names
