# SPDX-License-Identifier: Apache-2.0
"""What goes with a transfer when its row goes."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy.orm import Session

from coriolis_ng.conductor import connections, scripts
from coriolis_ng.conductor.parts import Parts
from coriolis_ng.db import api as db
from coriolis_ng.objects.transfer import Transfer


def forget(session: Session, transfer: Transfer) -> tuple[str, ...]:
    """Removes the row, and the endpoints that were made with it unless
    others use them by now; gives the secrets that nothing refers to any
    more, for ``drop_secrets`` after the commit."""
    db.transfers.delete(session, transfer.id)
    db.trusts.doom(session, owner_id=transfer.id)
    unused = [*scripts.refs(transfer.spec.user_scripts)]
    own = db.endpoints.several(session, transfer.spec.own_endpoints)
    for endpoint in own.values():
        if not db.endpoints.users_of(session, endpoint.id):
            db.endpoints.delete(session, endpoint.id)
            unused.append(endpoint.secret)
    return tuple(unused)


def drop_secrets(parts: Parts, project_id: str, refs: Iterable[str]) -> None:
    """Those of endpoints that are gone, and of scripts."""
    for ref in refs:
        connections.drop(parts, project_id, ref)
