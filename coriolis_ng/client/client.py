# SPDX-License-Identifier: Apache-2.0
"""A client of the REST API, one attribute for each noun."""

from __future__ import annotations

from typing import Any

from keystoneauth1 import session as sessions

from coriolis_ng.client.api import Api
from coriolis_ng.client.deployments import Deployments
from coriolis_ng.client.endpoints import Endpoints
from coriolis_ng.client.events import Events
from coriolis_ng.client.executions import Executions
from coriolis_ng.client.minion_pools import MinionPools
from coriolis_ng.client.providers import Providers
from coriolis_ng.client.quotas import Quotas
from coriolis_ng.client.recovery_points import RecoveryPoints
from coriolis_ng.client.regions import Regions
from coriolis_ng.client.replicas import Migrations, Replicas
from coriolis_ng.client.schedules import Schedules
from coriolis_ng.client.services import Services
from coriolis_ng.client.strays import Strays
from coriolis_ng.client.transfers import Transfers


class Client:
    """``Client(session)`` finds the service in Keystone's catalog.

    The options are those of ``coriolis_ng.client.api.Api``: ``auth``,
    ``endpoint_override``, ``interface``, ``region_name``.
    """

    def __init__(self, session: sessions.Session, **options: Any) -> None:
        self.api = Api(session, **options)
        self.endpoints = Endpoints(self.api)
        self.transfers = Transfers(self.api)
        self.executions = Executions(self.api)
        self.deployments = Deployments(self.api)
        self.recovery_points = RecoveryPoints(self.api)
        self.providers = Providers(self.api)
        self.services = Services(self.api)
        self.regions = Regions(self.api)
        self.schedules = Schedules(self.api)
        self.minion_pools = MinionPools(self.api)
        self.events = Events(self.api)
        self.quotas = Quotas(self.api)
        self.strays = Strays(self.api)
        self.replicas = Replicas(self.api)
        self.migrations = Migrations(self.api)
