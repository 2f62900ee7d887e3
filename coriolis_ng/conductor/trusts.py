# SPDX-License-Identifier: Apache-2.0
"""A trust for each transfer: made with it, used by its work, gone with it.

As with the ledger, a row says what is being made before Keystone is asked,
and stays until Keystone has forgotten it. Without Keystone nothing happens.
"""

from __future__ import annotations

import datetime
import logging

from sqlalchemy.orm import Session

from coriolis_ng import errors
from coriolis_ng.conductor.asking import Asker
from coriolis_ng.conductor.parts import Parts
from coriolis_ng.db import api as db
from coriolis_ng.objects import new_id
from coriolis_ng.objects.endpoint import Endpoint
from coriolis_ng.objects.trust import Grant, Trust

LOG = logging.getLogger(__name__)

# Nobody is that long about to make one.
MAKING_SECONDS = 600
_REMEDY = (
    'Update the transfer (a change of its notes is enough) as a user who may '
    'use its clouds: that makes a new trust.'
)


def begin(parts: Parts, who: Asker) -> Trust | None:
    """Has Keystone make one that nobody owns yet; None without Keystone.

    ``Forbidden`` where the token allows it not.
    """
    if parts.trusts is None or not who.token:
        return None
    trust = Trust(
        id=new_id(),
        project_id=who.project_id,
        user_id=who.user_id,
        owner_id='',
        roles=who.roles,
    )
    trust = parts.database.write(lambda s: db.trusts.create(s, trust))
    try:
        kind, external_id, clear = parts.trusts.make(trust, who.token)
    except errors.CoriolisError:
        abandon(parts, trust)
        raise
    secret = ''
    if clear:
        secret = parts.secrets.put(clear.encode(), project_id=who.project_id)
    return parts.database.write(
        lambda s: db.trusts.made(s, trust.id, kind, external_id, secret)
    )


def own(parts: Parts, trust: Trust | None, owner_id: str) -> None:
    """From here on the owner works under this one, and no other."""
    if trust is None:
        return
    id = trust.id

    def write(session: Session) -> None:
        db.trusts.own(session, id, owner_id)
        db.trusts.doom(session, owner_id=owner_id, but=id)

    parts.database.write(write)


def disown(parts: Parts, owner_id: str) -> None:
    """The owner is gone."""
    parts.database.write(lambda s: db.trusts.doom(s, owner_id=owner_id))


def abandon(parts: Parts, trust: Trust | None, token: str = '') -> None:
    """Nobody will work under it."""
    if trust is None:
        return
    id = trust.id
    parts.database.write(lambda s: db.trusts.abandon(s, id))
    sweep(parts, token)


def of_transfer(parts: Parts, transfer_id: str) -> Grant:
    """A token for the work of a transfer; ``AuthFailed`` says what to do
    when there can be none."""
    trust = parts.database.read(lambda s: db.trusts.find(s, transfer_id))
    return _granted(parts, trust)


def of_endpoint(parts: Parts, endpoint: Endpoint, who: Asker | None) -> Grant:
    """A token for a question: the caller's own, else of a transfer that
    uses the endpoint, or has left something there."""
    if parts.trusts is not None and who is not None and who.token:
        return parts.trusts.lend(who.token, who.project_id)
    trust = parts.database.read(lambda s: db.trusts.using(s, endpoint.id))
    return _granted(parts, trust)


def sweep(parts: Parts, token: str = '') -> None:
    """Removes from Keystone what nobody works under any more; what fails
    is tried again the next time. Called periodically."""
    trusts = parts.trusts
    if trusts is None:
        return
    pause = datetime.timedelta(seconds=MAKING_SECONDS)
    for one in parts.database.read(
        lambda s: db.trusts.to_drop(s, parts.database.now(s) - pause)
    ):
        try:
            trusts.drop(one, _secret(parts, one), token)
        except errors.CoriolisError as error:
            LOG.warning(
                'trust=%s is not removed yet: %s (%s)',
                one.id,
                error.message,
                error.detail,
            )
            continue
        if one.secret:
            parts.secrets.drop(one.secret, project_id=one.project_id)
        parts.database.write(lambda s, id=one.id: db.trusts.delete(s, id))


def _granted(parts: Parts, trust: Trust | None) -> Grant:
    if parts.trusts is None:
        raise errors.Unsupported(
            'Connection information that lies in Barbican wants Keystone, '
            'and this service runs without it.'
        )
    if trust is None:
        raise errors.AuthFailed(f'The transfer has no trust. {_REMEDY}')
    try:
        return parts.trusts.grant(trust, _secret(parts, trust))
    except errors.AuthFailed as error:
        raise errors.AuthFailed(
            f'{error.message}: its trust was revoked, or the user who made '
            f'it lost a role or the account. {_REMEDY}',
            detail=error.detail,
        ) from None


def _secret(parts: Parts, trust: Trust) -> str:
    if not trust.secret:
        return ''
    found = parts.secrets.get(trust.secret, project_id=trust.project_id)
    return found.decode()
