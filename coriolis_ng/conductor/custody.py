# SPDX-License-Identifier: Apache-2.0
"""Transfers, deployments and pools with what is kept for them elsewhere: user
scripts in the secret store, a trust in Keystone.

Each is made before the row that needs it, and goes when the row was refused
or is gone.
"""

from __future__ import annotations

from typing import Any

import msgspec

from coriolis_ng import errors
from coriolis_ng.conductor import (
    deployments,
    minion_pools,
    scripts,
    transfers,
    trusts,
)
from coriolis_ng.conductor.asking import Asker
from coriolis_ng.conductor.parts import Parts
from coriolis_ng.db import api as db
from coriolis_ng.objects import from_plain, to_plain
from coriolis_ng.objects.deployment import Deployment, DeploymentSpec
from coriolis_ng.objects.execution import Execution
from coriolis_ng.objects.minion_pool import MinionPool, PoolSpec
from coriolis_ng.objects.transfer import (
    Transfer,
    TransferSpec,
    UserScripts,
)


def transfer_create(parts: Parts, who: Asker, spec: TransferSpec) -> Transfer:
    """See ``transfers.create``."""
    kept = scripts.keep(
        parts, who.project_id, spec.user_scripts, UserScripts()
    )
    spec = msgspec.structs.replace(spec, user_scripts=kept)
    trust = None
    try:
        trust = trusts.begin(parts, who)
        made = transfers.create(parts, who, spec)
        trusts.own(parts, trust, made.id)
        return made
    except errors.CoriolisError:
        scripts.drop(parts, who.project_id, scripts.refs(kept))
        trusts.abandon(parts, trust, who.token)
        raise


def transfer_update(
    parts: Parts, who: Asker, id: str, changes: dict[str, Any], *rest: Any
) -> Execution:
    """See ``transfers.update``; ``Conflict`` too for new scripts while a
    deployment runs with the old ones. From here on the transfer works under
    a trust of this user."""
    parts.database.read(lambda s: db.transfers.get(s, id, who.project_id))
    trust = trusts.begin(parts, who)
    try:
        made = _transfer_update(parts, who, id, changes, *rest)
        trusts.own(parts, trust, id)
    except errors.CoriolisError:
        trusts.abandon(parts, trust, who.token)
        raise
    trusts.sweep(parts, who.token)
    return made


def transfer_delete(parts: Parts, who: Asker, id: str, **how: Any) -> None:
    """See ``transfers.delete``."""
    transfers.delete(parts, who, id, **how)
    trusts.sweep(parts, who.token)


def _transfer_update(
    parts: Parts, who: Asker, id: str, changes: dict[str, Any], *rest: Any
) -> Execution:
    if changes.get('user_scripts') is None:
        return transfers.update(parts, who, id, changes, *rest)
    given = from_plain(UserScripts, changes['user_scripts'])

    def look(session: Any) -> UserScripts:
        transfer = db.transfers.get(session, id, who.project_id)
        scripts.check_unused(session, transfer)
        return transfer.spec.user_scripts

    before = parts.database.read(look)
    kept = scripts.keep(parts, who.project_id, given, before)
    fresh = scripts.refs(kept) - scripts.refs(before)
    changes = {**changes, 'user_scripts': to_plain(kept)}
    try:
        made = transfers.update(parts, who, id, changes, *rest)
    except errors.CoriolisError:
        scripts.drop(parts, who.project_id, fresh)
        raise
    unused = scripts.refs(before) - scripts.refs(kept)
    scripts.drop(parts, who.project_id, unused)
    return made


def deployment_create(
    parts: Parts, who: Asker, spec: DeploymentSpec
) -> Deployment:
    """See ``deployments.create``."""
    if spec.user_scripts is None:
        return deployments.create(parts, who, spec)
    transfer = parts.database.read(
        lambda s: db.transfers.get(s, spec.transfer_id, who.project_id)
    )
    kept = scripts.keep(
        parts,
        who.project_id,
        spec.user_scripts,
        transfer.spec.user_scripts,
        copy=True,
    )
    spec = msgspec.structs.replace(spec, user_scripts=kept)
    try:
        return deployments.create(parts, who, spec)
    except errors.CoriolisError:
        scripts.drop(parts, who.project_id, scripts.refs(kept))
        raise


def deployment_delete(parts: Parts, who: Asker, id: str) -> None:
    """See ``deployments.delete``; one whose machines are removed first
    keeps its scripts until then."""
    before = parts.database.read(
        lambda s: db.deployments.get(s, id, who.project_id)
    )
    deployments.delete(parts, who, id)
    try:
        parts.database.read(lambda s: db.deployments.get(s, id))
    except errors.NotFound:
        unused = scripts.refs(before.spec.user_scripts)
        scripts.drop(parts, who.project_id, unused)


def pool_create(parts: Parts, who: Asker, spec: PoolSpec) -> MinionPool:
    """See ``minion_pools.create``; its work goes on under a trust too."""
    trust = trusts.begin(parts, who)
    try:
        made = minion_pools.create(parts, who, spec)
        trusts.own(parts, trust, made.id)
    except errors.CoriolisError:
        trusts.abandon(parts, trust, who.token)
        raise
    return made


def pool_update(
    parts: Parts, who: Asker, id: str, changes: dict[str, Any], *rest: Any
) -> MinionPool:
    """See ``minion_pools.update``; from here on under this user's trust."""
    parts.database.read(lambda s: db.minion_pools.get(s, id, who.project_id))
    trust = trusts.begin(parts, who)
    try:
        made = minion_pools.update(parts, who, id, changes, *rest)
        trusts.own(parts, trust, id)
    except errors.CoriolisError:
        trusts.abandon(parts, trust, who.token)
        raise
    trusts.sweep(parts, who.token)
    return made


def pool_delete(parts: Parts, who: Asker, id: str) -> None:
    """See ``minion_pools.delete``."""
    minion_pools.delete(parts, who, id)
    trusts.disown(parts, id)
    trusts.sweep(parts, who.token)
