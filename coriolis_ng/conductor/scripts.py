# SPDX-License-Identifier: Apache-2.0
"""User scripts rest in the secret store; rows keep references to them.

They often hold passwords, so they are treated like one: only the child of a
worker that runs them sees them again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import msgspec
from sqlalchemy.orm import Session

from coriolis_ng import errors
from coriolis_ng.conductor.parts import Parts
from coriolis_ng.db import api as db
from coriolis_ng.objects.execution import ExecutionState
from coriolis_ng.objects.transfer import (
    MASK,
    Transfer,
    UserScript,
    UserScripts,
)
from coriolis_ng.secrets.local import MAX_PAYLOAD

Groups = dict[str, tuple[UserScript, ...]]
Kept = Callable[[UserScript, UserScript | None], UserScript]


def keep(
    parts: Parts,
    project_id: str,
    given: UserScripts,
    before: UserScripts,
    *,
    copy: bool = False,
) -> UserScripts:
    """``given`` with references in the place of texts.

    A text that is the mask means the script at the same place of
    ``before``: its reference, or with ``copy`` a copy of it;
    ``InvalidInput`` where there is none.
    """
    made: list[str] = []

    def one(script: UserScript, was: UserScript | None) -> UserScript:
        text = script.payload
        if text == MASK:
            if was is None or not (was.secret or was.payload):
                raise errors.InvalidInput(
                    'The mask that answers show stands for a script that is '
                    'stored, and here is none: send the script itself.',
                    field='$.user_scripts',
                )
            if was.secret and not copy:
                return msgspec.structs.replace(script, **_named(was.secret))
            text = _text(parts, project_id, was)
        if not text:
            return script
        if len(text.encode()) > MAX_PAYLOAD:
            raise errors.InvalidInput(
                f'A script has at most {MAX_PAYLOAD} bytes.',
                field='$.user_scripts',
            )
        ref = parts.secrets.put(text.encode(), project_id=project_id)
        made.append(ref)
        return msgspec.structs.replace(script, **_named(ref))

    try:
        return UserScripts(
            by_os=_mapped(given.by_os, before.by_os, one),
            by_instance=_mapped(given.by_instance, before.by_instance, one),
        )
    except errors.CoriolisError:
        drop(parts, project_id, made)
        raise


def refs(scripts: UserScripts | None) -> frozenset[str]:
    """The references of all scripts."""
    every = _each(scripts) if scripts else ()
    return frozenset(one.secret for one in every if one.secret)


def drop(parts: Parts, project_id: str, unused: Iterable[str]) -> None:
    """Removes scripts that nothing refers to (any more)."""
    for ref in unused:
        parts.secrets.drop(ref, project_id=project_id)


def check_unused(session: Session, transfer: Transfer) -> None:
    """``Conflict`` while a deployment runs that may still read them."""
    page = db.Page(
        filters={
            'transfer_id': transfer.id,
            'last_execution_state': ExecutionState.RUNNING,
        }
    )
    for one in db.deployments.list(session, transfer.project_id, page):
        raise errors.Conflict(
            f'The deployment {one.id} runs with the scripts of the transfer: '
            'wait for it, then change them.'
        )


def _text(parts: Parts, project_id: str, script: UserScript) -> str:
    if not script.secret:
        return script.payload
    payload = parts.secrets.get(script.secret, project_id=project_id)
    return payload.decode()


def _named(ref: str) -> dict[str, str]:
    return {'payload': '', 'secret': ref}


def _mapped(given: Groups, before: Groups, one: Kept) -> Groups:
    made: Groups = {}
    for name, several in given.items():
        was = before.get(name, ())
        made[name] = tuple(
            one(script, was[n] if n < len(was) else None)
            for n, script in enumerate(several)
        )
    return made


def _each(scripts: UserScripts) -> Iterator[UserScript]:
    for group in (scripts.by_os, scripts.by_instance):
        for several in group.values():
            yield from several
