# SPDX-License-Identifier: Apache-2.0
"""What is killed when: drawn from a seed alone, and done by a thread."""

from __future__ import annotations

import dataclasses
import enum
import pathlib
import random
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence

from tests.beds import process
from tests.beds.coriolis import Service
from tests.integration.chaos import families

# Between two blows, on average.
EVERY_SECONDS = 3.0
# What is told to end finishes the tasks that nearly are at their end.
ENDING_SECONDS = 8.0
MOST_ENDING_SECONDS = 60.0
ORPHAN_SECONDS = 10.0
MOST_STARTING_SECONDS = 120.0


class How(enum.StrEnum):
    KILL = 'SIGKILL'
    TERM = 'SIGTERM'
    FREEZE = 'SIGSTOP'


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Blow:
    """``at`` is seconds after the first; ``seconds`` is how long the victim
    is away, or does not move. ``whole``: its children with it, as if its
    machine had stopped. ``early``: it may be hit again before it is up."""

    number: int
    at: float
    victim: str
    how: How
    seconds: float
    whole: bool = False
    early: bool = False

    def __str__(self) -> str:
        whole = ' with its children' if self.whole else ''
        return (
            f'{self.number:3} at {self.at:6.1f} s: {self.how} of '
            f'{self.victim}{whole} for {self.seconds:.1f} s'
        )


def drawn(
    seed: int,
    count: int,
    names: Sequence[str],
    lease_seconds: float,
    every: float = EVERY_SECONDS,
) -> list[Blow]:
    """The blows of a seed: the same ones each time, and the first ones of a
    longer run are those of a shorter one."""
    chance = random.Random(f'chaos {seed}')
    kinds = sorted({_kind(name) for name in names})
    back = dict.fromkeys(names, 0.0)
    found: list[Blow] = []
    at = 0.0
    while len(found) < count:
        kind = chance.choice(kinds)
        victims = [n for n in names if _kind(n) == kind and back[n] <= at]
        if victims:
            blow = _blow(
                chance,
                len(found) + 1,
                at,
                chance.choice(victims),
                lease_seconds,
            )
            found.append(blow)
            ending = ENDING_SECONDS if blow.how is How.TERM else 0.0
            back[blow.victim] = at + blow.seconds + ending
        # A kind that is away at this moment costs no time.
        at += chance.uniform(0.6, 1.4) * (every if victims else 0.1)
    return found


def _kind(name: str) -> str:
    return name.partition('-')[0]


def _blow(
    chance: random.Random,
    number: int,
    at: float,
    victim: str,
    lease_seconds: float,
) -> Blow:
    how = chance.choices([*How], [5, 2, 3])[0]
    seconds = chance.uniform(0, 4)
    if how is How.FREEZE:
        seconds = chance.uniform(0.5, 5)
        if chance.random() < 0.25 and _kind(victim) != 'api':
            # What it held is given to others meanwhile.
            seconds = lease_seconds + chance.uniform(1, 5)
    return Blow(
        number=number,
        at=round(at, 1),
        victim=victim,
        how=how,
        seconds=round(seconds, 1),
        whole=how is How.FREEZE and chance.random() < 0.5,
        early=how is not How.FREEZE and chance.random() < 0.2,
    )


class Killer(threading.Thread):
    """Strikes; ``struck`` is what was done, ``faults`` what a blow showed
    by itself: orphans, and who does not end when told to."""

    def __init__(
        self,
        service: Service,
        blows: Sequence[Blow],
        told: Callable[[str], None],
    ) -> None:
        super().__init__(name='killer', daemon=True)
        self._service = service
        self._blows = blows
        self._told = told
        self._locks = {blow.victim: threading.Lock() for blow in blows}
        self._halt = threading.Event()
        self.struck: list[Blow] = []
        self.faults: list[str] = []

    def run(self) -> None:
        """All blows at their times, each in a thread: one victim may be
        away while the next one is hit. On a machine that is busy with much
        else all wait for one that is not up yet: nobody could do anything
        between two blows otherwise."""
        begin = time.monotonic()
        strikes = []
        for blow in self._blows:
            if self._halt.wait(max(0, begin + blow.at - time.monotonic())):
                break
            asked = time.monotonic()
            self._locks[blow.victim].acquire()
            begin += time.monotonic() - asked
            strike = threading.Thread(target=self._strike, args=(blow,))
            strike.start()
            strikes.append(strike)
        for strike in strikes:
            strike.join()

    def halt(self) -> None:
        """No further blows; all that was hit comes back."""
        self._halt.set()
        self.join()

    def _strike(self, blow: Blow) -> None:
        self.struck.append(blow)
        self._told(str(blow))
        try:
            if blow.how is How.FREEZE:
                self._freeze(blow)
            else:
                self._end(blow)
        except Exception as error:
            self.faults.append(f'{blow}: {error!r}')
            raise
        finally:
            self._locks[blow.victim].release()

    def _freeze(self, blow: Blow) -> None:
        pid = self._service.running[blow.victim].pid
        # Parents first: a parent that moves would see what we do.
        frozen = [families.Process.of(pid)]
        frozen += families.children(pid) if blow.whole else []
        for one in frozen:
            one.tell(signal.SIGSTOP)
        time.sleep(blow.seconds)
        for one in reversed(frozen):
            one.tell(signal.SIGCONT)

    def _end(self, blow: Blow) -> None:
        server = self._service.running[blow.victim]
        orphans = families.children(server.pid)
        if blow.how is How.KILL:
            self._service.kill(blow.victim)
        else:
            self._ask(blow, server)
            self._service.running.pop(blow.victim)
        until = time.monotonic() + ORPHAN_SECONDS
        while orphans and time.monotonic() < until:
            orphans = [one for one in orphans if one.alive]
            time.sleep(0.05)
        if orphans:
            self.faults.append(f'{blow}: left {orphans}')
        time.sleep(blow.seconds)
        self._service.start(blow.victim)
        port = self._service.metrics_ports[blow.victim]
        until = time.monotonic() + MOST_STARTING_SECONDS
        while not (blow.early or process.listens(port)):
            if time.monotonic() > until:
                self.faults.append(f'{blow}: it does not come back')
                return
            time.sleep(0.1)

    def _ask(self, blow: Blow, server: process.Server) -> None:
        server.tell(signal.SIGTERM)
        try:
            code = server.wait(MOST_ENDING_SECONDS)
        except subprocess.TimeoutExpired:
            self.faults.append(f'{blow}: it does not end')
            server.kill()
            return
        # One that had not come to its handler yet ends by the signal.
        if code not in (0, -signal.SIGTERM):
            self.faults.append(f'{blow}: it ended with {code}')


def tracebacks(folder: pathlib.Path) -> dict[str, int]:
    """How often each last line of a traceback is in the logs."""
    found: dict[str, int] = {}
    for file in sorted(folder.glob('*.log')):
        inside = False
        for line in file.read_text(errors='replace').splitlines():
            if 'Traceback (most recent call last)' in line:
                inside = True
            elif inside and not line.startswith((' ', '\t')):
                found[line[-200:]] = found.get(line[-200:], 0) + 1
                inside = False
    return found
