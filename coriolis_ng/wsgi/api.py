# SPDX-License-Identifier: Apache-2.0
"""The REST API as a WSGI application."""

from __future__ import annotations

from oslo_config import cfg

from coriolis_ng.api.app import make_app
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
) -> WsgiApp:
    """The application over a database and a conductor. ``policy_conf`` has
    the group ``[oslo_policy]``; None means the built-in rules."""
    site = Site(database, conductor, Enforcer(policy_conf))
    return make_app(site, auth)
