# SPDX-License-Identifier: Apache-2.0
"""Follows an execution to its end: a live view on a terminal, else lines."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Protocol, TypeVar

from rich.console import Console
from rich.live import Live

from coriolis_ng.client import ApiError
from coriolis_ng.client.cli.figures import duration
from coriolis_ng.client.cli.frame import Frame, progress_line, waits, words
from coriolis_ng.client.runs import Run, Task, wait

T = TypeVar('T', bound=Run)
# How often a log gets a line about the same copy.
LINE_SECONDS = 10.0


class View(Protocol):
    """Gets every look and every failure to look."""

    def progress(self, run: Run) -> None:
        """What it looks like now."""

    def trouble(self, error: ApiError) -> None:
        """The service did not answer; it is asked again."""


def follow(
    look: Callable[[], T],
    *,
    title: str = 'execution',
    interrupted: str = '',
    quiet: bool = False,
    console: Console | None = None,
    poll: float = 1.0,
) -> T:
    """Shows until it ended; the last look. ``interrupted`` is told on
    Ctrl-C, which ends the view and nothing else."""
    console = console or Console(stderr=True, highlight=False)
    try:
        if quiet:
            return wait(look, poll=poll)
        if console.is_terminal and not console.is_dumb_terminal:
            return _live(look, Frame(title), console, poll)
        view = Lines(console)
        return wait(
            look, progress=view.progress, trouble=view.trouble, poll=poll
        )
    except KeyboardInterrupt:
        if interrupted:
            console.file.flush()
            sys.stderr.write(f'\n{interrupted}\n')
        raise


def _live(
    look: Callable[[], T], frame: Frame, console: Console, poll: float
) -> T:
    # Drawn anew only when there is something new: no flicker.
    with Live(
        frame,
        console=console,
        auto_refresh=False,
        redirect_stdout=False,
        redirect_stderr=False,
        vertical_overflow='crop',
    ) as live:

        def progress(run: Run) -> None:
            frame.progress(run)
            live.refresh()

        def trouble(error: ApiError) -> None:
            frame.trouble(error)
            live.refresh()

        return wait(look, progress=progress, trouble=trouble, poll=poll)


class Lines:
    """A line for each change: what a log wants. A copy that goes on says
    where it is every ten seconds."""

    def __init__(
        self,
        console: Console,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._console = console
        self._clock = clock
        self._began = clock()
        self._told: set[tuple[str, str]] = set()
        self._figures: dict[str, float] = {}
        self._silent = False

    def progress(self, run: Run) -> None:
        """See ``View``."""
        if self._silent:
            self._say('The service answers again.')
            self._silent = False
        for task in run.tasks:
            for text in _news(task):
                if (task.id, text) not in self._told:
                    self._told.add((task.id, text))
                    self._say(f'{_where(task)}: {text}')
            self._copying(task)
        if run.ended:
            passed = duration(self._clock() - self._began)
            self._say(f'{run.state} after {passed}')

    def trouble(self, error: ApiError) -> None:
        """See ``View``."""
        if not self._silent:
            self._silent = True
            self._say(f'{error.message} Trying again; what runs goes on.')

    def _copying(self, task: Task) -> None:
        now = self._clock()
        last = self._figures.setdefault(task.id, now)
        if task.status != 'RUNNING' or now - last < LINE_SECONDS:
            return
        self._figures[task.id] = now
        for one in task.progress:
            if one.total:
                self._say(f'{_where(task)}: {progress_line(one)}')

    def _say(self, text: str) -> None:
        passed = int(self._clock() - self._began)
        self._console.file.write(f'{passed:5d} s  {text}\n')
        self._console.file.flush()


def _where(task: Task) -> str:
    name = f'{task.instance}  ' if task.instance else ''
    return f'{name}{words(task.task_type)}'


def _news(task: Task) -> list[str]:
    notes = task.notes
    if waits(task):
        notes.append(task.reason)
    if task.status in ('COMPLETED', 'ERROR', 'CANCELED'):
        notes.append(task.exception_details or task.status.lower())
    return notes
