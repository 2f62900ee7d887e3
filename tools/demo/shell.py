# SPDX-License-Identifier: Apache-2.0
"""What a user has: a running all-in-one and the ``coriolis`` command."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
import time
from typing import Any

from rich.console import Console

from tests.beds import cache

BIN = pathlib.Path(sys.executable).parent
CONSOLE = Console()


def say(text: str) -> None:
    """A headline of the demo."""
    CONSOLE.print(f'\n[bold cyan]=== {text}[/]', highlight=False)


class Failed(RuntimeError):
    """A command did not do what the demo needs."""


class AllInOne:
    """``coriolis-allinone`` with a state of its own."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.state = folder / 'state'
        self.log = folder / 'coriolis.log'
        self.url = self.token = ''
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        options = self.state.parent / 'demo.conf'
        options.write_text(
            f'[worker]\nkvm_directories = {cache.root()}, /var/tmp/coriolis\n'
        )
        self._process = subprocess.Popen(
            [
                str(BIN / 'coriolis-allinone'),
                '--state-dir',
                str(self.state),
                '--config-file',
                str(options),
                '--log-file',
                str(self.log),
                '--port',
                '0',
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout
        line = self._process.stdout.readline()
        told = dict(word.split('=', 1) for word in line.split() if '=' in word)
        if 'url' not in told:
            raise Failed(f'coriolis-allinone did not start; see {self.log}')
        self.url, self.token = told['url'], told['token']
        self._wait_for_worker()

    def _wait_for_worker(self) -> None:
        until = time.monotonic() + 60
        while not self.ask('provider', 'list'):
            if time.monotonic() > until:
                raise Failed(f'no worker came; see {self.log}')
            time.sleep(0.5)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def _argv(self, words: tuple[str, ...]) -> list[str]:
        who = ['--endpoint', self.url, '--token-file', self.token]
        return [str(BIN / 'coriolis'), *who, *words]

    def ask(self, *words: str, stdin: str | None = None) -> Any:
        """Runs ``coriolis WORDS -f json`` and gives its JSON."""
        done = subprocess.run(
            self._argv((*words, '-f', 'json')),
            input=stdin,
            check=False,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise Failed(f'coriolis {" ".join(words)}: {done.stderr.strip()}')
        return json.loads(done.stdout or 'null')

    def show(
        self, *words: str, stdin: str | None = None, check: bool = True
    ) -> int:
        """Runs a command before the user's eyes."""
        CONSOLE.print(f'[dim]$ coriolis {" ".join(words)}[/]')
        sys.stdout.flush()
        done = subprocess.run(
            self._argv(words), input=stdin, text=True, check=False
        )
        if check and done.returncode:
            raise Failed(f'coriolis {" ".join(words)} failed')
        return done.returncode

    def begin(self, *words: str) -> subprocess.Popen[str]:
        """Starts a command that goes on beside others."""
        CONSOLE.print(f'[dim]$ coriolis {" ".join(words)} &[/]')
        return subprocess.Popen(
            self._argv((*words, '-f', 'json')),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


def finished(process: subprocess.Popen[str], what: str) -> Any:
    """The JSON of a command that ``begin`` started."""
    out, err = process.communicate()
    if process.returncode:
        raise Failed(f'{what}: {err.strip()[-2000:]}')
    return json.loads(out)
