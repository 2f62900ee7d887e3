# SPDX-License-Identifier: Apache-2.0
"""Options of a provider, checked by the schema its workers registered."""

from __future__ import annotations

from typing import Any

import jsonschema
from jsonschema import exceptions
from sqlalchemy.orm import Session

from coriolis_ng import errors
from coriolis_ng.api.views import providers
from coriolis_ng.db import api as rows

# Their messages speak of names only; those of all others quote the value,
# which may be a password.
_NAMES_ONLY = frozenset(
    {'required', 'additionalProperties', 'dependentRequired'}
)


def check_connection(
    session: Session, type_: str, info: dict[str, Any], field: str
) -> None:
    """Raises ``InvalidInput`` for a platform that no worker knows, or
    information that its schema refuses. While there is no worker at all
    nothing can be said; validation will."""
    known = providers.known(rows.services.list(session))
    if not known:
        return
    if type_ not in known:
        names = ', '.join(sorted(known))
        raise errors.InvalidInput(
            f'There is no provider {type_!r}; there are: {names}.',
            field='$.endpoint.type',
        )
    if 'secret_ref' not in info:
        _check(known[type_].schemas.get('connection'), info, field)


def check_environment(
    session: Session,
    type_: str,
    side: str,
    environment: dict[str, Any],
    field: str,
) -> None:
    """``side`` is source or destination; raises ``InvalidInput``."""
    info = providers.known(rows.services.list(session)).get(type_)
    if info is not None:
        _check(info.schemas.get(side), environment, field)


def _check(schema: Any, value: dict[str, Any], field: str) -> None:
    if schema is None:
        return
    found = exceptions.best_match(
        jsonschema.Draft202012Validator(schema).iter_errors(value)
    )
    if found is None:
        return
    where = field + found.json_path.removeprefix('$')
    if found.validator in _NAMES_ONLY:
        said = found.message
    else:
        said = f'does not satisfy {found.validator} {found.validator_value!r}'
    raise errors.InvalidInput(
        f'Schema validation failed at {where}: {said}', field=where
    )
