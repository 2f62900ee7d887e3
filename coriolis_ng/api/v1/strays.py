# SPDX-License-Identifier: Apache-2.0
"""Strays: what we made in clouds and could not remove again."""

from __future__ import annotations

from coriolis_ng.api.method import Call, Controller, method
from coriolis_ng.api.schemas import strays as schema
from coriolis_ng.api.views import strays as view
from coriolis_ng.db import api as rows
from coriolis_ng.policies import strays as rules

ONE = '/strays/{stray_id}'


class Strays(Controller):
    @method(
        'GET /strays',
        rules.LIST,
        query=schema.StraysQuery,
        answer=schema.StraysAnswer,
    )
    def get_all(self, *, call: Call) -> schema.StraysAnswer:
        """List what was left in clouds, oldest first."""
        query: schema.StraysQuery = call.query
        wanted = {
            'endpoint_id': query.endpoint_id,
            'transfer_id': query.transfer_id,
            'execution_id': query.execution_id,
            'kind': query.kind,
        }
        most = rows.Page().limit
        page = rows.Page(
            limit=min(query.limit or most, most),
            marker=query.marker,
            filters={k: v for k, v in wanted.items() if v is not None},
        )
        with call.site.database.reader() as session:
            several = rows.strays.list(session, call.project_id, page)
        return schema.StraysAnswer(strays=[view.stray(one) for one in several])

    @method(f'GET {ONE}', rules.SHOW, answer=schema.StrayAnswer)
    def get_one(self, id: str, *, call: Call) -> schema.StrayAnswer:
        """Show one thing that was left in a cloud."""
        with call.site.database.reader() as session:
            found = rows.strays.get(session, id, call.project_id)
        return schema.StrayAnswer(stray=view.stray(found))

    @method(
        f'DELETE {ONE}',
        rules.DELETE,
        query=schema.StrayQuery,
        status=204,
    )
    def delete(self, id: str, *, call: Call) -> None:
        """Remove it from its cloud now, or only forget it."""
        with call.site.database.reader() as session:
            rows.strays.get(session, id, call.project_id)
        call.site.conductor.stray_remove(
            call.rpc(), id, forget=call.query.forget
        )
