# SPDX-License-Identifier: Apache-2.0
"""Looks after what is left over in clouds.

What the ledger names and nobody owns is removed, again and again with longer
pauses. Each cloud of an execution that has ended is listed by tag once more,
later: a creation that was still under way may have landed after the cleanup.
"""

from __future__ import annotations

import logging

from sqlalchemy.orm import Session

from coriolis_ng import errors
from coriolis_ng.conductor import strays
from coriolis_ng.conductor.parts import Parts, Settings
from coriolis_ng.db import api as db
from coriolis_ng.db.rows import Audit, Entry
from coriolis_ng.objects import from_plain
from coriolis_ng.objects.resource import Resource
from coriolis_ng.objects.stray import Stray
from coriolis_ng.objects.task import TaskState
from coriolis_ng.tasks.cleanup import LISTED

LOG = logging.getLogger(__name__)

# After so many tries a cloud that never answers is not listed any more;
# what the ledger names is tried for ever.
MOST_LOOKS = 20


def audit(parts: Parts) -> int:
    """One round; how many strays were removed. Called periodically by each
    conductor: who claims a row does it."""
    for one in parts.database.read(db.audits.due):
        _look_again(parts, one)
    gone = 0
    for stray in parts.database.read(db.strays.due):
        gone += _remove(parts, stray)
    return gone


def pause(settings: Settings, tries: int) -> float:
    """Seconds to the next try after so many."""
    return min(
        settings.audit_retry_seconds * 2.0 ** min(tries, 30),
        settings.audit_retry_max_seconds,
    )


def _remove(parts: Parts, stray: Stray) -> bool:
    seconds = pause(parts.settings, stray.tries)
    if not parts.database.write(lambda s: db.strays.claim(s, stray, seconds)):
        return False
    try:
        strays.drop(parts, stray)
    except errors.CoriolisError as error:
        LOG.warning(
            'execution=%s stray=%s %s %s is left over, tried again in %d s: '
            '%s %s',
            stray.execution_id,
            stray.id,
            stray.kind,
            stray.resource_id,
            seconds,
            error.message,
            error.detail,
        )
        return False
    LOG.info(
        'execution=%s stray=%s %s %s was removed',
        stray.execution_id,
        stray.id,
        stray.kind,
        stray.resource_id,
    )
    return True


def _look_again(parts: Parts, one: Audit) -> None:
    seconds = pause(parts.settings, one.tries)
    if not parts.database.write(lambda s: db.audits.claim(s, one, seconds)):
        return
    try:
        tag = f'coriolis:{one.execution_id}:'
        plain = strays.ask(parts, one.endpoint_id, one.side, 'tagged', tag)
        found = from_plain(list[Resource], plain)
    except errors.NotFound:
        found = []  # the endpoint is gone
    except errors.CoriolisError as error:
        LOG.info(
            'execution=%s could not be looked for at the %s: %s',
            one.execution_id,
            one.side,
            error.message,
        )
        if one.tries < MOST_LOOKS:
            return
        found = []
    parts.database.write(lambda s: record(s, one, found))


def record(session: Session, one: Audit, found: list[Resource]) -> None:
    """What should not be there becomes an entry of the ledger."""
    # Its deployment may have gone while the cloud was listed.
    now = db.audits.find(session, one)
    if now is None:
        return
    one = now
    db.audits.delete(session, one)
    for resource in found:
        task_id = resource.tag.rpartition(':')[2]
        if resource.kind in LISTED and _may_be_left(session, one, task_id):
            entry = Entry(
                resource=resource,
                execution_id=one.execution_id,
                task_id=task_id,
                endpoint_id=one.endpoint_id,
                transfer_id=one.transfer_id,
                deployment_id=one.deployment_id,
                created_at=db.now(session),
            )
            db.ledger.found(session, entry, one.project_id)


def _may_be_left(session: Session, one: Audit, task_id: str) -> bool:
    """Only what did not end well leaves something unknown: what a task that
    was done made is known, or was handed over to its user."""
    try:
        state = db.tasks.get(session, task_id).state
    except errors.NotFound:
        # Of a deployment that was deleted: its machines are the user's,
        # unless it left none (then the audit names no deployment any more).
        return one.deployment_id is None
    return state is not TaskState.DONE
