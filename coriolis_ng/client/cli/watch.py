# SPDX-License-Identifier: Apache-2.0
"""Follows an execution: a live tree on a terminal, lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from coriolis_ng.client.api import Json
from coriolis_ng.client.cli.command import duration, size

ENDED = ('COMPLETED', 'ERROR', 'CANCELED')
MARKS = {
    'COMPLETED': ('✔', 'green'),
    'ERROR': ('✘', 'red'),
    'CANCELED': ('■', 'yellow'),
    'CANCELLING': ('■', 'yellow'),
    'UNSCHEDULED': ('-', 'dim'),
    'RUNNING': ('▶', 'cyan'),
    'STARTING': ('▶', 'cyan'),
}
POLL_SECONDS = 0.5


def follow(look: Callable[[], Json], console: Console | None = None) -> Json:
    """Shows until it ended and returns the last look.

    ``look`` gives an object with ``status`` (or
    ``last_execution_status``) and ``tasks``.
    """
    console = console or Console(stderr=True)
    if console.is_terminal:
        return _live(look, console)
    return _lines(look)


def status_of(seen: Json) -> str:
    """The execution's status, of an execution or of a deployment."""
    return str(seen.get('status') or seen.get('last_execution_status'))


def _live(look: Callable[[], Json], console: Console) -> Json:
    with Live(console=console, refresh_per_second=4) as live:
        while True:
            seen = look()
            live.update(drawing(seen))
            if status_of(seen) in ENDED:
                return seen
            time.sleep(POLL_SECONDS)


def drawing(seen: Json) -> Tree:
    """The tasks as a tree: machine, task, disks."""
    tree = Tree(f'execution {seen["id"]}  [bold]{status_of(seen)}[/]')
    machines: dict[str, Tree] = {}
    for task in seen['tasks']:
        name = task['instance'] or '-'
        if name not in machines:
            machines[name] = tree.add(Text(name, style='bold'))
        machines[name].add(_task(task))
    return tree


def _task(task: Json) -> Group | Text:
    mark, style = MARKS.get(task['status'], ('·', 'dim'))
    line = Text(f'{mark} {task["task_type"]}', style=style)
    if task['status'] in ('RUNNING', 'STARTING', 'CANCELLING'):
        notes = [u for u in task['progress_updates'] if not u['total_steps']]
        if notes:
            line.append(f'  {notes[-1]["message"]}', style='default')
        bars = [_bar(p) for p in task.get('progress', ()) if p['total']]
        return Group(line, *bars) if bars else line
    if task['exception_details']:
        line.append(f'  {task["exception_details"]}')
    return line


def _bar(progress: Json) -> Table:
    row = Table.grid(padding=(0, 1))
    done, total = progress['done'], progress['total']
    bytes_ = progress['unit'] == 'bytes'
    told = f'{size(done)} of {size(total)}' if bytes_ else f'{done}/{total}'
    if bytes_ and progress.get('rate'):
        told += f'  {progress["rate"] / 1e6:.0f} MB/s'
    if progress.get('eta_seconds') is not None and done < total:
        told += f'  {duration(progress["eta_seconds"])} left'
    row.add_row(
        f'    {progress["item"]}',
        ProgressBar(total=total, completed=done, width=30),
        told,
    )
    return row


def _lines(look: Callable[[], Json]) -> Json:
    """One line for each change: what a log wants."""
    told: set[tuple[str, str]] = set()
    began = time.monotonic()
    while True:
        seen = look()
        for task in seen['tasks']:
            for text in _news(task):
                if (task['id'], text) not in told:
                    told.add((task['id'], text))
                    passed = int(time.monotonic() - began)
                    sys.stderr.write(
                        f'{passed:5d} s  {task["instance"]}  '
                        f'{task["task_type"]}: {text}\n'
                    )
        sys.stderr.flush()
        if status_of(seen) in ENDED:
            return seen
        time.sleep(POLL_SECONDS)


def _news(task: Json) -> list[str]:
    notes = [
        u['message'] for u in task['progress_updates'] if not u['total_steps']
    ]
    if task['status'] in ENDED:
        notes.append(task['exception_details'] or task['status'].lower())
    return notes
