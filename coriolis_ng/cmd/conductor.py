# SPDX-License-Identifier: Apache-2.0
"""``coriolis-conductor``: plans, advances and looks after executions."""

from __future__ import annotations

from coriolis_ng.cmd import failures, metrics, process, rows, wiring


@failures.told
def main() -> int:
    """Runs until SIGTERM or SIGINT."""
    conf = process.configure('coriolis-conductor')
    bus = wiring.transport()
    database = rows.database(conf)
    conductor = wiring.conductor(conf, bus, database)
    figures = wiring.row_metrics(conf, database)
    pages = metrics.pages(conf, conf.metrics.conductor_port, figures)
    process.run([*pages, conductor])
    return 0
