# SPDX-License-Identifier: Apache-2.0
"""``coriolis-worker``: runs tasks, each in a process of its own."""

from __future__ import annotations

from coriolis_ng.cmd import failures, metrics, process, wiring


@failures.told
def main() -> int:
    """Runs until SIGTERM or SIGINT; tasks that do not end in time are
    given back, and other workers go on with them."""
    conf = process.configure('coriolis-worker')
    pages = metrics.pages(conf, conf.metrics.worker_port)
    process.run([*pages, wiring.Worker(conf, wiring.transport())])
    return 0
