# SPDX-License-Identifier: Apache-2.0
"""A task that does nothing, for the benchmark only.

No recipe of ours plans it and no request can name it: the benchmark's
conductor is told of it by ``program``, its rows are written by ``plant``,
and a child finds it by ``module:Class`` in a folder of its own, which only
the benchmark's processes have in their path: a module inside of ``tests``
would bring with it what no child imports.
"""

from __future__ import annotations

from coriolis_ng.engine.task import Side, Task, Work
from coriolis_ng.objects import Value


class Noop(Task):
    """Asks of a worker what a copy asks, and then touches no cloud."""

    side = Side.BOTH
    needs = ('exports', 'imports')

    class Input(Value):
        number: int
        before: int = 0

    class Output(Value):
        number: int

    def run(self, work: Work, given: Input) -> Output:
        return self.Output(number=given.number)


NAME = f'{Noop.__module__}:{Noop.__qualname__}'
