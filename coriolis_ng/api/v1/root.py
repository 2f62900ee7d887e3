# SPDX-License-Identifier: Apache-2.0
"""Where URLs begin: version documents, and the project's resources."""

from __future__ import annotations

from typing import Any

import pecan

from coriolis_ng import errors, version
from coriolis_ng.api import openapi
from coriolis_ng.api.method import Call, Controller, context, method
from coriolis_ng.api.schemas import versions as schema
from coriolis_ng.api.v1 import (
    deployments,
    diagnostics,
    endpoints,
    events,
    inventory,
    migrations,
    minion_pools,
    pool_options,
    providers,
    quotas,
    recovery_points,
    regions,
    replicas,
    services,
    strays,
    transfers,
)

pool_options.below(endpoints.Endpoints)
inventory.below(endpoints.Endpoints)


class Project:
    """What is below ``/v1/{project_id}``."""

    deployments = deployments.Deployments()
    diagnostics = diagnostics.Diagnostics()
    endpoints = endpoints.Endpoints()
    events = events.Events()
    migrations = migrations.Migrations()
    minion_pools = minion_pools.MinionPools()
    providers = providers.Providers()
    quotas = quotas.Quotas()
    recovery_points = recovery_points.RecoveryPoints()
    regions = regions.Regions()
    replicas = replicas.Replicas()
    services = services.Services()
    strays = strays.Strays()
    transfers = transfers.Transfers()


class OpenApi(Controller):
    @method('GET /v1/openapi.json', None, answer=dict[str, Any])
    def get(self, *, call: Call) -> dict[str, Any]:
        """The description of this API, OpenAPI 3.1."""
        return openapi.document()


class V1(Controller):
    """The project of the URL must be that of the token."""

    _project = Project()
    _openapi = OpenApi()

    @method('GET /v1', None, answer=schema.VersionAnswer)
    def get_all(self, *, call: Call) -> schema.VersionAnswer:
        """This version of the API."""
        return schema.VersionAnswer(version=_version())

    @pecan.expose()
    def _lookup(self, first: str, *rest: str) -> tuple[Any, tuple[str, ...]]:
        if first == 'openapi.json':
            return self._openapi, rest
        if context().project_id != first:
            raise errors.InvalidInput('Malformed request url')
        return self._project, rest


class Root(Controller):
    v1 = V1()

    @method('GET /', None, answer=schema.VersionsAnswer)
    def get_all(self, *, call: Call) -> schema.VersionsAnswer:
        """The versions of the API."""
        return schema.VersionsAnswer(versions=[_version()])


def _version() -> schema.Version:
    base = pecan.request.application_url.rstrip('/')
    return schema.Version(
        id='v1.0',
        status='CURRENT',
        release=version.release(),
        links=[
            schema.Link(rel='self', href=f'{base}/v1/'),
            schema.Link(rel='describedby', href=f'{base}/v1/openapi.json'),
        ],
    )
