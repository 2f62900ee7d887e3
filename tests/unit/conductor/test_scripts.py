# SPDX-License-Identifier: Apache-2.0
"""User scripts: texts in the store, references in rows."""

from __future__ import annotations

import msgspec
import pytest
import sqlalchemy as sa

from coriolis_ng import errors
from coriolis_ng.conductor import custody, transfers
from coriolis_ng.objects import to_plain
from coriolis_ng.objects.deployment import DeploymentSpec
from coriolis_ng.objects.transfer import (
    MASK,
    Transfer,
    UserScript,
    UserScripts,
)
from tests.unit.conductor.conftest import Site

TEXT = 'useradd --password plugh-xyzzy operator'


def scripts(*texts: str) -> UserScripts:
    return UserScripts(
        by_os={'linux': tuple(UserScript(payload=text) for text in texts)}
    )


def made(site: Site, *texts: str) -> Transfer:
    spec = msgspec.structs.replace(
        site.transfer().spec, user_scripts=scripts(*texts)
    )
    return custody.transfer_create(site.parts, site.who, spec)


def payloads(site: Site) -> list[bytes]:
    return [payload for _, payload in site.store.kept.values()]


def clear(site: Site, transfer: Transfer) -> list[str]:
    found = site.find(transfer.id).spec.user_scripts.by_os['linux']
    return [
        site.store.get(one.secret, project_id='p').decode() for one in found
    ]


def rows(site: Site) -> str:
    with site.parts.database.reader() as session:
        found = session.execute(sa.text('SELECT spec FROM transfers'))
        more = session.execute(sa.text('SELECT input FROM tasks'))
        return str(found.all()) + str(more.all())


def test_rows_have_references(site: Site) -> None:
    transfer = made(site, TEXT, 'second')
    assert 'plugh' not in rows(site)
    assert clear(site, transfer) == [TEXT, 'second']


def test_the_mask_keeps_what_is_there(site: Site) -> None:
    transfer = made(site, TEXT, 'second')
    before = site.find(transfer.id).spec.user_scripts
    custody.transfer_update(
        site.parts,
        site.who,
        transfer.id,
        {'user_scripts': to_plain(scripts(MASK, 'third'))},
    )
    assert clear(site, transfer) == [TEXT, 'third']
    gone = before.by_os['linux'][1].secret
    with pytest.raises(errors.NotFound):
        site.store.get(gone, project_id='p')


def test_the_mask_of_nothing_is_refused(site: Site) -> None:
    with pytest.raises(errors.InvalidInput) as told:
        made(site, 'first', MASK)
    assert told.value.field == '$.user_scripts'
    assert b'first' not in payloads(site)


def test_scripts_go_with_their_transfer(site: Site) -> None:
    transfer = made(site, TEXT)
    transfers.delete(site.parts, site.who, transfer.id)
    assert TEXT.encode() not in payloads(site)


def test_a_deployment_has_its_own_until_it_is_deleted(site: Site) -> None:
    transfer = made(site, TEXT)
    site.execute(transfer)
    site.run()
    spec = DeploymentSpec(
        transfer_id=transfer.id, user_scripts=scripts(MASK, 'mine')
    )
    deployment = custody.deployment_create(site.parts, site.who, spec)
    assert payloads(site).count(TEXT.encode()) == 2
    with pytest.raises(errors.Conflict):
        custody.transfer_update(
            site.parts,
            site.who,
            transfer.id,
            {'user_scripts': to_plain(scripts('new'))},
        )
    site.run()
    custody.deployment_delete(site.parts, site.who, deployment.id)
    assert payloads(site).count(TEXT.encode()) == 1
    assert b'mine' not in payloads(site)
