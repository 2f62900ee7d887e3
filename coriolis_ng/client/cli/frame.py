# SPDX-License-Identifier: Apache-2.0
"""One picture of what runs, as large as the terminal allows."""

from __future__ import annotations

import time
from collections.abc import Iterator

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from coriolis_ng.client import ApiError
from coriolis_ng.client.cli.figures import duration, rate, size
from coriolis_ng.client.runs import Progress, Run, Task

BAR = (8, 40)  # columns
NAME = 24
RUNNING = ('RUNNING', 'STARTING', 'CANCELLING')
STYLES = {
    'COMPLETED': 'green',
    'ERROR': 'red',
    'CANCELED': 'yellow',
    'CANCELLING': 'yellow',
    'RUNNING': 'cyan',
    'STARTING': 'cyan',
}
_MARKS = {
    'COMPLETED': '✔',
    'ERROR': '✘',
    'CANCELED': '■',
    'CANCELLING': '■',
    'RUNNING': '▶',
    'STARTING': '▶',
}
_ASCII = {
    '✔': '+',
    '✘': 'x',
    '■': '#',
    '▶': '>',
    '·': '.',
    '━': '#',
    '─': '-',
    '…': '~',
}


def words(task_type: str) -> str:
    """``REPLICATE_DISKS`` as people say it."""
    return task_type.replace('_', ' ').lower()


def progress_line(one: Progress) -> str:
    """``disk0: 1.2 GiB of 4.0 GiB, 310 MB/s, 9 s left``."""
    name = f'{one.item}: ' if one.item else ''
    return name + ', '.join(figures(one))


def figures(one: Progress) -> list[str]:
    """How much of how much, how fast, how long yet."""
    bytes_ = one.unit == 'bytes'
    if bytes_:
        told = [f'{size(one.done)} of {size(one.total)}']
    else:
        told = [f'{one.done} of {one.total} {one.unit}'.rstrip()]
    if bytes_ and one.rate:
        told.append(rate(one.rate) + _limit(one))
    if one.eta_seconds is not None and one.done < one.total:
        told.append(f'{duration(one.eta_seconds)} left')
    return told


def _limit(one: Progress) -> str:
    """`` of 50 MB/s``, where that is all that it may take."""
    limit = one.get('limit')  # an older service does not say
    return f' of {rate(limit)}' if limit else ''


