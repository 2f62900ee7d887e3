# SPDX-License-Identifier: Apache-2.0
"""Strays: things in a cloud that nobody owns any more, removed by hand or by
the audit. A worker is asked to drop one, and then the ledger forgets it."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from coriolis_ng import errors
from coriolis_ng.conductor import queries
from coriolis_ng.conductor.asking import Asker
from coriolis_ng.conductor.parts import Parts
from coriolis_ng.db import api as db
from coriolis_ng.objects import to_plain
from coriolis_ng.objects.endpoint import Endpoint
from coriolis_ng.objects.resource import Side
from coriolis_ng.objects.stray import Stray


def remove(parts: Parts, who: Asker, id: str, *, forget: bool = False) -> None:
    """Removes one now; raises what its cloud raised. ``forget`` asks no
    cloud and only takes it out of the ledger. ``Conflict`` while the
    transfer that left it is busy."""

    def look(session: Session) -> Stray:
        stray = db.strays.get(session, id, who.project_id)
        _check_free(session, stray)
        return stray

    stray = parts.database.read(look)
    if forget:
        parts.database.write(lambda s: db.strays.delete(s, stray))
        return
    pause = parts.settings.audit_retry_seconds
    if not parts.database.write(lambda s: db.strays.claim(s, stray, pause)):
        raise errors.Conflict('The audit is removing it at this moment.')
    drop(parts, stray, who)


def drop(parts: Parts, stray: Stray, who: Asker | None = None) -> None:
    """Asks a worker to drop it, and forgets it; where that fails, the
    reason is kept and raised. Works under the asker's rights, or those of
    the transfer that left it."""
    given = stray.resource
    try:
        ask(parts, stray.endpoint_id, stray.side, 'drop', given, who)
    except errors.CoriolisError as error:
        reason = error.message
        parts.database.write(lambda s: db.strays.kept(s, stray, reason))
        raise
    parts.database.write(lambda s: db.strays.delete(s, stray))


def ask(
    parts: Parts,
    endpoint_id: str | None,
    side: Side,
    verb: str,
    given: Any,
    who: Asker | None = None,
) -> Any:
    """The plain answer of one end of a cloud (``drop``, ``tagged``);
    ``NotFound`` for a cloud whose endpoint was deleted."""
    endpoint = parts.database.read(lambda s: _endpoint(s, endpoint_id))
    word = 'source' if side is Side.SOURCE else 'target'
    args = {'given': to_plain(given)}
    return queries.ask(parts, endpoint, f'{word}_{verb}', args, who=who)


def _endpoint(session: Session, id: str | None) -> Endpoint:
    if id is not None:
        try:
            return db.endpoints.get(session, id)
        except errors.NotFound:
            pass
    raise errors.NotFound(
        'The endpoint of its cloud was deleted, so nobody can be asked to '
        'remove it: remove it by hand, and forget it here.'
    )


def _check_free(session: Session, stray: Stray) -> None:
    if stray.transfer_id is None:
        return
    try:
        transfer = db.transfers.get(session, stray.transfer_id)
    except errors.NotFound:
        return
    if transfer.busy_with is not None:
        raise errors.Conflict(
            f'The transfer is busy with the execution {transfer.busy_with}, '
            'which may be removing it: wait for its end.'
        )
