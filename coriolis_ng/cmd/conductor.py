# SPDX-License-Identifier: Apache-2.0
"""``coriolis-conductor``: plans, advances and looks after executions."""

from __future__ import annotations

from coriolis_ng.cmd import failures, process, wiring


@failures.told
def main() -> int:
    """Runs until SIGTERM or SIGINT."""
    conf = process.configure('coriolis-conductor')
    bus = wiring.transport()
    rows = wiring.database(conf)
    process.run([wiring.conductor(conf, bus, rows)])
    return 0
