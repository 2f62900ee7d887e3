# SPDX-License-Identifier: Apache-2.0
"""From what a user says to an id: an id, its beginning, or a name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from coriolis_ng.client import ApiError, Client
from coriolis_ng.client.collection import Collection
from coriolis_ng.client.executions import ExecutionsOfTransfer

_ID = re.compile(r'[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}')
_BEGINNING = 4
Names = Callable[[Any], Iterable[str]]


def pick(
    found: Iterable[Any], said: str, noun: str, names: Names, hint: str
) -> str:
    """The id of the only one that is meant: by id, by one of its names, by
    the beginning (4 or more) of its id, in this order."""
    rows = [*found]
    ways: tuple[Callable[[Any], bool], ...] = (
        lambda one: bool(one['id'] == said),
        lambda one: said in names(one),
        lambda one: (
            len(said) >= _BEGINNING and one['id'].startswith(said.lower())
        ),
    )
    for meant in ways:
        ids = [str(one['id']) for one in rows if meant(one)]
        if len(ids) == 1:
            return ids[0]
        if ids:
            shown = ', '.join(ids[:5]) + (', ...' if ids[5:] else '')
            raise ApiError(
                f'"{said}" may be one of {len(ids)} {noun}s: {shown}. '
                'Give the id.',
                code='ambiguous',
            )
    raise ApiError(f'There is no {noun} "{said}". {hint}', code='not_found')


def named(collection: Collection[Any], said: str, program: str) -> str:
    """The id of what has a field ``name``: an endpoint, a pool, ..."""
    if _ID.fullmatch(said):
        return said
    noun = collection.one.replace('_', ' ')
    return pick(
        collection.all(),
        said,
        noun,
        lambda one: [one['name']],
        f'See: {program} {noun} list',
    )


def endpoint(client: Client, said: str, program: str = 'coriolis') -> str:
    """The id of an endpoint given by name or id."""
    return named(client.endpoints, said, program)


def transfer(
    collection: Collection[Any], said: str, program: str = 'coriolis'
) -> str:
    """The id of a transfer (or replica), given by its id, its notes, or a
    machine that is in no other."""
    if _ID.fullmatch(said):
        return said
    noun = collection.one
    return pick(
        collection.all(),
        said,
        noun,
        lambda one: [one['notes'], *one['instances']],
        f'Say its id, its notes or one of its machines; see: {program} '
        f'{noun} list',
    )


def deployment(
    collection: Collection[Any], said: str, program: str = 'coriolis'
) -> str:
    """The id of a deployment (or migration)."""
    if _ID.fullmatch(said):
        return said
    noun = collection.one
    return pick(
        collection.all(), said, noun, _none, f'See: {program} {noun} list'
    )


def _none(one: Any) -> Iterable[str]:
    return ()


def execution(found: ExecutionsOfTransfer, said: str) -> str:
    """The id of an execution: by id, by number, or ``last``."""
    if _ID.fullmatch(said):
        return said
    if said == 'last':
        newest = found.list(limit=1, sort_key='number', sort_dir='desc')
        if not newest:
            raise ApiError('It was never executed.', code='not_found')
        return newest[0].id
    return pick(
        found.all(),
        said,
        'execution',
        lambda one: [str(one['number'])],
        'Say its id, its number or "last".',
    )
