# SPDX-License-Identifier: Apache-2.0
"""One process of the service under test: ``python -m ... conductor``.

It is the command that operators start, but for a task that only a
benchmark has.
"""

from __future__ import annotations

import importlib
import sys

import bench_noop

from coriolis_ng.cmd import failures
from coriolis_ng.tasks import TASKS


@failures.told
def main() -> int:
    name = sys.argv.pop(1)
    TASKS[bench_noop.NAME] = bench_noop.Noop
    return int(importlib.import_module(f'coriolis_ng.cmd.{name}').main())


if __name__ == '__main__':
    raise SystemExit(main())
