# SPDX-License-Identifier: Apache-2.0
"""How a row names connection information: in the built-in store, in the
user's Barbican, or in Barbican by ourselves.

A reference is followed in the child of a worker only, and only to the key
manager that Keystone's catalog names: nobody makes the service ask a URL of
his own.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from coriolis_ng import errors
from coriolis_ng.objects import Value
from coriolis_ng.objects.trust import Grant
from coriolis_ng.secrets.base import SecretStore

FIELD = '$.connection_info.secret_ref'
SECRET_REF = 'secret_ref'  # noqa: S105 - the name of a field
SECRET_ID = 'secret_id'  # noqa: S105
# What a task asks the conductor for to get a grant instead of a secret.
GRANT = 'grant'
SECONDS = 30  # for Barbican to answer

_OURS = 'barbican:'
_TRUSTED = 'trust:'
_UUID = re.compile(r'[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}')


class Place(enum.Enum):
    LOCAL = 'local'  # in the built-in store
    THEIRS = 'theirs'  # in Barbican, the user's own
    OURS = 'ours'  # in Barbican, stored by us for the user
    TRUSTED = 'trusted'  # in the built-in store; a token is to be added


class Named(Value):
    """``ref`` is an id of the built-in store or a URL."""

    place: Place
    ref: str

    @property
    def needs_grant(self) -> bool:
        return self.place is not Place.LOCAL

    @property
    def is_local(self) -> bool:
        return self.place in {Place.LOCAL, Place.TRUSTED}


def parse(secret: str) -> Named:
    """What the column ``secret`` of an endpoint means."""
    if secret.startswith(('http://', 'https://')):
        return Named(place=Place.THEIRS, ref=secret)
    if secret.startswith(_OURS):
        return Named(place=Place.OURS, ref=secret.removeprefix(_OURS))
    if secret.startswith(_TRUSTED):
        return Named(place=Place.TRUSTED, ref=secret.removeprefix(_TRUSTED))
    return Named(place=Place.LOCAL, ref=secret)


def ours(url: str) -> str:
    """The column for what we stored in Barbican."""
    return _OURS + url


def trusted(ref: str) -> str:
    """The column for information that a token is to be added to."""
    return _TRUSTED + ref


def field_of(info: Mapping[str, Any]) -> str:
    """Where a reference stands in what was given."""
    word = SECRET_REF if SECRET_REF in info else SECRET_ID
    return f'$.connection_info.{word}'


def is_reference(info: Mapping[str, Any]) -> bool:
    """Whether connection information only says where it lies."""
    return SECRET_REF in info or SECRET_ID in info


def url_of(info: Mapping[str, Any], places: Sequence[str]) -> str:
    """The URL that connection information names; ``InvalidInput`` unless
    it is of a secret in one of ``places``."""
    if len(info) != 1:
        raise errors.InvalidInput(
            'A reference stands alone: the secret holds all of the '
            'connection information.',
            field='$.connection_info',
        )
    if not places:
        raise _wrong('the catalog has no key manager', field_of(info))
    if SECRET_ID in info:
        id = str(info[SECRET_ID])
        if not _UUID.fullmatch(id):
            raise _wrong('it must be the id of a secret', field_of(info))
        return f'{places[0]}/v1/secrets/{id}'
    url = info[SECRET_REF]
    if not isinstance(url, str):
        raise _wrong('it must be the URL of a secret')
    _id_in(url, places)
    return url


def fetch(grant: Grant, url: str) -> bytes:
    """The payload of a secret, with the rights of the grant; an error
    says what is wrong with the reference."""
    id = _id_in(url, grant.references)
    try:
        return _store(grant).get(
            f'{grant.key_manager}/v1/secrets/{id}',
            project_id=grant.project_id,
        )
    except errors.NotFound:
        raise _wrong(
            'there is no such secret; it may have been deleted'
        ) from None
    except errors.Forbidden:
        raise _wrong(
            'its key manager does not let the user read it: it belongs to '
            'another project, or its access list or the roles do not allow it'
        ) from None
    except errors.AuthFailed:
        raise _wrong(
            'the key manager does not take the token under which the '
            'transfer works: its trust was revoked; update the transfer to '
            'make a new one'
        ) from None


def decoded(payload: bytes, *, referred: bool = True) -> dict[str, Any]:
    """Connection information out of a payload."""
    try:
        return msgspec.json.decode(payload, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        if not referred:
            raise errors.CorruptData(
                'stored connection information is no JSON object'
            ) from None
        raise _wrong('its payload must be a JSON object') from None


def keep(grant: Grant, payload: bytes) -> str:
    """Stores in the user's Barbican; the URL."""
    if not grant.key_manager:
        raise errors.Unsupported('The catalog has no key manager.')
    return _store(grant).put(payload, project_id=grant.project_id)


def drop(grant: Grant, url: str) -> None:
    """Silent when it is gone."""
    id = _id_in(url, grant.references)
    _store(grant).drop(
        f'{grant.key_manager}/v1/secrets/{id}', project_id=grant.project_id
    )


def _store(grant: Grant) -> SecretStore:
    # Heavy, and most children never need it.
    from keystoneauth1 import session as sessions
    from keystoneauth1 import token_endpoint

    from coriolis_ng.secrets.barbican import BarbicanStore

    plugin = token_endpoint.Token(f'{grant.key_manager}/v1', grant.token)
    session = sessions.Session(auth=plugin, timeout=SECONDS)
    return BarbicanStore(session)


def _id_in(url: str, places: Sequence[str]) -> str:
    for place in places:
        id = url.removeprefix(f'{place}/v1/secrets/')
        if id != url and _UUID.fullmatch(id):
            return id
    raise _wrong(
        'it is not the URL of a secret in the key manager of the catalog '
        f'({", ".join(places) or "which has none"})'
    )


def _wrong(why: str, field: str = FIELD) -> errors.InvalidInput:
    return errors.InvalidInput(f'{field}: {why}.', field=field)
