# SPDX-License-Identifier: Apache-2.0
"""Checks what users say against what the workers' providers ask for.

The schemas come from the rows of services, so nothing is sent anywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy.orm import Session

from coriolis_ng import errors
from coriolis_ng.conductor.parts import Parts
from coriolis_ng.conductor.workers import workers
from coriolis_ng.objects.service import ProviderInfo, Service
from coriolis_ng.objects.transfer import UserScripts
from coriolis_ng.providers import registry
from coriolis_ng.secrets import references


def find_provider(
    parts: Parts, session: Session, name: str, field: str
) -> ProviderInfo:
    """What a worker says of a provider; those that are alive first.

    ``InvalidInput`` when no worker has ever offered it.
    """
    services = workers(parts, session).values()
    offers = [
        (service, provider)
        for service in sorted(services, key=_best_first)
        for provider in service.providers
    ]
    for _, provider in offers:
        if provider.name == name:
            return provider
    known = ', '.join(sorted({p.name for _, p in offers})) or 'none'
    raise errors.InvalidInput(
        f'No worker offers the type {name!r}; offered: {known}.', field=field
    )


def check_connection(provider: ProviderInfo, info: dict[str, Any]) -> None:
    """``InvalidInput`` naming the field; what rests in another secret
    store cannot be looked at before it is used."""
    if references.is_reference(info):
        return
    schema = provider.schemas.get('connection', {})
    registry.check(schema, info, 'connection_info')


def check_environment(
    provider: ProviderInfo, side: str, value: dict[str, Any]
) -> None:
    """``side`` is ``source`` or ``destination``; ``InvalidInput`` naming
    the field, ``Unsupported`` when the platform is no such end."""
    needed = 'exports' if side == 'source' else 'imports'
    if needed not in provider.capabilities:
        raise errors.InvalidInput(
            f'The type {provider.name!r} cannot be a {side}.',
            field='$.origin_endpoint_id'
            if side == 'source'
            else '$.destination_endpoint_id',
        )
    schema = provider.schemas.get(side, {})
    registry.check(schema, value, f'{side}_environment')


def check_part(
    parts: Parts,
    session: Session,
    type_: str,
    names: Sequence[str],
    value: dict[str, Any],
) -> None:
    """``InvalidInput`` naming what fits none of the provider's schemas of
    these names; what is still missing is no error. Where nobody offers the
    type there is nothing to check it by."""
    if not value:
        return
    try:
        provider = find_provider(parts, session, type_, '')
    except errors.InvalidInput:
        return
    wrong: errors.InvalidInput | None = None
    for name in names:
        schema = provider.schemas.get(name)
        if schema is None:
            continue
        part = {k: v for k, v in schema.items() if k != 'required'}
        try:
            registry.check(part, value, 'env')
        except errors.InvalidInput as error:
            wrong = wrong or error
        else:
            return
    if wrong is not None:
        raise wrong


def check_names(names: Iterable[str], most: int) -> None:
    """Instances: some, not too many, each once and none of them empty."""
    seen: set[str] = set()
    for index, name in enumerate(names):
        field = f'$.instances[{index}]'
        if not name.strip() or len(name) > 255:
            raise errors.InvalidInput(
                'The name of an instance has 1 to 255 characters.',
                field=field,
            )
        if name in seen:
            raise errors.InvalidInput(
                f'The instance {name!r} is named twice.', field=field
            )
        seen.add(name)
    if not 1 <= len(seen) <= most:
        raise errors.InvalidInput(
            f'A transfer has 1 to {most} instances.', field='$.instances'
        )


def check_known(
    named: Iterable[str], instances: Sequence[str], field: str
) -> None:
    """``InvalidInput`` for what is said of a machine that is not there."""
    for name in named:
        if name not in instances:
            known = ', '.join(repr(one) for one in instances)
            raise errors.InvalidInput(
                f'The transfer has no instance {name!r}, only {known}.',
                field=f'{field}.{name}',
            )


def check_scripts(scripts: UserScripts, instances: Sequence[str]) -> None:
    """The same for user scripts."""
    field = '$.user_scripts.instances'
    check_known(scripts.by_instance, instances, field)


def _best_first(service: Service) -> tuple[bool, bool, str]:
    return not service.alive, not service.enabled, service.host
