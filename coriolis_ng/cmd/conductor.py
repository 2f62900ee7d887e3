# SPDX-License-Identifier: Apache-2.0
"""``coriolis-conductor``: plans, advances and looks after executions."""

from __future__ import annotations

from coriolis_ng.cmd import failures, process, rows, wiring


@failures.told
def main() -> int:
    """Runs until SIGTERM or SIGINT."""
    conf = process.configure('coriolis-conductor')
    bus = wiring.transport()
    process.run([wiring.conductor(conf, bus, rows.database(conf))])
    return 0
