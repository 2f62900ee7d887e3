# SPDX-License-Identifier: Apache-2.0
"""Who asks, and on what: the identity that goes with a request to its end,
and what each line of the log is about.

A thread has one context at a time. It crosses the bus, so that a line of a
worker names the request that began its task, hours before.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from oslo_context import context

LOG_KEY = 'log'  # of a message's context: what its lines are about
NOBODY = '-'  # no request: something was due
_ABOUT = ('request_id', 'project_id', 'execution', 'task', 'attempt')
_SHOWN = ('request_id', 'global_request_id', 'user_id', 'project_id')


class Context(context.RequestContext):
    """The caller, made from the headers that an ``auth`` filter set; or the
    work that a thread does for one. ``attempt`` 0 is none."""

    def __init__(
        self,
        *args: Any,
        execution: str = '',
        task: str = '',
        attempt: int = 0,
        **more: Any,
    ) -> None:
        self.execution = execution
        self.task = task
        self.attempt = attempt
        super().__init__(*args, **more)

    def to_rpc(self) -> dict[str, Any]:
        """What goes to the conductor: ``project_id``, ``user_id``,
        ``roles``, ``request_id``, and ``token``, which the bus's client
        seals or leaves out."""
        return {
            'project_id': self.project_id,
            'user_id': self.user_id,
            'roles': list(self.roles),
            'request_id': self.request_id,
            'token': self.auth_token,
        }

    def about(self) -> dict[str, Any]:
        """What lines are about, as :func:`within` takes it."""
        return {name: value for name in _ABOUT if (value := self._of(name))}

    def get_logging_values(self) -> dict[str, Any]:
        """What formats may name and what JSON lines have: no roles, no
        token. ``work`` is text such as ``execution=… task=… attempt=… ``.
        """
        given = {name: getattr(self, name) for name in _SHOWN}
        ids = {name: self._of(name) for name in _ABOUT[2:]}
        given |= {name: value or None for name, value in ids.items()}
        words = [f'{name}={value} ' for name, value in ids.items() if value]
        return given | {'work': ''.join(words)}

    def _of(self, name: str) -> Any:
        value = getattr(self, name)
        return '' if value == NOBODY else value


def current() -> Context:
    """The context of this thread; an empty one where there is none."""
    found = context.get_current()
    return found if isinstance(found, Context) else _nobody()


def begin(given: Mapping[str, Any]) -> None:
    """Makes lines of this thread about a message whose context this is, and
    about nothing else, until another one comes."""
    names = (*_ABOUT, 'user_id')
    about = {name: given.get(name) for name in names}
    carried = given.get(LOG_KEY)
    if isinstance(carried, dict):
        about |= {name: carried[name] for name in names if name in carried}
    _nobody(**about).update_store()


@contextlib.contextmanager
def within(**ids: Any) -> Iterator[None]:
    """Makes lines of this thread about ``ids`` (request_id, project_id,
    execution, task, attempt) while the block lasts, beside what they were
    about before; an empty one takes what was said before away."""
    before = current()
    about = {'user_id': before.user_id, **before.about(), **ids}
    _nobody(**about).update_store()
    try:
        yield
    finally:
        before.update_store()


def learn(**ids: Any) -> None:
    """Adds to what lines of this thread are about, to the end of the block
    that is under way. What is empty changes nothing."""
    here = current()
    for name, value in ids.items():
        if value:
            setattr(here, name, value)
    here.update_store()


def _nobody(**given: Any) -> Context:
    known = {name: value for name, value in given.items() if value}
    return Context(**{'request_id': NOBODY, **known}, overwrite=False)
