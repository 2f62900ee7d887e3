# SPDX-License-Identifier: Apache-2.0
"""Looks at processes from outside."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

_PAUSE = threading.Event()


def gone(pid: int) -> bool:
    """Not there, or there only until somebody asks how it ended."""
    try:
        stat = Path(f'/proc/{pid}/stat').read_text(encoding='utf-8')
    except (FileNotFoundError, ProcessLookupError):
        return True
    return stat.rpartition(')')[2].split()[0] in 'ZX'


def wait_until(condition: Callable[[], bool], seconds: float = 30) -> bool:
    """Whether a condition became true."""
    for _ in range(int(seconds / 0.05)):
        if condition():
            return True
        _PAUSE.wait(0.05)
    return condition()
