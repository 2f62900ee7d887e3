# SPDX-License-Identifier: Apache-2.0
"""Who asks: the context of a call of the API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from coriolis_ng import errors
from coriolis_ng.objects import Value


class Asker(Value):
    """Rights were checked by the API; here it is only a matter of whose
    rows are seen and made. ``token`` is Keystone's, empty without it."""

    project_id: str
    user_id: str = ''
    request_id: str = ''
    roles: tuple[str, ...] = ()
    token: str = ''

    def __repr__(self) -> str:
        return f'Asker({self.project_id}, {self.user_id})'


def asker(context: Mapping[str, Any]) -> Asker:
    """The asker of a context dict; ``Forbidden`` without a project."""
    project_id = context.get('project_id')
    if not project_id:
        raise errors.Forbidden('A project is needed for this.')
    return Asker(
        project_id=project_id,
        user_id=context.get('user_id') or '',
        request_id=context.get('request_id') or '',
        roles=tuple(context.get('roles') or ()),
        token=context.get('token') or '',
    )
