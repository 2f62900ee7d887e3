# SPDX-License-Identifier: Apache-2.0
"""``coriolis-allinone``: everything in one process, for one machine."""

from __future__ import annotations

import argparse
import pathlib

from coriolis_ng.cmd import failures, metrics, process, rows, wiring
from coriolis_ng.cmd.server import HttpServer
from coriolis_ng.cmd.state import State
from coriolis_ng.db import migration


@failures.told
def main() -> int:
    """Runs until SIGTERM or SIGINT; what runs goes on at the next start."""
    given = _arguments().parse_args()
    state = State(pathlib.Path(given.state_dir))
    log = ['--debug'] if given.debug else []
    log += ['--log-file', given.log_file] if given.log_file else []
    files = [state.write_configuration(), *given.config_file]
    conf = process.configure('coriolis-allinone', log, files=files)
    migration.sync(rows.connection_url(conf))
    bus, database = wiring.transport(), rows.database(conf)
    application = wiring.application(conf, bus, database, state.auth())
    figures = wiring.row_metrics(conf, database)
    parts: list[process.Service] = [
        *metrics.pages(conf, conf.metrics.api_port, figures),
        wiring.conductor(conf, bus, database),
        wiring.Worker(conf, bus),
    ]
    # The last that is made: its threads would keep a failed start alive.
    threads = conf.api.threads + conf.api.streams
    server = HttpServer(application, given.host, given.port, threads)
    parts.append(server)
    url = f'http://{given.host}:{server.port}/v1/{state.project_id}'
    process.run(
        parts,
        ready=f'coriolis-allinone ready url={url} token={state.token_file}',
    )
    database.close()
    return 0


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='coriolis-allinone', description=__doc__
    )
    parser.add_argument('--state-dir', default='/var/lib/coriolis')
    parser.add_argument('--host', default='127.0.0.1')
    parser.add_argument('--port', type=int, default=7667, help='0: any')
    parser.add_argument('--log-file', help='without: standard error')
    parser.add_argument(
        '--config-file', action='append', default=[], help='more options'
    )
    parser.add_argument('--debug', action='store_true')
    return parser
