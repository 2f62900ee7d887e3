# SPDX-License-Identifier: Apache-2.0
"""Finds the providers that are installed."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from typing import Any

import jsonschema

from coriolis_ng import errors
from coriolis_ng.providers.base import Connection, Provider

GROUP = 'coriolis_ng.providers'


def load(
    names: tuple[str, ...] | None = None,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Provider]:
    """The providers by name; all that are installed when ``names`` is None.

    ``settings`` are what the operator set for some, by name.

    Raises ``NotFound`` for a name that is not installed.
    """
    found = {e.name: e for e in importlib.metadata.entry_points(group=GROUP)}
    if names is None:
        names = tuple(sorted(found))
    if missing := set(names) - found.keys():
        raise errors.NotFound(
            f'No provider is installed for: {", ".join(sorted(missing))}.'
        )
    given = settings or {}
    return {name: found[name].load()(**given.get(name, {})) for name in names}


def connect(provider: Provider, info: Mapping[str, Any]) -> Connection:
    """A connection, after the schema was checked."""
    check(provider.connection_schema, info, 'connection_info')
    return provider.connect(info)


def check(schema: Mapping[str, Any], value: Any, field: str) -> None:
    """Raises ``InvalidInput`` that names the first wrong field."""
    validator = jsonschema.Draft202012Validator(schema)
    error = jsonschema.exceptions.best_match(validator.iter_errors(value))
    if error is None:
        return
    path = f'$.{field}' + error.json_path[1:]
    # The value itself may be a secret: only the rule is told.
    rule = f'{error.validator} {error.validator_value!r}'
    if error.validator in ('required', 'additionalProperties'):
        rule = error.message
    elif error.validator == 'pattern' and 'description' in error.schema:
        rule = error.schema['description'].rstrip('.')
    raise errors.InvalidInput(
        f'{path} does not fit the schema: {rule}.', field=path
    )