class Frame:
    """Drawn by rich; ``progress`` and ``trouble`` say what there is."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._began = time.monotonic()
        self._run: Run | None = None
        self._trouble = ''
        self._since: dict[str, float] = {}

    def progress(self, run: Run) -> None:
        """What it looks like now."""
        self._run, self._trouble = run, ''
        for task in run.tasks:
            if task.status in RUNNING:
                self._since.setdefault(task.id, time.monotonic())

    def trouble(self, error: ApiError) -> None:
        """The service did not answer."""
        self._trouble = (
            'The service does not answer; trying again. What runs goes on.'
        )

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> RenderResult:
        height = max(console.height - 1, 4)
        plain = options.ascii_only
        for line in self._lines(options.max_width, height):
            shown = _without_signs(line) if plain else line
            shown.no_wrap = True
            shown.overflow = 'crop' if plain else 'ellipsis'
            yield shown

    def _lines(self, width: int, height: int) -> list[Text]:
        lines = [self._head()]
        if self._trouble:
            lines.append(Text(self._trouble, style='yellow'))
        if self._run is None:
            return lines
        machines: dict[str, list[Task]] = {}
        for task in self._run.tasks:
            machines.setdefault(task.instance, []).append(task)
        blocks = [
            [*self._machine(name, tasks, width)]
            for name, tasks in machines.items()
        ]
        return lines + _fitting(blocks, height - len(lines))

    def _head(self) -> Text:
        state = self._run.state if self._run else ''
        line = Text(self._title)
        if state:
            line.append(f'  {state}', f'bold {STYLES.get(state, "default")}')
        line.append(f'  {duration(time.monotonic() - self._began)}')
        return line

    def _machine(
        self, name: str, tasks: list[Task], width: int
    ) -> Iterator[Text]:
        main = [t for t in tasks if not t.on_error]
        done = sum(t.status == 'COMPLETED' for t in main)
        state = _state(tasks)
        line = Text(f'{_MARKS.get(state, "·")} ', STYLES.get(state, 'dim'))
        line.append(name or 'all machines', style='bold')
        line.append(f'  {done} of {len(main)} tasks', style='dim')
        if state == 'COMPLETED':
            line.append(''.join(f'  {text}' for text in _copied(tasks)))
        yield line
        for task in tasks:
            if task.status in RUNNING:
                yield from self._running(task, width)
            elif waits(task):
                line = Text(f'    · {words(task.task_type)}', style='dim')
                yield line.append(f'  {task.reason}')
            elif task.status == 'ERROR':
                line = Text(f'    ✘ {words(task.task_type)}: ', style='red')
                yield line.append(task.exception_details or '')

    def _running(self, task: Task, width: int) -> Iterator[Text]:
        line = Text(
            f'    {_MARKS[task.status]} {words(task.task_type)}',
            style=STYLES[task.status],
        )
        since = self._since.get(task.id, time.monotonic())
        line.append(f'  {duration(time.monotonic() - since)}', style='default')
        if task.notes:
            line.append(f'  {task.notes[-1]}', style='dim')
        yield line
        shown = [one for one in task.progress if one.total]
        names = min(max((len(p.item) for p in shown), default=0), NAME)
        for one in shown:
            yield _bar(one, names, width)


def waits(task: Task) -> bool:
    """It could run, but for something that it tells."""
    return task.status == 'PENDING' and bool(task.get('reason'))


def _state(tasks: list[Task]) -> str:
    """The status of a machine: that of what is worst or still runs."""
    states = {task.status for task in tasks if task.status != 'UNSCHEDULED'}
    for word in ('CANCELLING', 'RUNNING', 'STARTING', 'ERROR', 'CANCELED'):
        if word in states:
            return word
    return 'COMPLETED' if states == {'COMPLETED'} else 'WAITING'


def _copied(tasks: list[Task]) -> list[str]:
    """What its copies said at their end: how much was changed and sent."""
    return [
        task.notes[-1]
        for task in tasks
        if task.task_type == 'REPLICATE_DISKS' and task.notes
    ]


def _bar(one: Progress, names: int, width: int) -> Text:
    # Every figure has its column, as wide as it may become: a bar that
    # changes its length flickers.
    amount, speed, left = _columns(one)
    told = f'{amount}  {speed:>9}  {left:>16}'
    line = Text(f'        {one.item[:NAME]:<{names}}  ')
    room = width - len(line) - len(told) - 2
    if room >= BAR[0]:
        room = min(room, BAR[1])
        full = room * min(one.done, one.total) // one.total
        line.append('━' * full, style='green')
        line.append('─' * (room - full) + '  ', style='dim')
    line.append(told.rstrip())
    return line


def _columns(one: Progress) -> tuple[str, str, str]:
    bytes_ = one.unit == 'bytes'
    amount = figures(one)[0]
    if bytes_:
        amount = amount.rjust(len(f'1023.9 KiB of {size(one.total)}'))
    speed = rate(one.rate) + _limit(one) if bytes_ and one.rate else ''
    left = ''
    if one.eta_seconds is not None and one.done < one.total:
        left = f'{duration(one.eta_seconds)} left'
    return amount, speed, left


def _fitting(blocks: list[list[Text]], height: int) -> list[Text]:
    """As many as there is room for; those with something to say first."""
    if sum(map(len, blocks)) <= height:
        return [line for block in blocks for line in block]
    shown: list[Text] = []
    left = len(blocks)
    for block in sorted(blocks, key=len, reverse=True):
        if len(shown) + len(block) > height - 1:
            continue
        shown += block
        left -= 1
    return [*shown, Text(f'  … and {left} more machines', style='dim')]


def _without_signs(line: Text) -> Text:
    """For a terminal that knows ASCII only; spans stay where they are."""
    plain = ''.join(_ASCII.get(sign, sign) for sign in line.plain)
    return Text(plain, style=line.style, spans=line.spans)
