# SPDX-License-Identifier: Apache-2.0
"""A process that is told to end ends, whenever it is told."""

from __future__ import annotations

import subprocess
import sys

# Tells itself to end in the moment in which it begins to wait.
PROGRAM = """
import os, signal, sys
from coriolis_ng.cmd import process

def hook(frame, event, what):
    name = getattr(what, '__name__', frame.f_code.co_name)
    if name in ('get', 'acquire') and event == 'c_call':
        sys.setprofile(None)
        os.kill(os.getpid(), signal.SIGTERM)

with process.told_to_end() as told:
    sys.setprofile(hook)
    told.wait()
print('ended')
"""


def test_a_signal_in_the_moment_of_the_wait_is_not_lost() -> None:
    done = subprocess.run(
        [sys.executable, '-c', PROGRAM],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == 'ended\n'
