# SPDX-License-Identifier: Apache-2.0
"""Trusts: a row before Keystone is asked, until Keystone has forgotten."""

from __future__ import annotations

import dataclasses
import datetime

import msgspec
import pytest
import sqlalchemy as sa

from coriolis_ng import errors
from coriolis_ng.conductor import (
    audit,
    custody,
    forecasts,
    preflight,
    sources_off,
    strays,
    trusts,
)
from coriolis_ng.conductor.asking import Asker
from coriolis_ng.db import api as db
from coriolis_ng.objects import to_plain
from coriolis_ng.objects.deployment import DeploymentPurpose, DeploymentSpec
from coriolis_ng.objects.execution import ExecutionSpec
from coriolis_ng.objects.minion_pool import PoolPlatform, PoolSpec
from coriolis_ng.objects.resource import Resource, ResourceKind, Side
from coriolis_ng.objects.transfer import Transfer
from coriolis_ng.objects.trust import Grant, Trust, TrustKind
from coriolis_ng.objects.vm import Power
from coriolis_ng.rpc.wire import Answer, Query
from tests.unit.conductor import samples
from tests.unit.conductor.conftest import Site, with_settings
from tests.unit.conductor.test_minion_pools import offers_pools

WHO = Asker(
    project_id='p', user_id='u', roles=('member', 'reader'), token='t-user'
)


