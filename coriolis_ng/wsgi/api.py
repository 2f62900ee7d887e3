# SPDX-License-Identifier: Apache-2.0
"""The REST API as a WSGI application: ``coriolis_ng.wsgi.api:application``
for uWSGI, gunicorn and mod_wsgi."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable, Iterable
from typing import Any

from oslo_config import cfg

from coriolis_ng.api.app import make_app
from coriolis_ng.api.feed import Feed, FeedSettings
from coriolis_ng.api.site import Site
from coriolis_ng.auth import Auth, WsgiApp
from coriolis_ng.db.session import Database
from coriolis_ng.policy import Enforcer
from coriolis_ng.rpc.conductor import ApiHalf


def make_application(
    database: Database,
    conductor: ApiHalf,
    *,
    auth: Auth,
    policy_conf: cfg.ConfigOpts | None = None,
    feed: FeedSettings | None = None,
) -> WsgiApp:
    """The application over a database and a conductor. ``policy_conf`` has
    the groups ``[oslo_policy]`` and ``[healthcheck]``; None means what is
    built in."""
    site = Site(
        database, conductor, Enforcer(policy_conf), Feed(database, feed)
    )
    return make_app(site, auth, policy_conf)


def application(
    environ: dict[str, Any], start_response: Callable[..., Any]
) -> Iterable[bytes]:
    """Put together at the first request from the usual configuration
    files: a server that forks would share connections made earlier."""
    return _configured()(environ, start_response)


def _configured() -> WsgiApp:
    # Servers ask from many threads at once.
    with _first:
        return _made()


@functools.cache
def _made() -> WsgiApp:
    # The parts' own module imports this one.
    from coriolis_ng.cmd import metrics, process, rows, wiring

    conf = process.configure('coriolis-api', [], signals=False)
    if metrics.FOLDER in os.environ:
        for page in metrics.pages(conf, conf.metrics.api_port):
            page.start()
    return wiring.application(
        conf, wiring.transport(), rows.database(conf), wiring.auth(conf)
    )


_first = threading.Lock()
