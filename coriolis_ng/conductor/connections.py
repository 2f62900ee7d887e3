# SPDX-License-Identifier: Apache-2.0
"""Connection information: kept where the configuration or the user says,
and handed to workers in a form that tells nothing on the way."""

from __future__ import annotations

import logging
from typing import Any

import msgspec

from coriolis_ng import errors
from coriolis_ng.conductor import trusts
from coriolis_ng.conductor.asking import Asker
from coriolis_ng.conductor.parts import Parts
from coriolis_ng.objects import to_plain
from coriolis_ng.objects.endpoint import Endpoint
from coriolis_ng.objects.service import ProviderInfo
from coriolis_ng.secrets import references
from coriolis_ng.secrets.local import MAX_PAYLOAD
from coriolis_ng.secrets.references import Place

LOG = logging.getLogger(__name__)

# A provider that works with a token of the user's project in the place of
# credentials offers this word; where to, if not to the own cloud.
TRUST = 'trust'
_OWN = 'auth_url'


def keep(
    parts: Parts,
    who: Asker,
    provider: ProviderInfo,
    info: dict[str, Any],
) -> str:
    """Stores it; gives what the endpoint's row names it by."""
    if references.is_reference(info):
        if parts.trusts is None:
            raise errors.InvalidInput(
                'References to Barbican want Keystone, and this service '
                'runs without it: send the connection information itself.',
                field=references.field_of(info),
            )
        return references.url_of(info, parts.trusts.references())
    payload = msgspec.json.encode(info)
    if len(payload) > MAX_PAYLOAD:
        raise errors.InvalidInput(
            f'Connection information has at most {MAX_PAYLOAD} bytes.',
            field='$.connection_info',
        )
    if TRUST in provider.capabilities and _OWN not in info:
        if parts.trusts is None:
            raise errors.InvalidInput(
                'Without credentials there must be Keystone, and this '
                'service runs without it.',
                field='$.connection_info',
            )
        ref = parts.secrets.put(payload, project_id=who.project_id)
        return references.trusted(ref)
    if parts.in_barbican:
        if parts.trusts is None or not who.token:
            raise errors.Unsupported('Barbican is not to be had here.')
        grant = parts.trusts.lend(who.token, who.project_id)
        return references.ours(references.keep(grant, payload))
    return parts.secrets.put(payload, project_id=who.project_id)


def drop(
    parts: Parts, project_id: str, secret: str, who: Asker | None = None
) -> None:
    """Removes what we stored; a user's own secret stays."""
    named = references.parse(secret)
    if named.is_local:
        parts.secrets.drop(named.ref, project_id=project_id)
    if named.place is not Place.OURS:
        return
    try:
        if parts.trusts is None or who is None or not who.token:
            raise errors.AuthFailed('there is no token to do it with')
        grant = parts.trusts.lend(who.token, project_id)
        references.drop(grant, named.ref)
    except errors.CoriolisError as error:
        LOG.warning(
            'the secret %s stays in Barbican: %s', named.ref, error.message
        )


def are_same(parts: Parts, one: Endpoint, other: Endpoint) -> bool:
    """Whether both name one cloud in the same words. Of what lies in
    Barbican the references are compared: only a worker may look there."""
    if one.type != other.type:
        return False
    if one.secret == other.secret:
        return True
    named = [references.parse(end.secret) for end in (one, other)]
    if not all(each.is_local for each in named):
        return False
    first, second = (
        references.decoded(
            parts.secrets.get(each.ref, project_id=end.project_id),
            referred=False,
        )
        for each, end in zip(named, (one, other), strict=True)
    )
    return first == second


def for_question(
    parts: Parts,
    endpoint: Endpoint,
    who: Asker | None,
    transfer_id: str | None = None,
) -> bytes:
    """What the child that answers a question makes the information of; see
    ``worker.access``. To be sealed at once."""
    named = references.parse(endpoint.secret)
    clear = b'{}'
    if named.is_local:
        clear = parts.secrets.get(named.ref, project_id=endpoint.project_id)
    if not named.needs_grant:
        return clear
    if transfer_id is not None:
        grant = trusts.of_transfer(parts, transfer_id)
    else:
        grant = trusts.of_endpoint(parts, endpoint, who)
    return msgspec.json.encode(
        {'grant': to_plain(grant), 'info': msgspec.json.decode(clear)}
    )
