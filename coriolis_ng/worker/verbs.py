# SPDX-License-Identifier: Apache-2.0
"""The questions that a cloud can be asked; runs in a child process."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from coriolis_ng import errors
from coriolis_ng.objects import from_plain, to_plain
from coriolis_ng.objects.preflight import Finding, Severity
from coriolis_ng.objects.resource import Resource
from coriolis_ng.objects.transfer import StorageMappings
from coriolis_ng.objects.vm import Vm
from coriolis_ng.objects.volume import Volumes
from coriolis_ng.providers.base import (
    Connection,
    Inventory,
)
from coriolis_ng.rpc.wire import Answer, Query
from coriolis_ng.worker.access import connect_with
from coriolis_ng.worker.work import provider_of

Args = Mapping[str, Any]
_SPECIAL = frozenset(r'.^$*+?{}[]\|()')


def answer(
    query: Query,
    provider: str,
    secret: bytes,
    learn: Callable[[bytes], None] = lambda payload: None,
) -> Answer:
    """The answer, or an error of ``coriolis_ng.errors``; ``provider`` is
    a :func:`reference`; ``learn`` is told of secrets that are found on the
    way."""
    kind = provider_of(provider)

    def connect() -> Connection:
        return connect_with(kind, query.access.secret, secret, learn)

    if query.verb == 'validate':
        return _validate(connect)
    if query.verb not in _VERBS:
        raise errors.Unsupported(f'There is no question {query.verb!r}.')
    connection = connect()
    try:
        found = _VERBS[query.verb](connection, query.args)
    finally:
        connection.close()
    if query.verb.endswith('_preflight'):
        return Answer(value=to_plain(found), findings=tuple(found))
    return Answer(value=to_plain(found))


def _validate(connect: Callable[[], Connection]) -> Answer:
    message = None
    try:
        connection = connect()
        try:
            connection.ping()
        finally:
            connection.close()
    except errors.CoriolisError as error:
        message = error.message
    return Answer(value={'valid': message is None, 'message': message})


def _instances(connection: Connection, args: Args) -> Any:
    inventory = _inventory(connection)
    marker = args.get('marker')
    if marker is not None:
        # Clients go on after an id, clouds after a name.
        try:
            marker = inventory.get_vm(marker).name
        except errors.NotFound:
            raise errors.InvalidInput(
                f'there is no {marker!r} to continue after', field='$.marker'
            ) from None
    name, limit = args.get('name'), args.get('limit')
    if not name or not _SPECIAL & set(name):
        return list(inventory.list_vms(marker=marker, limit=limit, name=name))
    found = inventory.list_vms(marker=marker, limit=None, name=None)
    fits = _pattern(name)
    return [vm for vm in found if name in vm.name or fits(vm.name)][:limit]


def _pattern(name: str) -> Callable[[str], Any]:
    """Finds what a regular expression finds; nothing for one that is none,
    because it may just be a name with a bracket in it."""
    try:
        return re.compile(name).search
    except re.error:
        return lambda _: None


def _instance(connection: Connection, args: Args) -> Any:
    return _inventory(connection).get_vm(args['name'])


def _networks(connection: Connection, args: Args) -> Any:
    return list(_inventory(connection).list_networks())


def _storage(connection: Connection, args: Args) -> Any:
    return list(_inventory(connection).list_storage())


def _options(connection: Connection, args: Args) -> Any:
    return list(_inventory(connection).options(args.get('names')))


def _pool_options(connection: Connection, args: Args) -> Any:
    """``args``: ``side`` is source or destination, ``names`` as above."""
    pools = getattr(connection, 'pools', None)
    if pools is None:
        raise errors.Unsupported('This cloud has no minion pools.')
    return list(pools.options(args.get('side', ''), args.get('names')))


def _source_preflight(connection: Connection, args: Args) -> Any:
    exports = connection.exports
    if exports is None:
        raise errors.Unsupported('This cloud cannot be a source.')
    name = args['instance']
    try:
        vm = _inventory(connection).get_vm(name)
    except errors.NotFound as error:
        return [_missing(name, error.message)]
    return _named(exports.preflight(vm, args.get('options') or {}), name)


def _target_preflight(connection: Connection, args: Args) -> Any:
    imports = connection.imports
    if imports is None:
        raise errors.Unsupported('This cloud cannot be a destination.')
    vm = from_plain(Vm, args['vm'])
    storage = from_plain(StorageMappings, args.get('storage') or {})
    existing = from_plain(Volumes, args.get('existing') or {})
    options = args.get('options') or {}
    found = imports.preflight(vm, storage, options, existing)
    return _named(found, vm.name)


def _source_drop(connection: Connection, args: Args) -> Any:
    _end(connection.exports).drop(from_plain(Resource, args['given']))


def _target_drop(connection: Connection, args: Args) -> Any:
    _end(connection.imports).drop(from_plain(Resource, args['given']))


def _source_tagged(connection: Connection, args: Args) -> Any:
    return list(_end(connection.exports).list_tagged(args['given']))


def _target_tagged(connection: Connection, args: Args) -> Any:
    return list(_end(connection.imports).list_tagged(args['given']))


def _end(end: Any) -> Any:
    if end is None:
        raise errors.Unsupported('This cloud has no such end.')
    return end


def _missing(name: str, meaning: str) -> Finding:
    return Finding(
        code='instance_not_found',
        severity=Severity.ERROR,
        meaning=meaning,
        remedy='Check the name of the instance at the source.',
        instance=name,
    )


def _named(found: Iterable[Finding], name: str) -> list[Finding]:
    return [
        one if one.instance else msgspec.structs.replace(one, instance=name)
        for one in found
    ]


def _inventory(connection: Connection) -> Inventory:
    if connection.inventory is None:
        raise errors.Unsupported('This cloud cannot be browsed.')
    return connection.inventory


_VERBS: dict[str, Callable[[Connection, Args], Any]] = {
    'instances': _instances,
    'instance': _instance,
    'networks': _networks,
    'storage': _storage,
    'options': _options,
    'pool_options': _pool_options,
    'source_preflight': _source_preflight,
    'target_preflight': _target_preflight,
    'source_drop': _source_drop,
    'target_drop': _target_drop,
    'source_tagged': _source_tagged,
    'target_tagged': _target_tagged,
}
