# SPDX-License-Identifier: Apache-2.0
"""Starts what has waited, when something has become free."""

from __future__ import annotations

import logging

from coriolis_ng import errors
from coriolis_ng.conductor import turns
from coriolis_ng.conductor.advance import advance, move
from coriolis_ng.conductor.parts import Parts
from coriolis_ng.db import api as db
from coriolis_ng.db.errors import Away

LOG = logging.getLogger(__name__)


def wake(parts: Parts, *, everybody: bool = False) -> None:
    """Starts whose turn it is. Whoever frees a slot calls it (or ``move``)
    after the commit, so that every free slot is seen by somebody; of
    ``everybody`` it is called now and then, for what was missed: then what
    tasks want is found out anew."""
    if not everybody:
        move(parts, [])
        return
    for id in parts.database.read(lambda s: turns.next_up(parts, s)):
        try:
            advance(parts, id)
        except Away:
            raise  # no fault of this one's
        except errors.CoriolisError as error:
            # Those behind it must not wait for what cannot be started.
            LOG.warning('execution=%s is passed by: %s', id, error.message)
            parts.database.write(lambda s, i=id: db.turns.forget(s, i))
