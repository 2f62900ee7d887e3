# SPDX-License-Identifier: Apache-2.0
"""What a user sees while something runs: on a terminal, and in a log."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from coriolis_ng.client import Unavailable
from coriolis_ng.client.cli import watch
from coriolis_ng.client.cli.frame import Frame
from coriolis_ng.client.executions import Execution
from tests.unit.client.conftest import copying, run, task


def drawn(
    seen: dict[str, Any], width: int = 80, height: int = 24, **more: Any
) -> list[str]:
    frame = Frame('execution 3')
    frame.progress(Execution(seen))
    return shown(frame, width, height, **more)


def shown(
    frame: Frame, width: int = 80, height: int = 24, **more: Any
) -> list[str]:
    console = Console(
        file=io.StringIO(), width=width, height=height, _environ={}, **more
    )
    console.print(frame, end='')
    return console.file.getvalue().splitlines()  # type: ignore[attr-defined]


BUSY = run(
    'RUNNING',
    task('GET_INSTANCE_INFO', status='COMPLETED'),
    task(
        progress=[copying(), copying('disk1', done=0, rate=None)],
        progress_updates=[
            {'message': 'full copy, first copy', 'total_steps': 0},
            {'message': 'disk0: ...', 'total_steps': 1000},
            {'message': 'disk1: 0 B of 4 GiB', 'total_steps': 0},
        ],
    ),
    task('MAKE_POINT', status='SCHEDULED'),
    task('CLEAN', status='UNSCHEDULED', on_error=True),
)


def test_eighty_columns() -> None:
    assert drawn(BUSY) == [
        'execution 3  RUNNING  0 s',
        '▶ web1  1 of 3 tasks',
        '    ▶ replicate disks  0 s  full copy, first copy',
        '        disk0  ━━━──────────     1.0 GiB of 4.0 GiB   310 MB/s'
        '          9 s left',
        '        disk1  ─────────────         0 B of 4.0 GiB           '
        '          9 s left',
    ]


@pytest.mark.parametrize('width', [40, 60, 80, 120, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    BUSY['tasks'][1]['progress_updates'][0]['message'] = 'long ' * 60
    try:
        lines = drawn(BUSY, width)
    finally:
        BUSY['tasks'][1]['progress_updates'][0]['message'] = (
            'full copy, first copy'
        )
    assert len(lines) == 5
    assert max(map(len, lines)) <= width
    assert lines[2].endswith('…')


def test_a_bar_keeps_its_length_while_figures_change() -> None:
    lengths = set()
    for done in (0, 5, 1 << 20, 1 << 30, 4 << 30):
        progress = copying(
            done=done, rate=done / 3, eta_seconds=4000 if done else None
        )
        line = drawn(run('RUNNING', task(progress=[progress])))[-1]
        lengths.add(line.count('━') + line.count('─'))
    assert len(lengths) == 1


def test_many_machines_fit_and_the_busy_ones_are_seen() -> None:
    tasks = [
        task(instance=f'vm{n}', status='SCHEDULED', progress=[])
        for n in range(40)
    ]
    tasks[33].update(status='RUNNING', progress=[copying()])
    tasks[34].update(status='ERROR', exception_details='The pool is full.')
    lines = drawn(run('RUNNING', *tasks), height=12)
    assert len(lines) == 11
    text = '\n'.join(lines)
    assert 'vm33' in text
    assert '1.0 GiB of 4.0 GiB' in text
    assert '✘ replicate disks: The pool is full.' in text
    assert lines[-1] == '  … and 34 more machines'


def test_ascii_where_the_terminal_knows_no_more() -> None:
    file = io.TextIOWrapper(io.BytesIO(), encoding='ascii')
    console = Console(file=file, width=80, height=24, _environ={})
    frame = Frame('execution 3')
    frame.progress(Execution(BUSY))
    console.print(frame)
    file.flush()
    text = file.buffer.getvalue().decode('ascii')  # type: ignore[attr-defined]
    assert '> web1  1 of 3 tasks' in text
    assert 'disk0  ###----------' in text


@pytest.mark.parametrize('no_color', ['', '1'])
def test_no_color(no_color: str) -> None:
    file = io.StringIO()
    environ = {'NO_COLOR': no_color} if no_color else {}
    console = Console(
        file=file, force_terminal=True, color_system='standard',
        width=80, height=24, _environ=environ,
    )  # fmt: skip
    frame = Frame('execution 3')
    frame.progress(Execution(BUSY))
    console.print(frame)
    assert ('\x1b[36m' in file.getvalue()) is not bool(no_color)


def test_a_service_that_does_not_answer() -> None:
    frame = Frame('execution 3')
    frame.progress(Execution(BUSY))
    frame.trouble(Unavailable('Later.', status=503))
    assert shown(frame)[1] == (
        'The service does not answer; trying again. What runs goes on.'
    )
    frame.progress(Execution(BUSY))
    assert 'trying again' not in '\n'.join(shown(frame))


def test_the_end_says_what_was_copied() -> None:
    note = {'message': '80.0 MiB changed, 80.0 MiB sent', 'total_steps': 0}
    ended = task(status='COMPLETED', progress_updates=[note])
    assert drawn(run('COMPLETED', ended)) == [
        'execution 3  COMPLETED  0 s',
        '✔ web1  1 of 1 tasks  80.0 MiB changed, 80.0 MiB sent',
    ]


def test_a_log_gets_each_change_once() -> None:
    file = io.StringIO()
    lines = watch.Lines(Console(file=file, _environ={}))
    lines.progress(Execution(BUSY))
    lines.progress(Execution(BUSY))
    lines.trouble(Unavailable('Later.', status=503))
    lines.trouble(Unavailable('Later.', status=503))
    lines.progress(
        Execution(
            run(
                'ERROR',
                task(status='ERROR', exception_details='The pool is full.'),
            )
        )
    )
    assert file.getvalue().splitlines() == [
        '    0 s  web1  get instance info: completed',
        '    0 s  web1  replicate disks: full copy, first copy',
        '    0 s  Later. Trying again; what runs goes on.',
        '    0 s  The service answers again.',
        '    0 s  web1  replicate disks: The pool is full.',
        '    0 s  ERROR after 0 s',
    ]


def test_a_long_copy_says_where_it_is() -> None:
    file = io.StringIO()
    now = iter([0.0] + [n * 6.0 for n in range(100)])
    lines = watch.Lines(
        Console(file=file, _environ={}), clock=lambda: next(now)
    )
    copy = run('RUNNING', task(progress=[copying()]))
    for _ in range(6):
        lines.progress(Execution(copy))
    told = [line[9:] for line in file.getvalue().splitlines()]
    assert told
    assert set(told) == {
        'web1  replicate disks: disk0: 1.0 GiB of 4.0 GiB, 310 MB/s, 9 s left'
    }
    assert len(told) < 6


def test_what_waits_says_for_what_and_limits_are_shown() -> None:
    why = 'Waits for a free slot of endpoint "here" (2 of 2 used).'
    seen = run(
        'RUNNING',
        task(progress=[copying(limit=310e6)]),
        task(instance='web2', status='PENDING', reason=why),
        task('MAKE_POINT', instance='web2', status='SCHEDULED', reason=''),
    )
    assert drawn(seen, width=110)[3:] == [
        '        disk0  ━━━━━━━━────────────────────────     '
        '1.0 GiB of 4.0 GiB  310 MB/s of 310 MB/s          9 s left',
        '· web2  0 of 2 tasks',
        f'    · replicate disks  {why}',
    ]
