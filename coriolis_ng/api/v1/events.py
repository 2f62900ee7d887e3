# SPDX-License-Identifier: Apache-2.0
"""Events: what happened, in pages, or as it happens in a stream."""

from __future__ import annotations

import pecan
import webob

from coriolis_ng.api import site
from coriolis_ng.api.method import Call, Controller, method
from coriolis_ng.api.schemas import events as schema
from coriolis_ng.api.schemas.decode import decode_query
from coriolis_ng.api.views import events as view
from coriolis_ng.policies import events as rules

STREAM = 'text/event-stream'


class Events(Controller):
    @method(
        'GET /events',
        rules.LIST,
        query=schema.EventsQuery,
        answer=schema.EventsAnswer,
        stream=STREAM,
    )
    def get_all(self, *, call: Call) -> schema.EventsAnswer | webob.Response:
        """List events, oldest first; asked for text/event-stream, follow
        them as they come."""
        query: schema.EventsQuery = call.query
        named = {
            'transfer_id': query.transfer_id,
            'deployment_id': query.deployment_id,
            'execution_id': query.execution_id,
        }
        filters = {k: v for k, v in named.items() if v is not None}
        feed = call.site.feed
        if call.wants(STREAM):
            environ = pecan.request.environ
            stream = feed.open(
                call.project_id, _after(call), filters, environ.get(site.GONE)
            )
            environ[site.STREAM] = stream
            answer = webob.Response(
                text=':', content_type=STREAM, charset='utf-8'
            )
            answer.headers['Cache-Control'] = 'no-store'
            # nginx would hold small pieces back.
            answer.headers['X-Accel-Buffering'] = 'no'
            return answer
        limit = min(query.limit or 1000, 1000)
        after = int(query.marker or 0)
        found, seen = feed.page(call.project_id, after, limit, filters)
        return schema.EventsAnswer(
            events=[view.event(one) for one in found], marker=str(seen)
        )


def _after(call: Call) -> int | None:
    """What the header of a client that comes again says, else the query."""
    said = call.headers.get('Last-Event-ID')
    if said:
        given = decode_query(schema.EventsQuery, {'marker': [said]})
        return int(given.marker or 0)
    return int(call.query.marker) if call.query.marker else None
