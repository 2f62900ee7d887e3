# SPDX-License-Identifier: Apache-2.0
"""Gets at a cloud from a child: finds its connection information wherever it
lies, and connects.

Only here is a reference to Barbican followed, with a token that the
conductor got for this transfer and this moment.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from coriolis_ng import errors
from coriolis_ng.objects import from_plain
from coriolis_ng.objects.trust import Grant
from coriolis_ng.providers import registry
from coriolis_ng.providers.base import Connection, Provider
from coriolis_ng.secrets import references
from coriolis_ng.secrets.references import Place


def connect(
    provider: Provider,
    secret: str,
    *,
    clear: Callable[[str], bytes],
    grant: Callable[[], Grant],
    learn: Callable[[bytes], None],
) -> Connection:
    """A connection to the cloud whose endpoint has that ``secret``.

    ``clear`` reads the built-in store, ``grant`` asks for a token, and
    ``learn`` is told what must not be in any log.
    """
    named = references.parse(secret)
    if named.place is Place.LOCAL:
        info = references.decoded(clear(named.ref), referred=False)
        return registry.connect(provider, info)
    if named.place is Place.TRUSTED:
        info = references.decoded(clear(named.ref), referred=False)
        trusting = getattr(provider, 'connect_trusted', None)
        if trusting is None:
            raise errors.Unsupported(
                f'The type {provider.name!r} wants credentials.'
            )
        registry.check(provider.connection_schema, info, 'connection_info')
        made: Connection = trusting(info, grant)
        return made
    payload = references.fetch(grant(), named.ref)
    learn(payload)
    return registry.connect(provider, references.decoded(payload))


def connect_with(
    provider: Provider,
    secret: str,
    payload: bytes,
    learn: Callable[[bytes], None],
) -> Connection:
    """The same with what a question brought along: the information, or
    ``{"grant": ..., "info": ...}`` for what needs a token."""
    clear = payload
    granted: Grant | None = None
    if references.parse(secret).needs_grant:
        both = msgspec.json.decode(payload)
        granted = from_plain(Grant, both['grant'])
        clear = msgspec.json.encode(both['info'])

    def grant() -> Grant:
        assert granted is not None
        return granted

    return connect(
        provider, secret, clear=lambda _: clear, grant=grant, learn=learn
    )
