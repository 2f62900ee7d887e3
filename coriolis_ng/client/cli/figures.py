# SPDX-License-Identifier: Apache-2.0
"""Figures for people: sizes, durations, times; JSON keeps them as they are."""

from __future__ import annotations

import json
from typing import Any

from cliff.columns import FormattableColumn

UNITS = ('B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB')


def size(count: float | None) -> str:
    """Bytes as people read them: ``1.2 GiB``."""
    if count is None:
        return ''
    power = 0
    while abs(count) >= 1024 and power < len(UNITS) - 1:
        count /= 1024
        power += 1
    return f'{count:.0f} B' if power == 0 else f'{count:.1f} {UNITS[power]}'


def rate(bytes_per_second: float) -> str:
    """``310 MB/s``; one decimal where there is less than 10."""
    mega = bytes_per_second / 1e6
    return f'{mega:.1f} MB/s' if mega < 10 else f'{mega:.0f} MB/s'


def duration(seconds: float | None) -> str:
    """``48 s``, ``3 min 20 s``, ``2 h 5 min``."""
    if seconds is None:
        return ''
    whole = int(seconds + 0.5)
    if whole < 60:
        return f'{whole} s'
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f'{minutes} min {rest} s'
    return f'{minutes // 60} h {minutes % 60} min'


class Size(FormattableColumn[Any]):
    """Bytes."""

    def human_readable(self) -> str:
        return size(self._value)


class Time(FormattableColumn[Any]):
    """A time of the API, to the second; it is UTC."""

    def human_readable(self) -> str:
        return str(self._value or '')[:19].replace('T', ' ')


class Joined(FormattableColumn[Any]):
    """A list of words."""

    def human_readable(self) -> str:
        return ', '.join(map(str, self._value or ()))


class Folded(FormattableColumn[Any]):
    """Anything nested, as JSON over several lines."""

    def human_readable(self) -> str:
        return json.dumps(self._value, indent=1, ensure_ascii=False)


class Tasks(FormattableColumn[Any]):
    """A line for each task: number, machine, what, status, why."""

    def human_readable(self) -> str:
        return '\n'.join(map(_task, self._value or ()))


def _task(task: dict[str, Any]) -> str:
    told = (
        f'{task["index"]:3d} {task["instance"]} {task["task_type"]} '
        f'{task["status"]}'
    )
    if task['exception_details']:
        told += f': {task["exception_details"]}'
    elif task['status'] == 'PENDING' and task.get('reason'):
        told += f': {task["reason"]}'
    return told


def cell(name: str, value: Any) -> Any:
    """A field as a table shows it."""
    if name == 'tasks':
        return Tasks(value)
    if name.endswith('_at'):
        return Time(value)
    if isinstance(value, dict) or (
        isinstance(value, list) and any(isinstance(v, dict) for v in value)
    ):
        return Folded(value)
    if isinstance(value, list):
        return Joined(value)
    return '' if value is None else value
