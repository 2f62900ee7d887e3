# SPDX-License-Identifier: Apache-2.0
"""Regions: places that workers serve and endpoints lie in."""

from __future__ import annotations

import msgspec

from coriolis_ng.api.method import (
    Call,
    Controller,
    Tagged,
    fields_of,
    method,
)
from coriolis_ng.api.schemas import regions as schema
from coriolis_ng.api.schemas.parts import PageQuery
from coriolis_ng.api.views import regions as view
from coriolis_ng.db import api as rows
from coriolis_ng.objects.region import Region, RegionSpec
from coriolis_ng.policies import regions as rules

ONE = '/regions/{region_id}'


class Regions(Controller):
    @method(
        'GET /regions',
        rules.LIST,
        query=PageQuery,
        answer=schema.RegionsAnswer,
    )
    def get_all(self, *, call: Call) -> schema.RegionsAnswer:
        """List regions."""
        with call.site.database.reader() as session:
            several = rows.regions.list(
                session, call.project_id, call.query.page()
            )
        return schema.RegionsAnswer(
            regions=[view.region(one) for one in several]
        )

    @method(f'GET {ONE}', rules.SHOW, answer=schema.RegionAnswer, tagged=True)
    def get_one(self, id: str, *, call: Call) -> Tagged:
        """Show a region with what is mapped to it."""
        return _answer(call, id)

    @method(
        'POST /regions',
        rules.CREATE,
        body=schema.CreateRegion,
        answer=schema.RegionAnswer,
    )
    def post(self, *, call: Call) -> schema.RegionAnswer:
        """Create a region."""
        given: schema.NewRegion = call.body.region
        spec = RegionSpec(
            name=given.name,
            description=given.description or '',
            enabled=given.enabled is not False,
        )
        with fields_of('$.region'):
            made = call.site.conductor.region_create(call.rpc(), spec)
        return schema.RegionAnswer(region=view.region(made))

    @method(
        f'PUT {ONE}',
        rules.UPDATE,
        body=schema.UpdateRegion,
        answer=schema.RegionAnswer,
        tagged=True,
    )
    def put(self, id: str, *, call: Call) -> Tagged:
        """Change a region; nobody serves a disabled one."""
        version = call.bound_to(found(call, id).version)
        given = msgspec.structs.asdict(call.body.region)
        changes = {
            name: value
            for name, value in given.items()
            if value is not msgspec.UNSET and value is not None
        }
        with fields_of('$.region'):
            call.site.conductor.region_update(call.rpc(), id, changes, version)
        return _answer(call, id)

    @method(f'DELETE {ONE}', rules.DELETE, status=204, tagged=True)
    def delete(self, id: str, *, call: Call) -> None:
        """Delete a region that nothing is mapped to."""
        call.bound_to(found(call, id).version)
        call.site.conductor.region_delete(call.rpc(), id)


def found(call: Call, id: str) -> Region:
    """The region, with what the caller's project maps to it."""
    with call.site.database.reader() as session:
        return rows.regions.get(session, id, call.project_id)


def _answer(call: Call, id: str) -> Tagged:
    value = found(call, id)
    shown = schema.RegionAnswer(region=view.region(value))
    return Tagged(shown, value.version)
