# SPDX-License-Identifier: Apache-2.0
"""Processes and their children, as the kernel tells of them."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
from collections.abc import Iterator

PROC = pathlib.Path('/proc')


@dataclasses.dataclass(frozen=True, slots=True)
class Process:
    """One process; ids are used again, the pair with ``born`` is not."""

    pid: int
    born: str
    name: str

    @classmethod
    def of(cls, pid: int) -> Process:
        """``OSError`` when there is none."""
        fields = _stat(pid)
        return cls(pid, fields[20], fields[0])

    @property
    def alive(self) -> bool:
        try:
            fields = _stat(self.pid)
        except OSError:
            return False
        return fields[20] == self.born and fields[1] not in 'ZX'

    def tell(self, number: int) -> None:
        """A signal, if it is still there."""
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)


def children(pid: int) -> list[Process]:
    """Everything below it, parents before their children."""
    parents: dict[int, list[int]] = {}
    for other in _pids():
        with contextlib.suppress(OSError):
            parents.setdefault(int(_stat(other)[2]), []).append(other)
    found: list[Process] = []
    left = [pid]
    while left:
        mine = parents.get(left.pop(0), [])
        left += mine
        for one in mine:
            with contextlib.suppress(OSError):
                found.append(Process.of(one))
    return found


def marked(variable: str) -> list[Process]:
    """All that were started with this in their environment, as
    ``NAME=value``; their children are among them."""
    found = []
    for pid in _pids():
        with contextlib.suppress(OSError):
            environment = (PROC / str(pid) / 'environ').read_bytes()
            if variable.encode() in environment.split(b'\0'):
                found.append(Process.of(pid))
    return [one for one in found if one.alive and one.pid != os.getpid()]


def _pids() -> Iterator[int]:
    return (int(one.name) for one in PROC.iterdir() if one.name.isdigit())


def _stat(pid: int) -> list[str]:
    """Name, state, parent and so on; 20 is when it was born."""
    text = (PROC / str(pid) / 'stat').read_text()
    head, _, rest = text.rpartition(')')
    return [head.partition('(')[2], *rest.split()]