class Keystone:
    """A ``Trusts`` that keeps what was made in a dict; a test may forbid
    it, or take it away at a moment."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self.made: dict[str, Trust] = {}
        self.forbidden = self.away = self.lost = False
        self.credentials = False
        self.states: list[str] = []

    def make(self, trust: Trust, token: str) -> tuple[TrustKind, str, str]:
        self.states += rows(self._site)
        if self.away:
            raise errors.Unreachable('Keystone does not answer')
        if self.forbidden:
            raise errors.Forbidden('not with this token')
        assert token == WHO.token
        self.made[trust.id] = trust
        if self.lost:
            raise errors.Unreachable('the answer was lost')
        if self.credentials:
            kind = TrustKind.APPLICATION_CREDENTIAL
            return kind, f'k-{trust.id}', 'zq-secret-zq'
        return TrustKind.TRUST, f'k-{trust.id}', ''

    def grant(self, trust: Trust, secret: str) -> Grant:
        if trust.id not in self.made:
            raise errors.AuthFailed('revoked')
        return Grant(
            token=f'{trust.external_id} {secret}', project_id=trust.project_id
        )

    def lend(self, token: str, project_id: str) -> Grant:
        return Grant(token=token, project_id=project_id)

    def references(self) -> tuple[str, ...]:
        return ('https://b',)

    def drop(self, trust: Trust, secret: str, token: str = '') -> None:
        if self.away:
            raise errors.Unreachable('Keystone does not answer')
        self.made.pop(trust.id, None)


@pytest.fixture
def keystone(site: Site) -> Keystone:
    made = Keystone(site)
    site.parts = dataclasses.replace(site.parts, trusts=made)
    site.who = WHO
    return made


def rows(site: Site) -> list[str]:
    with site.parts.database.reader() as session:
        found = session.execute(sa.text('SELECT state FROM trusts'))
        return [row[0] for row in found]


def made(site: Site) -> Transfer:
    spec = site.transfer().spec
    return custody.transfer_create(site.parts, site.who, spec)


def test_a_transfer_has_one_and_takes_it_along(
    site: Site, keystone: Keystone
) -> None:
    transfer = made(site)
    assert keystone.states == ['making']
    [trust] = keystone.made.values()
    assert (trust.user_id, trust.project_id) == ('u', 'p')
    assert trust.roles == ('member', 'reader')
    assert rows(site) == ['made']
    grant = trusts.of_transfer(site.parts, transfer.id)
    assert grant.token == f'k-{trust.id} '
    custody.transfer_delete(site.parts, site.who, transfer.id)
    assert keystone.made == {}
    assert rows(site) == []


def test_without_keystone_there_is_none(site: Site) -> None:
    transfer = made(site)
    assert rows(site) == []
    with pytest.raises(errors.Unsupported):
        trusts.of_transfer(site.parts, transfer.id)


def test_what_a_token_may_not_is_refused_and_leaves_nothing(
    site: Site, keystone: Keystone
) -> None:
    keystone.forbidden = True
    before = len(site.store.kept)
    with pytest.raises(errors.Forbidden):
        made(site)
    assert rows(site) == []
    assert len(site.store.kept) == before + 2  # the endpoints'


def test_a_refused_transfer_leaves_no_trust(
    site: Site, keystone: Keystone
) -> None:
    spec = msgspec.structs.replace(site.transfer().spec, keep_points=0)
    with pytest.raises(errors.InvalidInput):
        custody.transfer_create(site.parts, site.who, spec)
    assert keystone.made == {}
    assert rows(site) == []


def test_one_whose_making_was_never_answered_is_removed(
    site: Site, keystone: Keystone
) -> None:
    keystone.lost = True
    with pytest.raises(errors.Unreachable):
        made(site)
    assert keystone.made == {}
    assert rows(site) == []


def test_a_conductor_that_died_while_making_leaves_none(
    site: Site, keystone: Keystone
) -> None:
    trust = trusts.begin(site.parts, WHO)
    assert trust is not None
    trusts.sweep(site.parts)
    assert rows(site) == ['making']  # somebody may still be about it
    early = datetime.timedelta(seconds=trusts.MAKING_SECONDS + 1)
    with site.parts.database.writer() as session:
        session.execute(
            sa.text('UPDATE trusts SET created_at = :at'),
            {'at': datetime.datetime.now(datetime.UTC) - early},
        )
    trusts.sweep(site.parts)
    assert keystone.made == {}
    assert rows(site) == []
    with pytest.raises(errors.Stale):
        trusts.own(site.parts, trust, 'x')


def test_keystone_away_is_tried_again(site: Site, keystone: Keystone) -> None:
    transfer = made(site)
    keystone.away = True
    custody.transfer_delete(site.parts, site.who, transfer.id)
    assert rows(site) == ['dropping']
    keystone.away = False
    trusts.sweep(site.parts)
    assert keystone.made == {}
    assert rows(site) == []


def test_a_change_makes_a_new_one(site: Site, keystone: Keystone) -> None:
    transfer = made(site)
    [before] = keystone.made
    site.who = msgspec.structs.replace(WHO, user_id='other')
    custody.transfer_update(
        site.parts, site.who, transfer.id, {'notes': 'mine now'}
    )
    [after] = keystone.made.values()
    assert after.id != before
    assert after.user_id == 'other'
    assert (
        trusts.of_transfer(site.parts, transfer.id).token == f'k-{after.id} '
    )


def test_a_revoked_one_says_what_to_do(site: Site, keystone: Keystone) -> None:
    transfer = made(site)
    keystone.made.clear()
    with pytest.raises(errors.AuthFailed) as told:
        trusts.of_transfer(site.parts, transfer.id)
    assert 'Update the transfer' in told.value.message


def test_the_secret_of_a_credential_is_in_the_store(
    site: Site, keystone: Keystone
) -> None:
    keystone.credentials = True
    transfer = made(site)
    with site.parts.database.reader() as session:
        found = session.execute(sa.text('SELECT * FROM trusts')).all()
    assert 'zq-secret' not in str(found)
    grant = trusts.of_transfer(site.parts, transfer.id)
    assert grant.token.endswith(' zq-secret-zq')
    custody.transfer_delete(site.parts, site.who, transfer.id)
    kept = [payload for _, payload in site.store.kept.values()]
    assert b'zq-secret-zq' not in kept


def test_a_question_borrows_the_callers_token_or_a_trust(
    site: Site, keystone: Keystone
) -> None:
    transfer = made(site)
    endpoint = site.parts.database.read(
        lambda s: db.endpoints.get(s, transfer.spec.origin_endpoint_id)
    )
    asked = trusts.of_endpoint(site.parts, endpoint, WHO)
    assert asked.token == WHO.token
    [trust] = keystone.made
    late = trusts.of_endpoint(site.parts, endpoint, None)
    assert late.token == f'k-{trust} '


def in_barbican(site: Site) -> None:
    """From here on the clouds are reached with what lies there."""
    site.parts.database.write(
        lambda s: s.execute(
            sa.text("UPDATE endpoints SET secret='https://b/1'")
        )
    )


def tokens(site: Site) -> list[tuple[str, str]]:
    """The verbs of all questions, and the tokens that they came with."""
    return [
        (
            question.verb,
            msgspec.json.decode(site.worker.key.open(question.secret_sealed))[
                'grant'
            ]['token'],
        )
        for _, question in site.bus.questions
    ]


def look(question: Query) -> Answer:
    machine = msgspec.structs.replace(samples.vm('a'), power=Power.OFF)
    found = {'instance': to_plain(machine)}
    return Answer(value=found.get(question.verb, []))


def test_what_is_asked_for_a_transfer_is_asked_under_its_own(
    site: Site, keystone: Keystone
) -> None:
    mine = made(site)
    [own] = keystone.made
    site.execute(mine)
    site.run()
    # Of another user, on the same clouds, and newer.
    custody.transfer_create(site.parts, site.who, mine.spec)
    in_barbican(site)
    site.bus.answer = look
    preflight.check(site.parts, site.who, mine.id)
    forecasts.of_transfer(site.parts, site.who, mine.id, ExecutionSpec())
    spec = DeploymentSpec(transfer_id=mine.id, purpose=DeploymentPurpose.FINAL)
    sources_off.check(site.parts, spec, 'p')
    assert tokens(site) == [
        (verb, f'k-{own} ')
        for verb in (
            'instance',
            'source_preflight',
            'target_preflight',
            'instance',
            'instance',
        )
    ]


def test_a_preflight_finds_that_the_own_one_was_revoked(
    site: Site, keystone: Keystone
) -> None:
    mine = made(site)
    keystone.made.clear()
    custody.transfer_create(site.parts, site.who, mine.spec)
    in_barbican(site)
    site.bus.answer = look
    found = preflight.check(site.parts, site.who, mine.id)
    assert [one.code for one in found] == ['source_auth_failed']
    assert 'Update the transfer' in found[0].meaning
    assert site.bus.questions == []


def left_by_a_deleted_transfer(site: Site) -> Resource:
    """Its copy was given up; the cloud is about to list what it made."""
    site.parts = with_settings(
        site.parts, audit_delay_seconds=0, audit_retry_seconds=0
    )
    site.worker.parts = site.parts
    transfer = made(site)
    execution = site.execute(transfer)
    site.worker.do(site.next('Look'))
    copy = site.next('Copy')
    site.worker.fail(copy)
    site.run()
    assert site.execution(execution.id).state == 'failed'
    in_barbican(site)
    custody.transfer_delete(site.parts, WHO, transfer.id)
    return Resource(
        kind=ResourceKind.VM, id='late', tag=copy.tag, side=Side.TARGET
    )


def test_one_stays_until_the_audit_is_done(
    site: Site, keystone: Keystone
) -> None:
    late = left_by_a_deleted_transfer(site)
    [trust] = keystone.made
    trusts.sweep(site.parts)
    assert rows(site) == ['dropping']

    def answer(question: Query) -> Answer:
        found = {'target_tagged': to_plain([late]), 'source_tagged': []}
        return Answer(value=found.get(question.verb))

    site.bus.answer = answer
    assert audit.audit(site.parts) == 1
    assert sorted(tokens(site)) == [
        (verb, f'k-{trust} ')
        for verb in ('source_tagged', 'target_drop', 'target_tagged')
    ]
    trusts.sweep(site.parts)
    assert keystone.made == {}
    assert rows(site) == []


def test_a_stray_is_removed_under_the_callers_token(
    site: Site, keystone: Keystone
) -> None:
    late = left_by_a_deleted_transfer(site)
    [one] = [
        one
        for one in site.parts.database.read(db.audits.due)
        if one.side is Side.TARGET
    ]
    site.parts.database.write(lambda s: audit.record(s, one, [late]))
    keystone.made.clear()
    [stray] = site.parts.database.read(lambda s: db.strays.list(s, 'p'))
    strays.remove(site.parts, WHO, stray.id)
    assert tokens(site) == [('target_drop', WHO.token)]
    assert site.parts.database.read(lambda s: db.strays.list(s, 'p')) == []


def test_a_pool_has_one_too(site: Site, keystone: Keystone) -> None:
    offers_pools(site)
    transfer = site.transfer()
    spec = PoolSpec(
        name='pool',
        endpoint_id=transfer.spec.destination_endpoint_id,
        platform=PoolPlatform.DESTINATION,
    )
    pool = custody.pool_create(site.parts, site.who, spec)
    [first] = keystone.made
    assert trusts.of_transfer(site.parts, pool.id).token == f'k-{first} '
    custody.pool_update(site.parts, site.who, pool.id, {'name': 'other'})
    [second] = keystone.made
    assert second != first
    custody.pool_delete(site.parts, site.who, pool.id)
    assert keystone.made == {}
    assert rows(site) == []
