# SPDX-License-Identifier: Apache-2.0
"""What nobody owns is found, removed, tried again and shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from coriolis_ng import errors
from coriolis_ng.conductor import audit, deployments, strays
from coriolis_ng.db import api as db
from coriolis_ng.db import models
from coriolis_ng.objects import to_plain
from coriolis_ng.objects.deployment import DeploymentPurpose
from coriolis_ng.objects.execution import Execution
from coriolis_ng.objects.resource import Resource, ResourceKind, Side, tag_of
from coriolis_ng.objects.stray import Stray
from coriolis_ng.objects.transfer import Transfer
from coriolis_ng.rpc.wire import Answer, Query
from tests.unit.conductor.conftest import Site, with_settings

NOW = {'audit_delay_seconds': 0, 'audit_retry_seconds': 0}


def listed(site: Site, project_id: str | None = 'p') -> list[Stray]:
    return list(
        site.parts.database.read(lambda s: db.strays.list(s, project_id))
    )


def failed(site: Site, *things: tuple[str, ResourceKind]) -> Execution:
    """An execution whose copy recorded these things and failed, and whose
    cleanups failed too."""
    execution = site.execute(site.transfer('a'))
    site.worker.do(site.next('Look'))
    given = site.next('Copy')
    for id, kind in things:
        site.worker.make(given, id, kind)
    site.worker.fail(given)
    site.taken()
    for cleanup in list(site.worker.held.values()):
        site.worker.fail(cleanup)
    assert site.execution(execution.id).state == 'failed'
    return execution


def asked(site: Site) -> list[tuple[str, Any]]:
    return [(q.verb, q.args['given']) for _, q in site.bus.questions]


def answers(**values: Any) -> Callable[[Query], Answer]:
    """By verb; an ``Answer``, or the value of one."""

    def answer(query: Query) -> Answer:
        found = values.get(query.verb)
        return found if isinstance(found, Answer) else Answer(value=found)

    return answer


def test_what_a_failed_cleanup_left_is_a_stray(site: Site) -> None:
    execution = failed(site, ('vm-1', ResourceKind.VM))
    [stray] = listed(site)
    assert (stray.kind, stray.resource_id) == (ResourceKind.VM, 'vm-1')
    assert (stray.side, stray.instance) == (Side.TARGET, 'a')
    assert (stray.execution_id, stray.tries) == (execution.id, 0)
    assert stray.tag == tag_of(execution.id, stray.task_id)
    assert listed(site, 'another') == []
    assert len(listed(site, None)) == 1
    with pytest.raises(errors.NotFound):
        site.parts.database.read(
            lambda s: db.strays.get(s, stray.id, 'another')
        )


def test_what_is_owned_or_in_use_is_none(site: Site) -> None:
    transfer = site.transfer('a')
    execution = site.execute(transfer)
    site.worker.do(site.next('Look'))
    site.worker.make(site.next('Copy'), 'vol-a')
    site.worker.make(site.next('Copy'), 'vm-1', ResourceKind.VM)
    assert listed(site) == []
    site.run()
    assert site.execution(execution.id).state == 'done'
    assert site.replica(transfer).owned() >= {'vol-a'}
    assert [one.resource_id for one in listed(site)] == ['vm-1']


def test_the_audit_removes_it(site: Site) -> None:
    failed(site, ('vm-1', ResourceKind.VM), ('vol-1', ResourceKind.VOLUME))
    assert audit.audit(site.parts) == 2
    assert [v for v, _ in asked(site)] == ['target_drop', 'target_drop']
    given = [Resource(**g) for _, g in asked(site)]
    assert [one.id for one in given] == ['vm-1', 'vol-1']
    assert listed(site) == []
    rows = site.parts.database.read(db.ledger.rows)
    assert rows == []


def test_what_does_not_go_is_tried_later(site: Site) -> None:
    failed(site, ('vm-1', ResourceKind.VM))
    site.bus.answer = answers(
        target_drop=Answer(code='unreachable', message='it sleeps')
    )
    assert audit.audit(site.parts) == 0
    [stray] = listed(site)
    assert (stray.tries, stray.reason) == (1, 'it sleeps')
    assert stray.retry_at is not None
    # Not before its time.
    assert audit.audit(site.parts) == 0
    assert len(site.bus.questions) == 1
    site.parts.database.write(
        lambda s: s.execute(sa.update(models.Ledger).values(retry_at=None))
    )
    site.bus.answer = answers()
    assert audit.audit(site.parts) == 1
    assert listed(site) == []


def test_pauses_grow(site: Site) -> None:
    settings = site.parts.settings
    assert [audit.pause(settings, n) for n in (0, 1, 2, 99)] == [
        60,
        120,
        240,
        21600,
    ]


def test_a_busy_transfer_is_let_alone(site: Site) -> None:
    execution = failed(site, ('vm-1', ResourceKind.VM))
    site.execute(site.find(execution.owner_id))
    assert audit.audit(site.parts) == 0
    assert site.bus.questions == []
    [stray] = listed(site)
    with pytest.raises(errors.Conflict):
        strays.remove(site.parts, site.who, stray.id)


def test_by_hand(site: Site) -> None:
    failed(site, ('vm-1', ResourceKind.VM))
    [stray] = listed(site)
    site.bus.answer = answers(
        target_drop=Answer(code='conflict', message='it is in use')
    )
    with pytest.raises(errors.Conflict, match='it is in use'):
        strays.remove(site.parts, site.who, stray.id)
    [kept] = listed(site)
    assert (kept.reason, kept.tries) == ('it is in use', 1)
    strays.remove(site.parts, site.who, stray.id, forget=True)
    assert len(site.bus.questions) == 1
    assert listed(site) == []
    with pytest.raises(errors.NotFound):
        strays.remove(site.parts, site.who, stray.id)


def test_a_cloud_that_is_gone(site: Site) -> None:
    failed(site, ('vm-1', ResourceKind.VM))
    site.parts.database.write(
        lambda s: s.execute(sa.update(models.Ledger).values(endpoint_id='x'))
    )
    [stray] = listed(site)
    with pytest.raises(errors.NotFound, match='forget it'):
        strays.remove(site.parts, site.who, stray.id)
    assert site.bus.questions == []


def test_a_creation_that_landed_late(site: Site) -> None:
    """Its task was given up and its cleanup found nothing."""
    site.parts = with_settings(site.parts, **NOW)
    site.worker.parts = site.parts
    execution = failed(site)
    copy = site.task(execution, 'Copy')
    late = Resource(
        kind=ResourceKind.VM,
        id='late',
        tag=tag_of(execution.id, copy.id),
        side=Side.TARGET,
    )
    chain = Resource(
        kind=ResourceKind.VOLUME, id='chain', tag=late.tag, side=Side.TARGET
    )
    site.bus.answer = answers(
        target_tagged=to_plain([late, chain]), source_tagged=[]
    )
    assert audit.audit(site.parts) == 1
    prefix = f'coriolis:{execution.id}:'
    assert sorted(asked(site)[:2]) == [
        ('source_tagged', prefix),
        ('target_tagged', prefix),
    ]
    assert asked(site)[2] == ('target_drop', to_plain(late))
    # Each cloud is looked at once.
    assert audit.audit(site.parts) == 0
    assert len(site.bus.questions) == 3


def test_a_cloud_that_does_not_answer_is_listed_later(site: Site) -> None:
    site.parts = with_settings(site.parts, **NOW)
    site.worker.parts = site.parts
    failed(site)
    away = Answer(code='unreachable', message='away')
    site.bus.answer = answers(source_tagged=away, target_tagged=[])
    audit.audit(site.parts)
    audit.audit(site.parts)
    verbs = [verb for verb, _ in asked(site)]
    assert verbs.count('source_tagged') == 2
    assert verbs.count('target_tagged') == 1


def test_a_user_keeps_the_machines_of_a_deleted_deployment(
    site: Site,
) -> None:
    site.parts = with_settings(site.parts, **NOW)
    site.worker.parts = site.parts
    transfer = site.transfer('a')
    site.execute(transfer)
    site.run()
    site.bus.answer = answers(source_tagged=[], target_tagged=[])
    audit.audit(site.parts)
    made = site.deploy(transfer)
    boot = site.next('Boot')
    site.worker.make(boot, 'a', ResourceKind.VM)
    site.run()
    mine = Resource(
        kind=ResourceKind.VM, id='a', tag=boot.tag, side=Side.TARGET
    )
    site.bus.answer = answers(source_tagged=[], target_tagged=to_plain([mine]))
    site.bus.questions.clear()
    audits = [
        one
        for one in site.parts.database.read(db.audits.due)
        if one.deployment_id
    ]
    assert [one.side for one in audits] == [Side.SOURCE, Side.TARGET]
    audit.audit(site.parts)
    assert {verb for verb, _ in asked(site)} == {
        'source_tagged',
        'target_tagged',
    }
    deployments.delete(site.parts, site.who, made.id)
    # One look was under way when the deployment was deleted.
    site.parts.database.write(lambda s: audit.record(s, audits[1], [mine]))
    assert listed(site, None) == []
    assert audit.audit(site.parts) == 0


def test_pages(site: Site) -> None:
    execution = failed(site, *[(f'vm-{n}', ResourceKind.VM) for n in range(5)])

    def page(**more: Any) -> list[str]:
        found = site.parts.database.read(
            lambda s: db.strays.list(s, 'p', db.Page(**more))
        )
        return [one.resource_id for one in found]

    assert page(limit=2) == ['vm-0', 'vm-1']
    second = listed(site)[1].id
    assert page(limit=2, marker=second) == ['vm-2', 'vm-3']
    assert page(filters={'execution_id': execution.id, 'kind': 'vm'}) == [
        f'vm-{n}' for n in range(5)
    ]
    assert page(filters={'kind': 'port'}) == []
    with pytest.raises(errors.InvalidInput):
        page(marker='x')


def landed_late(site: Site, tag: str) -> Resource:
    """A machine that its cloud lists only now; what made it was given
    up."""
    late = Resource(kind=ResourceKind.VM, id='late', tag=tag, side=Side.TARGET)
    site.bus.answer = answers(source_tagged=[], target_tagged=to_plain([late]))
    site.bus.questions.clear()
    return late


def replicated(site: Site) -> Transfer:
    """Executed once, and looked at by the audit."""
    site.parts = with_settings(site.parts, **NOW)
    site.worker.parts = site.parts
    transfer = site.transfer('a')
    site.execute(transfer)
    site.run()
    site.bus.answer = answers(source_tagged=[], target_tagged=[])
    audit.audit(site.parts)
    return transfer


@pytest.mark.parametrize('under_way', [False, True])
def test_late_after_a_test_was_torn_down(site: Site, under_way: bool) -> None:
    transfer = replicated(site)
    made = site.deploy(transfer, purpose=DeploymentPurpose.TEST)
    boot = site.next('Boot')
    site.run()
    audits = site.parts.database.read(db.audits.due)
    assert {one.deployment_id for one in audits} == {made.id}
    deployments.delete(site.parts, site.who, made.id)
    site.run()
    late = landed_late(site, boot.tag)
    if under_way:
        [one] = [one for one in audits if one.side is Side.TARGET]
        site.parts.database.write(lambda s: audit.record(s, one, [late]))
        assert [one.resource_id for one in listed(site)] == ['late']
    assert audit.audit(site.parts) == 1
    assert ('target_drop', to_plain(late)) in asked(site)
    assert listed(site) == []


@pytest.mark.parametrize('left', [(), ('disk',)])
def test_late_after_a_failed_deployment_was_deleted(
    site: Site, left: tuple[str, ...]
) -> None:
    """With a teardown for what its cleanup left over, and without."""
    transfer = replicated(site)
    made = site.deploy(transfer)
    boot = site.next('Boot')
    for id in left:
        site.worker.make(boot, id)
    site.worker.fail(boot)
    site.taken()
    for cleanup in list(site.worker.held.values()):
        site.worker.fail(cleanup)
    assert site.last_of(made.id).state == 'failed'
    deployments.delete(site.parts, site.who, made.id)
    site.run()
    with pytest.raises(errors.NotFound):
        site.parts.database.read(lambda s: db.deployments.get(s, made.id))
    late = landed_late(site, boot.tag)
    audit.audit(site.parts)
    assert ('target_drop', to_plain(late)) in asked(site)
