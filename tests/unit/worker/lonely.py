# SPDX-License-Identifier: Apache-2.0
"""A worker in a process of its own, for tests that kill it: runs a task
that never ends and prints the ids of its processes."""

from __future__ import annotations

import signal
import sys
import threading

from coriolis_ng.worker.options import Options
from coriolis_ng.worker.service import WorkerService
from tests.unit.worker import samples
from tests.unit.worker.scripted import ScriptedConductor


def main() -> None:
    conductor = ScriptedConductor()
    service = WorkerService(
        conductor,
        {'small': samples.SmallCloud()},
        host='lonely',
        incarnation='i1',
        options=Options(beat_seconds=0.2, drain_seconds=0.5),
    )
    service.start()
    asked = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: asked.set())
    task = conductor.give(
        samples.Wait, program=True, stubborn='stubborn' in sys.argv
    )
    print(*conductor.pids(task), flush=True)
    asked.wait()
    service.stop()
    result = conductor.results[task]
    capacities = {beat.capacity for beat in conductor.beats}
    print(result.state, result.code, result.retryable, *sorted(capacities))


if __name__ == '__main__':
    main()
