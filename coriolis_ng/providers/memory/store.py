# SPDX-License-Identifier: Apache-2.0
"""The state of the memory cloud: machines, disks, snapshots, volumes.

A disk is a dict of blocks; a block carries the generation in which it was
last written, so that a checkpoint is a number and a delta a comparison.
Every create, write and delete goes to an append-only log.
"""

from __future__ import annotations

import json
import pathlib
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from coriolis_ng import errors

BLOCK = 64 << 10
ZEROS = bytes(BLOCK)
FULL = 'The memory cloud is full: make room and execute again.'


class Log:
    """JSON lines, flushed one by one: what a test reads afterwards."""

    def __init__(self, path: pathlib.Path) -> None:
        self._file = path.open('a', encoding='utf-8')
        self._lock = threading.Lock()
        self._count = 0

    def add(self, op: str, kind: str, id: str, **more: Any) -> None:
        """One line; ``op`` is create, write, zero, delete, start, ask (to
        stop) or stop."""
        with self._lock:
            self._count += 1
            line = {'n': self._count, 'at': time.time(), 'op': op}
            line |= {'kind': kind, 'id': id} | more
            self._file.write(json.dumps(line) + '\n')
            self._file.flush()


@dataclass
class Blocks:
    """Content: ``data`` of blocks that were written, ``generation`` of
    those that ever were, zeros included."""

    size: int
    data: dict[int, bytes] = field(default_factory=dict)
    generation: dict[int, int] = field(default_factory=dict)

    def copy(self, size: int | None = None) -> Blocks:
        """A copy that changes on its own; the bytes themselves are shared."""
        return Blocks(
            size or self.size, dict(self.data), dict(self.generation)
        )

    def read(self, offset: int, length: int) -> bytes:
        """``InvalidInput`` outside of the disk."""
        self._inside(offset, length)
        parts = []
        while length:
            number, start = divmod(offset, BLOCK)
            part = min(length, BLOCK - start)
            block = self.data.get(number, ZEROS)
            parts.append(block[start : start + part])
            offset, length = offset + part, length - part
        return b''.join(parts)

    def write(self, offset: int, payload: bytes, generation: int) -> None:
        """Written as that generation; ``InvalidInput`` outside of the disk."""
        self._inside(offset, len(payload))
        at = 0
        while at < len(payload):
            number, start = divmod(offset + at, BLOCK)
            part = payload[at : at + BLOCK - start]
            if len(part) < BLOCK:
                old = bytearray(self.data.get(number, ZEROS))
                old[start : start + len(part)] = part
                part = bytes(old)
                at += BLOCK - start
            else:
                at += BLOCK
            self.data[number] = part
            self.generation[number] = generation

    def zero(self, offset: int, length: int, generation: int) -> None:
        """Zeroed as that generation; whole blocks are dropped."""
        self._inside(offset, length)
        end = offset + length
        while offset < end:
            number, start = divmod(offset, BLOCK)
            part = min(end - offset, BLOCK - start)
            if part == BLOCK or number not in self.data:
                self.data.pop(number, None)
                self.generation[number] = generation
            else:
                self.write(offset, bytes(part), generation)
            offset += part

    def extents(self, since: int | None) -> list[tuple[int, int, str]]:
        """(start, length, kind): the whole disk, or what has a later
        generation than ``since``."""
        if since is not None:
            numbers = sorted(
                n for n, g in self.generation.items() if g > since
            )
            pieces = [(n, 'data') for n in numbers]
        else:
            count = -(-self.size // BLOCK)
            pieces = [
                (n, 'data' if n in self.data else 'hole') for n in range(count)
            ]
        found: list[tuple[int, int, str]] = []
        for number, kind in pieces:
            start = number * BLOCK
            length = min(BLOCK, self.size - start)
            if length <= 0:
                continue
            if found and found[-1][2] == kind:
                last = found[-1]
                if last[0] + last[1] == start:
                    found[-1] = (last[0], last[1] + length, kind)
                    continue
            found.append((start, length, kind))
        return found

    def _inside(self, offset: int, length: int) -> None:
        if offset < 0 or length < 0 or offset + length > self.size:
            raise errors.InvalidInput(
                f'{offset}+{length} leaves a disk of {self.size} bytes.'
            )


@dataclass
class Disk:
    """A disk of a machine; ``checkpoints`` are generations by name,
    ``newest_attempt`` is of those that wrote through the machine."""

    id: str
    blocks: Blocks
    tracked: bool = True
    checkpoints: dict[str, int] = field(default_factory=dict)
    newest_attempt: int = 0


@dataclass
class Machine:
    """``power`` is on or off; ``tag`` is empty where a test made it. A guest
    that was asked goes off after ``stop_seconds``, which is ``off_at``."""

    id: str
    name: str
    cpus: int
    memory: int
    disks: list[Disk]
    nics: list[dict[str, Any]]
    power: str = 'on'
    agent: bool = True
    tag: str = ''
    stop_seconds: float = 0.0
    off_at: float | None = None


@dataclass
class Snapshot:
    """``since`` are the checkpoints that were valid when it was taken."""

    id: str
    machine: str
    tag: str
    disks: dict[str, Blocks]
    marks: dict[str, dict[str, int]]


@dataclass
class Volume:
    """``clone_of`` is the snapshot that it was made from, if it was."""

    id: str
    blocks: Blocks
    tag: str
    clone_of: str = ''


@dataclass
class VolumeSnapshot:
    """A copy of a volume's content, made by the task of ``tag``."""

    id: str
    volume: str
    blocks: Blocks
    tag: str


class Store:
    """All of it behind one lock: a test cloud need not be fast, but right."""

    def __init__(self, log: Log, capacity: int = 1 << 40) -> None:
        self.lock = threading.RLock()
        self.log = log
        self.capacity = capacity
        self.generation = 0
        self.machines: dict[str, Machine] = {}
        self.snapshots: dict[str, Snapshot] = {}
        self.volumes: dict[str, Volume] = {}
        self.volume_snapshots: dict[str, VolumeSnapshot] = {}
        self.faults: list[dict[str, Any]] = []
        self.delays: dict[str, float] = {}

    def tick(self) -> int:
        """The next generation: what is written from now on is newer."""
        self.generation += 1
        return self.generation

    def machine(self, name: str) -> Machine:
        """By id or by name."""
        for machine in self.machines.values():
            if name in (machine.id, machine.name):
                if machine.off_at and time.time() >= machine.off_at:
                    self.switch_off(machine)
                return machine
        raise errors.NotFound(f'There is no machine "{name}".')

    def switch_off(self, machine: Machine) -> None:
        """Off now, whatever its guest is at."""
        machine.power, machine.off_at = 'off', None
        self.log.add('stop', 'machine', machine.id)

    def volume(self, id: str) -> Volume:
        """``NotFound`` when there is none of that id."""
        try:
            return self.volumes[id]
        except KeyError:
            raise errors.NotFound(f'There is no volume {id}.') from None

    def snapshot(self, id: str) -> Snapshot:
        """``NotFound`` when there is none of that id."""
        try:
            return self.snapshots[id]
        except KeyError:
            raise errors.NotFound(f'There is no snapshot {id}.') from None

    def volume_snapshot(self, id: str) -> VolumeSnapshot:
        """``NotFound`` when there is none of that id."""
        try:
            return self.volume_snapshots[id]
        except KeyError:
            raise errors.NotFound(f'There is no snapshot {id}.') from None

    def used(self) -> int:
        """Bytes that the volumes have, whatever was written to them."""
        return sum(v.blocks.size for v in self.volumes.values())
