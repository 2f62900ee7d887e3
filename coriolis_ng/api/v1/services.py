# SPDX-License-Identifier: Apache-2.0
"""The service's own processes."""

from __future__ import annotations

from msgspec import UNSET

from coriolis_ng.api.method import (
    Call,
    Controller,
    Tagged,
    fields_of,
    method,
)
from coriolis_ng.api.schemas import services as schema
from coriolis_ng.api.views import services as view
from coriolis_ng.db import api as rows
from coriolis_ng.objects.service import Service
from coriolis_ng.policies import services as rules

ONE = '/services/{service_id}'


class Services(Controller):
    @method(
        'GET /services',
        rules.LIST,
        query=schema.ServicesQuery,
        answer=schema.ServicesAnswer,
    )
    def get_all(self, *, call: Call) -> schema.ServicesAnswer:
        """List the processes of this service."""
        with call.site.database.reader() as session:
            several = rows.services.page(session, call.query.page())
        return schema.ServicesAnswer(
            services=[view.service(one) for one in several]
        )

    @method(f'GET {ONE}', rules.SHOW, answer=schema.ServiceAnswer, tagged=True)
    def get_one(self, id: str, *, call: Call) -> Tagged:
        """Show a process of this service."""
        return _tagged(_found(call, id))

    @method(
        f'PUT {ONE}',
        rules.UPDATE,
        body=schema.UpdateService,
        answer=schema.ServiceAnswer,
        tagged=True,
    )
    def put(self, id: str, *, call: Call) -> Tagged:
        """Let new tasks be given to a worker, or not; map it to regions."""
        seen = call.bound_to(_found(call, id).tag)
        given: schema.ServiceChanges = call.body.service
        with fields_of('$.service'):
            value = call.site.conductor.service_update(
                call.rpc(),
                id,
                None if given.enabled is UNSET else given.enabled,
                None
                if given.mapped_regions is UNSET
                else given.mapped_regions,
                seen,
            )
        return _tagged(value)

    @method(
        'POST /services',
        rules.CREATE,
        body=schema.CreateService,
        answer=schema.ServiceAnswer,
    )
    def post(self, *, call: Call) -> schema.ServiceAnswer:
        """Say how a process that made itself known is used."""
        given: schema.NewService = call.body.service
        with fields_of('$.service'):
            value = call.site.conductor.service_create(
                call.rpc(),
                given.host,
                given.binary,
                given.enabled,
                given.mapped_regions,
            )
        return schema.ServiceAnswer(service=view.service(value))

    @method(f'DELETE {ONE}', rules.DELETE, status=204, tagged=True)
    def delete(self, id: str, *, call: Call) -> None:
        """Forget a process that is gone for good."""
        call.bound_to(_found(call, id).tag)
        call.site.conductor.service_delete(call.rpc(), id)


def _found(call: Call, id: str) -> Service:
    with call.site.database.reader() as session:
        return rows.services.get(session, id)


def _tagged(value: Service) -> Tagged:
    shown = schema.ServiceAnswer(service=view.service(value))
    return Tagged(shown, value.tag)
