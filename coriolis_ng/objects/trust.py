# SPDX-License-Identifier: Apache-2.0
"""What lets the service act for a user after the user's token has expired."""

from __future__ import annotations

import datetime
import enum

from coriolis_ng.objects.value import Value


class TrustKind(enum.StrEnum):
    TRUST = 'trust'
    APPLICATION_CREDENTIAL = 'application_credential'


class TrustState(enum.StrEnum):
    """A row says that something is being made before it is made, and that
    it is to be dropped until it is."""

    MAKING = 'making'
    MADE = 'made'
    DROPPING = 'dropping'


class Trust(Value):
    """``owner_id`` is the id of the transfer that works under it;
    ``external_id`` is Keystone's id, empty while it is made; ``secret``
    refers to the secret of an application credential."""

    id: str
    project_id: str
    user_id: str
    owner_id: str
    roles: tuple[str, ...] = ()
    kind: TrustKind = TrustKind.TRUST
    state: TrustState = TrustState.MAKING
    external_id: str = ''
    secret: str = ''
    created_at: datetime.datetime | None = None


class Grant(Value):
    """What a child of a worker gets for a while: a token of the user's
    project, and where it may be shown. ``references`` are the URLs below
    which references to secrets lie."""

    token: str
    project_id: str
    user_id: str = ''
    auth_url: str = ''
    key_manager: str = ''
    references: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f'Grant({self.project_id}, ***)'
