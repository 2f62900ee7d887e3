# SPDX-License-Identifier: Apache-2.0
"""The service's own processes."""

from __future__ import annotations

from coriolis_ng.api.method import Call, Controller, method
from coriolis_ng.api.schemas import services as schema
from coriolis_ng.api.views import services as view
from coriolis_ng.db import api as rows
from coriolis_ng.policies import services as rules

ONE = '/services/{service_id}'


class Services(Controller):
    @method('GET /services', rules.LIST, answer=schema.ServicesAnswer)
    def get_all(self, *, call: Call) -> schema.ServicesAnswer:
        """List the processes of this service."""
        with call.site.database.reader() as session:
            several = rows.services.list(session)
        return schema.ServicesAnswer(
            services=[view.service(one) for one in several]
        )

    @method(f'GET {ONE}', rules.SHOW, answer=schema.ServiceAnswer)
    def get_one(self, id: str, *, call: Call) -> schema.ServiceAnswer:
        """Show a process of this service."""
        with call.site.database.reader() as session:
            value = rows.services.get(session, id)
        return schema.ServiceAnswer(service=view.service(value))

    @method(
        f'PUT {ONE}',
        rules.UPDATE,
        body=schema.UpdateService,
        answer=schema.ServiceAnswer,
    )
    def put(self, id: str, *, call: Call) -> schema.ServiceAnswer:
        """Let new tasks be given to a worker, or not."""
        value = call.site.conductor.service_update(
            call.rpc(), id, call.body.service.enabled
        )
        return schema.ServiceAnswer(service=view.service(value))
