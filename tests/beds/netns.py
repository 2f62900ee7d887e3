# SPDX-License-Identifier: Apache-2.0
"""A network namespace with one cable to ours, which can be cut.

Servers that the inside is to reach listen on ``address``; nothing is routed.
"""

import os
import random
import subprocess
from types import TracebackType
from typing import Self


def missing() -> str:
    """Why there can be no namespace, or nothing."""
    if os.geteuid() != 0:
        return 'only root can make a network namespace'
    name = f'cng-try-{os.getpid()}'
    made = subprocess.run(
        ['ip', 'netns', 'add', name], capture_output=True, check=False
    )
    if made.returncode:
        return made.stderr.decode().strip() or 'ip netns add failed'
    subprocess.run(['ip', 'netns', 'del', name], check=True)
    return ''


class Namespace:
    """Use it with ``with``; ``address`` is our end of the cable."""

    def __init__(self) -> None:
        number = f'{os.getpid()}-{random.randrange(1000)}'  # noqa: S311
        self.name = f'cng-{number}'
        # Names of interfaces have 15 characters.
        self._ours, self._theirs = f'cv{number}'[-15:], f'ci{number}'[-15:]
        self.address, self._inside = _unused_pair()

    @property
    def before(self) -> list[str]:
        """The words before a program's, to run it inside."""
        return ['ip', 'netns', 'exec', self.name]

    def __enter__(self) -> Self:
        _run('ip', 'netns', 'add', self.name)
        try:
            self._connect()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _connect(self) -> None:
        _run(
            *('ip', 'link', 'add', self._ours, 'type', 'veth'),
            *('peer', 'name', self._theirs, 'netns', self.name),
        )
        _run('ip', 'address', 'add', f'{self.address}/30', 'dev', self._ours)
        _run('ip', 'link', 'set', self._ours, 'up')
        self._inside_run(
            *('ip', 'address', 'add', f'{self._inside}/30'),
            *('dev', self._theirs),
        )
        for interface in ('lo', self._theirs):
            self._inside_run('ip', 'link', 'set', interface, 'up')

    def cut(self) -> None:
        """From now on packets vanish, and nobody is told."""
        self._filter('-A')

    def mend(self) -> None:
        """They come through again."""
        self._filter('-D')

    def close(self) -> None:
        """With it goes the cable; programs inside must have ended."""
        subprocess.run(
            ['ip', 'netns', 'del', self.name], capture_output=True, check=False
        )

    def _filter(self, how: str) -> None:
        for chain, flag in (('INPUT', '-i'), ('OUTPUT', '-o')):
            self._inside_run(
                *('iptables', '-w', how, chain, flag, self._theirs),
                *('-j', 'DROP'),
            )

    def _inside_run(self, *words: str) -> None:
        _run(*self.before, *words)


def _run(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True)


def _unused_pair() -> tuple[str, str]:
    """Two addresses of a network of four that this machine has not."""
    known = subprocess.run(
        ['ip', '-4', 'address'], check=True, capture_output=True, text=True
    ).stdout
    while True:
        net = f'10.213.{random.randrange(256)}'  # noqa: S311
        if f'{net}.' not in known:
            return f'{net}.1', f'{net}.2'
