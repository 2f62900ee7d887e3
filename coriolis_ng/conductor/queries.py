# SPDX-License-Identifier: Apache-2.0
"""Questions to clouds, through a worker: no task, no row, no retry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from coriolis_ng import errors
from coriolis_ng.conductor import connections, schemas, scope
from coriolis_ng.conductor.asking import Asker
from coriolis_ng.conductor.parts import Parts
from coriolis_ng.conductor.workers import workers
from coriolis_ng.db import api as db
from coriolis_ng.objects.endpoint import Endpoint
from coriolis_ng.objects.service import Service
from coriolis_ng.rpc import serializer
from coriolis_ng.rpc.wire import Access, Query
from coriolis_ng.scheduler import Needs, pick, why_none

# Which capability a worker's provider needs for a question.
VERBS: Mapping[str, frozenset[str]] = {
    'validate': frozenset(),
    'instances': frozenset({'inventory'}),
    'instance': frozenset({'inventory'}),
    'networks': frozenset({'inventory'}),
    'storage': frozenset({'inventory'}),
    'options': frozenset({'inventory'}),
    'pool_options': frozenset({'pools'}),
    'source_preflight': frozenset({'exports'}),
    'target_preflight': frozenset({'imports'}),
}
# Those that only conductors ask.
OWN: Mapping[str, frozenset[str]] = {
    'source_drop': frozenset({'exports'}),
    'target_drop': frozenset({'imports'}),
    'source_tagged': frozenset({'exports'}),
    'target_tagged': frozenset({'imports'}),
}


_BESIDE = frozenset({'network_map', 'storage_mappings'})


def ask_endpoint(
    parts: Parts, who: Asker, id: str, verb: str, args: dict[str, Any]
) -> Any:
    """The plain answer of an endpoint's cloud; raises what the provider
    raised. ``args['env']``, when given, is handed on as the options of the
    environment; ``InvalidInput`` names what does not fit the provider's
    schema. It may be incomplete: people are asked bit by bit."""
    if verb not in VERBS:
        raise errors.InvalidInput(f'There is no question {verb!r}.')
    env = args.get('env') or {}
    # Answers show both in environments; a cloud has no use for them.
    options = {k: v for k, v in env.items() if k not in _BESIDE}

    def look(session: Session) -> Endpoint:
        endpoint = db.endpoints.get(session, id, who.project_id)
        names = _schemas(verb, args.get('side'))
        schemas.check_part(parts, session, endpoint.type, names, options)
        return endpoint

    endpoint = parts.database.read(look)
    rest = {name: value for name, value in args.items() if name != 'env'}
    return ask(parts, endpoint, verb, rest, options, who=who)


def _schemas(verb: str, side: Any) -> tuple[str, ...]:
    """The schemas that an environment may follow in such a question."""
    if verb == 'pool_options':
        return (f'{side}_pool',)
    if verb == 'options':
        return (str(side),)
    if verb in {'instances', 'instance', 'source_preflight'}:
        return ('source',)
    return ('destination', 'source')


def ask(
    parts: Parts,
    endpoint: Endpoint,
    verb: str,
    args: dict[str, Any],
    options: dict[str, Any] | None = None,
    *,
    who: Asker | None = None,
    transfer_id: str | None = None,
) -> Any:
    """The same for an endpoint that was read already. What is asked for a
    transfer is asked under its own trust, as its tasks will be, and under
    nobody else's; other questions under the rights of ``who``."""
    service = _worker(parts, endpoint, verb)
    secret = connections.for_question(parts, endpoint, who, transfer_id)
    question = Query(
        verb=verb,
        access=Access(
            endpoint_id=endpoint.id,
            provider=endpoint.type,
            secret=endpoint.secret,
            options=options or {},
        ),
        args=args,
        secret_sealed=parts.seal(service.seal_key, secret),
    )
    answer = parts.workers.query(service.host, question)
    if answer.code:
        raise serializer.to_error(
            {
                'code': answer.code,
                'message': answer.message,
                'field': answer.field,
            }
        )
    return answer.value


def _worker(parts: Parts, endpoint: Endpoint, verb: str) -> Service:
    found = parts.database.read(lambda s: workers(parts, s)).values()
    needs = Needs(
        providers={endpoint.type: {**VERBS, **OWN}[verb]},
        regions=scope.regions([endpoint]),
        slot=False,
    )
    service = pick(found, needs)
    if service is None:
        raise errors.NoWorker(why_none(found, needs))
    return service
