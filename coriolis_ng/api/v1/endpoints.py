# SPDX-License-Identifier: Apache-2.0
"""Endpoints, and questions to the clouds behind them."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import msgspec
from msgspec import UNSET

from coriolis_ng import errors
from coriolis_ng.api.method import (
    Actions,
    Call,
    Controller,
    Tagged,
    action,
    fields_of,
    method,
)
from coriolis_ng.api.schemas import bandwidth
from coriolis_ng.api.schemas import endpoints as schema
from coriolis_ng.api.schemas.parts import PageQuery
from coriolis_ng.api.views import endpoints as view
from coriolis_ng.api.views import providers
from coriolis_ng.db import api as rows
from coriolis_ng.objects import from_plain, to_plain
from coriolis_ng.objects.endpoint import Endpoint, EndpointSpec
from coriolis_ng.objects.network import Network, Option, Storage
from coriolis_ng.objects.vm import Vm
from coriolis_ng.policies import endpoints as rules

ONE = '/endpoints/{endpoint_id}'


class EndpointActions(Actions):
    @action(
        f'POST {ONE}/actions',
        'validate-connection',
        rules.VALIDATE,
        answer=schema.ValidationAnswer,
    )
    def validate(self, id: str, *, call: Call) -> schema.ValidationAnswer:
        """Try the credentials; a refusal is an answer, not an error."""
        found(call, id)
        try:
            said = call.site.conductor.endpoint_query(
                call.rpc(), id, 'validate', {}
            )
        except (errors.NoWorker, errors.NotFound):
            raise
        except errors.CoriolisError as error:
            said = {'valid': False, 'message': error.message}
        return schema.ValidationAnswer(
            validation=schema.Validation(
                valid=bool(said.get('valid')), message=said.get('message')
            )
        )


class Instances(Controller):
    @method(
        f'GET {ONE}/instances',
        rules.BROWSE,
        query=schema.InstancesQuery,
        answer=schema.InstancesAnswer,
    )
    def get_all(self, id: str, *, call: Call) -> schema.InstancesAnswer:
        """List the machines of the cloud."""
        query: schema.InstancesQuery = call.query
        limit = min(query.limit, 1000) if query.limit else None
        plain = ask(
            call,
            id,
            'instances',
            marker=query.marker,
            limit=limit,
            name=query.name or None,
            **({'refresh': True} if _is_true(query.refresh) else {}),
        )
        machines = from_plain(list[Vm], plain)
        return schema.InstancesAnswer(
            instances=[view.instance(vm) for vm in machines]
        )

    @method(
        f'GET {ONE}/instances/{{instance}}',
        rules.BROWSE,
        query=schema.EnvQuery,
        answer=schema.InstanceAnswer,
    )
    def get_one(
        self, id: str, instance: str, *, call: Call
    ) -> schema.InstanceAnswer:
        """Show a machine; its name comes in URL-safe base64."""
        try:
            name = unpacked(instance).decode()
        except UnicodeDecodeError:
            raise _not_base64('instance') from None
        plain = ask(call, id, 'instance', name=name)
        return schema.InstanceAnswer(
            instance=view.instance_detail(from_plain(Vm, plain))
        )


class Networks(Controller):
    @method(
        f'GET {ONE}/networks',
        rules.BROWSE,
        query=schema.EnvQuery,
        answer=schema.NetworksAnswer,
    )
    def get_all(self, id: str, *, call: Call) -> schema.NetworksAnswer:
        """List the networks of the cloud."""
        found_ = from_plain(list[Network], ask(call, id, 'networks'))
        return schema.NetworksAnswer(
            networks=[view.network(one) for one in found_]
        )


class StorageBackends(Controller):
    @method(
        f'GET {ONE}/storage',
        rules.BROWSE,
        query=schema.EnvQuery,
        answer=schema.StorageAnswer,
    )
    def get_all(self, id: str, *, call: Call) -> schema.StorageAnswer:
        """List the storage of the cloud."""
        found_ = from_plain(list[Storage], ask(call, id, 'storage'))
        return schema.StorageAnswer(storage=view.storage(found_))


class SourceOptions(Controller):
    @method(
        f'GET {ONE}/source-options',
        rules.BROWSE,
        query=schema.OptionsQuery,
        answer=schema.SourceOptionsAnswer,
    )
    def get_all(self, id: str, *, call: Call) -> schema.SourceOptionsAnswer:
        """List what can be chosen in a source environment."""
        return schema.SourceOptionsAnswer(
            source_options=offered(call, id, 'options', 'source')
        )


class DestinationOptions(Controller):
    @method(
        f'GET {ONE}/destination-options',
        rules.BROWSE,
        query=schema.OptionsQuery,
        answer=schema.DestinationOptionsAnswer,
    )
    def get_all(
        self, id: str, *, call: Call
    ) -> schema.DestinationOptionsAnswer:
        """List what can be chosen in a destination environment."""
        return schema.DestinationOptionsAnswer(
            destination_options=offered(call, id, 'options', 'destination')
        )


class Endpoints(Controller):
    actions = EndpointActions()
    instances = Instances()
    networks = Networks()
    storage = StorageBackends()

    @method(
        'GET /endpoints',
        rules.LIST,
        query=PageQuery,
        answer=schema.EndpointsAnswer,
    )
    def get_all(self, *, call: Call) -> schema.EndpointsAnswer:
        """List endpoints."""
        with call.site.database.reader() as session:
            several = rows.endpoints.list(
                session, call.project_id, call.query.page()
            )
        return schema.EndpointsAnswer(
            endpoints=[view.endpoint(one) for one in several]
        )

    @method(
        f'GET {ONE}',
        rules.SHOW,
        answer=schema.EndpointAnswer,
        tagged=True,
    )
    def get_one(self, id: str, *, call: Call) -> Tagged:
        """Show an endpoint; its credentials are masked."""
        return _tagged(found(call, id))

    @method(
        'POST /endpoints',
        rules.CREATE,
        body=schema.CreateEndpoint,
        answer=schema.EndpointAnswer,
    )
    def post(self, *, call: Call) -> schema.EndpointAnswer:
        """Create an endpoint."""
        given: schema.NewEndpoint = call.body.endpoint
        _refuse_mask(given.connection_info)
        with fields_of('$.endpoint'):
            spec = EndpointSpec(
                name=given.name,
                type=given.type,
                connection_info=given.connection_info,
                description=given.description or '',
                mapped_regions=tuple(given.mapped_regions or ()),
                slots=given.slots or None,
                bandwidth=bandwidth.value(given.bandwidth_limit),
            )
            made = call.site.conductor.endpoint_create(call.rpc(), spec)
        return schema.EndpointAnswer(endpoint=view.endpoint(made))

    @method(
        f'PUT {ONE}',
        rules.UPDATE,
        body=schema.UpdateEndpoint,
        answer=schema.EndpointAnswer,
        tagged=True,
    )
    def put(self, id: str, *, call: Call) -> Tagged:
        """Change an endpoint."""
        version = call.bound_to(found(call, id).version)
        given: schema.EndpointChanges = call.body.endpoint
        if given.connection_info is not UNSET:
            _refuse_mask(given.connection_info)
        empty = {'description': '', 'mapped_regions': []}
        changes = {
            name: empty.get(name) if value is None else value
            for name, value in msgspec.structs.asdict(given).items()
            if value is not UNSET
        }
        with fields_of('$.endpoint'):
            if 'slots' in changes:
                changes['slots'] = changes['slots'] or None
            if 'bandwidth_limit' in changes:
                del changes['bandwidth_limit']
                limit = bandwidth.value(given.bandwidth_limit)
                changes['bandwidth'] = limit and to_plain(limit)
            made = call.site.conductor.endpoint_update(
                call.rpc(), id, changes, version
            )
        return _tagged(made)

    @method(f'DELETE {ONE}', rules.DELETE, status=204, tagged=True)
    def delete(self, id: str, *, call: Call) -> None:
        """Delete an endpoint that no transfer uses."""
        call.bound_to(found(call, id).version)
        call.site.conductor.endpoint_delete(call.rpc(), id)


setattr(Endpoints, 'source-options', SourceOptions())
setattr(Endpoints, 'destination-options', DestinationOptions())


def _tagged(value: Endpoint) -> Tagged:
    shown = schema.EndpointAnswer(endpoint=view.endpoint(value))
    return Tagged(shown, value.version)


def found(call: Call, id: str) -> Endpoint:
    """The endpoint of the caller's project; ``NotFound``."""
    with call.site.database.reader() as session:
        return rows.endpoints.get(session, id, call.project_id)


