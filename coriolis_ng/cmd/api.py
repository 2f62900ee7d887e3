# SPDX-License-Identifier: Apache-2.0
"""``coriolis-api``: the REST API on a small server of its own.

Under a WSGI server it is ``coriolis_ng.wsgi.api:application``.
"""

from __future__ import annotations

from coriolis_ng.cmd import failures, metrics, process, rows, wiring
from coriolis_ng.cmd.server import HttpServer


@failures.told
def main() -> int:
    """Runs until SIGTERM or SIGINT."""
    conf = process.configure('coriolis-api')
    group = conf.api
    application = wiring.application(
        conf, wiring.transport(), rows.database(conf), wiring.auth(conf)
    )
    server = HttpServer(
        application,
        group.bind_host,
        group.bind_port,
        threads=group.threads + group.streams,
    )
    pages = metrics.pages(conf, conf.metrics.api_port)
    process.run([*pages, server])
    return 0
