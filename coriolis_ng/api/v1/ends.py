# SPDX-License-Identifier: Apache-2.0
"""Ends that stand inline in a request: endpoints made for one transfer."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from coriolis_ng import errors
from coriolis_ng.api.method import Call, fields_of
from coriolis_ng.api.schemas.replicas import NewAction, NewOrigin
from coriolis_ng.api.v1 import transfers
from coriolis_ng.objects import new_id
from coriolis_ng.objects.endpoint import EndpointSpec
from coriolis_ng.objects.transfer import Transfer
from coriolis_ng.policies import endpoints as rules


def create_transfer(call: Call, given: NewAction, **more: Any) -> Transfer:
    """The transfer with its ends; ``more`` are fields of its spec. Nothing
    is left of it when it is refused."""
    given.check()
    made: list[str] = []
    try:
        origin = _endpoint(call, given, 'origin', made)
        destination = _endpoint(call, given, 'destination', made)
        with _places(given):
            spec = transfers.spec_of(given.transfer(origin, destination))
            spec = msgspec.structs.replace(
                spec, own_endpoints=tuple(made), **more
            )
            return call.site.conductor.transfer_create(call.rpc(), spec)
    except errors.CoriolisError:
        _undo(call, made)
        raise


def _endpoint(call: Call, given: NewAction, end: str, made: list[str]) -> str:
    inline: NewOrigin | None = getattr(given, end)
    if inline is None:
        return str(getattr(given, f'{end}_endpoint_id'))
    call.check(rules.CREATE)
    spec = EndpointSpec(
        # Clients look endpoints up by name, so it is unique.
        name=f'{end} {new_id()}',
        type=inline.type,
        connection_info=inline.access(),
        description=f'Given inline as the {end} of '
        f'{", ".join(given.instances)}'[:1000],
    )
    with fields_of(f'$.{end}'):
        endpoint = call.site.conductor.endpoint_create(call.rpc(), spec)
    made.append(endpoint.id)
    return endpoint.id


def _undo(call: Call, made: Sequence[str]) -> None:
    for id in made:
        # What is left then is an endpoint that the user can see and delete.
        with contextlib.suppress(errors.CoriolisError):
            call.site.conductor.endpoint_delete(call.rpc(), id)


@contextlib.contextmanager
def _places(given: NewAction) -> Iterator[None]:
    """Names fields as they stand in the request."""
    names = {'destination_environment': given.environment()[0]}
    for end in ('origin', 'destination'):
        if getattr(given, end) is not None:
            names[f'{end}_endpoint_id'] = f'{end}.type'
    try:
        yield
    except errors.InvalidInput as error:
        for name, place in names.items():
            if error.field.startswith(f'$.{name}'):
                rest = error.field.removeprefix(f'$.{name}')
                error.field = f'$.{place}{rest}'
                break
        raise