def ask(call: Call, id: str, verb: str, **args: Any) -> Any:
    """A question to the cloud behind an endpoint of the project."""
    found(call, id)
    if call.query.env is not None:
        args['env'] = decoded(call.query.env, dict[str, Any], 'env')
    return call.site.conductor.endpoint_query(call.rpc(), id, verb, args)


def offered(call: Call, id: str, verb: str, side: str) -> list[schema.Option]:
    """The answer to a question about options."""
    args: dict[str, Any] = {'side': side}
    if call.query.options is not None:
        args['names'] = decoded(call.query.options, list[str], 'options')
    found_ = from_plain(list[Option], ask(call, id, verb, **args))
    known = _named(call, id, side) if verb == 'options' else None
    return [
        view.option(one)
        for one in found_
        if known is None or one.name in known
    ]


def _named(call: Call, id: str, side: str) -> frozenset[str] | None:
    """The names in the schema of that side, which a cloud's own list is
    not divided by; None where nobody has told the schema."""
    endpoint = found(call, id)
    with call.site.database.reader() as session:
        offers = providers.known(rows.services.list(session))
    offer = offers.get(endpoint.type)
    schema_ = offer.schemas.get(side, {}) if offer else {}
    if 'properties' not in schema_:
        return None
    return frozenset(schema_['properties'])


def _is_true(text: str | None) -> bool:
    """As clients write it: ``True``, ``true``, ``1``."""
    return (text or '').lower() in {'true', '1', 'yes', 'on'}


def unpacked(text: str) -> bytes:
    """URL-safe base64, with or without its padding."""
    try:
        return base64.b64decode(
            text + '=' * (-len(text) % 4), altchars=b'-_', validate=True
        )
    except (binascii.Error, ValueError):
        raise _not_base64('instance') from None


def decoded(text: str, kind: Any, field: str) -> Any:
    """JSON of that kind in URL-safe base64."""
    try:
        return msgspec.json.decode(unpacked(text), type=kind)
    except (errors.InvalidInput, msgspec.DecodeError, RecursionError):
        raise _not_base64(field) from None


def _not_base64(field: str) -> errors.InvalidInput:
    return errors.InvalidInput(
        f'{field} is not what it must be, in URL-safe base64.',
        field=f'$.{field}',
    )


def _refuse_mask(info: dict[str, Any]) -> None:
    if view.MASK in info.values():
        # What we showed, sent back: it would destroy the credentials.
        raise errors.InvalidInput(
            'connection_info holds the mask that answers show; leave it out '
            'to keep what is stored.',
            field='$.endpoint.connection_info',
        )
