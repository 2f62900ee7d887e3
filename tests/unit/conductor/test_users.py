# SPDX-License-Identifier: Apache-2.0
"""What users ask for, and what they are told when it cannot be."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from coriolis_ng import errors
from coriolis_ng.conductor import (
    connections,
    deployments,
    endpoints,
    points,
    preflight,
    queries,
    runs,
    transfers,
)
from coriolis_ng.conductor.asking import Asker, asker
from coriolis_ng.objects import to_plain
from coriolis_ng.objects.deployment import DeploymentPurpose
from coriolis_ng.objects.endpoint import EndpointSpec
from coriolis_ng.objects.preflight import Finding, Severity
from coriolis_ng.objects.transfer import Transfer, TransferSpec
from coriolis_ng.rpc.wire import Answer, Query
from coriolis_ng.secrets import seal
from tests.unit.conductor import samples
from tests.unit.conductor.conftest import Site


def endpoint(site: Site, **more: Any) -> Any:
    given = {
        'name': 'e',
        'type': 'cloud',
        'connection_info': {'password': 'pw'},
    } | more
    return endpoints.create(site.parts, site.who, EndpointSpec(**given))


def refused(field: str, act: Any, *args: Any) -> str:
    with pytest.raises(errors.InvalidInput) as caught:
        act(*args)
    assert caught.value.field == field
    return caught.value.message


def test_an_endpoint_keeps_no_secret_in_its_row(site: Site) -> None:
    made = endpoint(site)
    assert 'pw' not in json.dumps(to_plain(made))
    assert json.loads(site.store.kept[made.secret][1]) == {'password': 'pw'}


def test_an_endpoint_s_type_and_information_are_checked(site: Site) -> None:
    text = refused('$.type', lambda: endpoint(site, type='nimbus'))
    assert "'nimbus'" in text
    assert 'cloud' in text
    refused(
        '$.connection_info.password',
        lambda: endpoint(site, connection_info={'password': 7}),
    )
    refused('$.name', lambda: endpoint(site, name=' '))
    assert site.store.kept == {}


def test_a_reference_to_a_secret_wants_keystone(site: Site) -> None:
    for word in ('secret_ref', 'secret_id'):
        info = {word: 'https://b/1'}
        refused(
            f'$.connection_info.{word}',
            lambda info=info: endpoint(site, connection_info=info),
        )


def test_connection_information_that_is_too_large(site: Site) -> None:
    info = {'password': 'x' * (1 << 20)}
    text = refused(
        '$.connection_info', lambda: endpoint(site, connection_info=info)
    )
    assert '1048576 bytes' in text


def test_a_changed_endpoint_has_a_new_secret_only(site: Site) -> None:
    made = endpoint(site)
    changes = {'connection_info': {'password': 'new'}, 'name': 'f'}
    after = endpoints.update(site.parts, site.who, made.id, changes)
    assert after.name == 'f'
    assert list(site.store.kept) == [after.secret]
    refused(
        '$.type',
        lambda: endpoints.update(
            site.parts, site.who, made.id, {'type': 'other'}
        ),
    )


def test_the_ends_of_a_transfer_differ(site: Site) -> None:
    origin = endpoint(site)
    info = {'password': 'pw'}
    twin = endpoint(site, name='twin', connection_info=info)
    other = endpoint(site, name='o', connection_info={'password': 'pw2'})

    def join(destination: str) -> Transfer:
        spec = TransferSpec(
            origin_endpoint_id=origin.id,
            destination_endpoint_id=destination,
            instances=('a',),
        )
        return transfers.create(site.parts, site.who, spec)

    text = refused('$.destination_endpoint_id', join, origin.id)
    assert 'the same endpoint' in text
    text = refused('$.destination_endpoint_id', join, twin.id)
    assert 'the same connection information' in text
    assert join(other.id).spec.destination_endpoint_id == other.id


def test_ends_in_barbican_are_compared_by_reference(site: Site) -> None:
    origin, other = endpoint(site), endpoint(site)

    def same(one: str, two: str) -> bool:
        return connections.are_same(
            site.parts,
            msgspec.structs.replace(origin, secret=one),
            msgspec.structs.replace(other, secret=two),
        )

    assert same('https://b/1', 'https://b/1')
    assert not same('https://b/1', 'https://b/2')
    assert not same('barbican:https://b/1', origin.secret)
    assert same(f'trust:{origin.secret}', other.secret)
    # Of another type the same words mean another cloud.
    foreign = msgspec.structs.replace(other, type='nimbus')
    assert not connections.are_same(site.parts, origin, foreign)


def test_an_endpoint_in_use_stays(site: Site) -> None:
    transfer = site.transfer('a')
    id = transfer.spec.origin_endpoint_id
    with pytest.raises(errors.Forbidden, match='1 transfers'):
        endpoints.delete(site.parts, site.who, id)
    transfers.delete(site.parts, site.who, transfer.id)
    endpoints.delete(site.parts, site.who, id)
    assert len(site.store.kept) == 1


def test_another_project_sees_nothing(site: Site) -> None:
    made = site.transfer('a')
    foreign = Asker(project_id='q')
    for act in (
        lambda: endpoints.delete(
            site.parts, foreign, made.spec.origin_endpoint_id
        ),
        lambda: transfers.delete(site.parts, foreign, made.id),
        lambda: preflight.check(site.parts, foreign, made.id),
        lambda: queries.ask_endpoint(
            site.parts, foreign, made.spec.origin_endpoint_id, 'validate', {}
        ),
    ):
        with pytest.raises(errors.NotFound):
            act()
    with pytest.raises(errors.Forbidden):
        asker({'user_id': 'u'})


def spec(site: Site, **more: Any) -> TransferSpec:
    given = {
        'origin_endpoint_id': endpoint(site).id,
        'destination_endpoint_id': endpoint(
            site, connection_info={'password': 'there'}
        ).id,
        'instances': ('a',),
    } | more
    return TransferSpec(**given)


def test_a_transfer_is_checked(site: Site) -> None:
    def make(**more: Any) -> Transfer:
        return transfers.create(site.parts, site.who, spec(site, **more))

    same = endpoint(site).id
    refused(
        '$.destination_endpoint_id',
        lambda: make(origin_endpoint_id=same, destination_endpoint_id=same),
    )
    refused('$.origin_endpoint_id', lambda: make(origin_endpoint_id='no'))
    refused('$.instances', lambda: make(instances=()))
    refused('$.instances[1]', lambda: make(instances=('a', 'a')))
    refused('$.instances[0]', lambda: make(instances=('',)))
    refused(
        '$.destination_environment.size',
        lambda: make(destination_environment={'size': 'big'}),
    )
    refused(
        '$.destination_environment',
        lambda: make(destination_environment={'siez': 1}),
    )
    refused('$.keep_points', lambda: make(keep_points=0))


def test_a_transfer_is_changed(site: Site) -> None:
    made = site.transfer('a', destination_environment={'size': 1})
    changes: dict[str, Any] = {
        'notes': 'n',
        'network_map': {'x': 'y'},
        'instances': ['a'],
    }
    execution = transfers.update(site.parts, site.who, made.id, changes)
    assert (execution.kind, execution.state) == ('transfer_update', 'done')
    after = site.find(made.id)
    assert after.busy_with is None
    assert after.spec.notes == 'n'
    assert after.spec.destination_environment == {'size': 1}
    refused(
        '$.instances',
        lambda: transfers.update(
            site.parts, site.who, made.id, {'instances': ['b']}
        ),
    )
    refused(
        '$.destination_environment.size',
        lambda: transfers.update(
            site.parts,
            site.who,
            made.id,
            {'destination_environment': {'size': 'x'}},
        ),
    )


def replicated(site: Site, *instances: str) -> Transfer:
    transfer = site.transfer(*instances)
    site.execute(transfer)
    site.run()
    return transfer


def test_a_transfer_with_disks_is_not_deleted(site: Site) -> None:
    transfer = replicated(site, 'a')
    with pytest.raises(errors.Conflict, match='delete its disks first'):
        transfers.delete(site.parts, site.who, transfer.id)
    execution = transfers.delete_disks(site.parts, site.who, transfer.id)
    assert execution.kind == 'transfer_disks_delete'
    site.run()
    assert site.execution(execution.id).state == 'done'
    with pytest.raises(errors.Conflict, match='no disks'):
        transfers.delete_disks(site.parts, site.who, transfer.id)
    transfers.delete(site.parts, site.who, transfer.id)


def test_a_deployment_needs_a_recovery_point(site: Site) -> None:
    transfer = site.transfer('a', 'b')
    with pytest.raises(errors.Conflict, match='execute the transfer first'):
        site.deploy(transfer)
    with pytest.raises(errors.Conflict, match='execute it first'):
        site.deploy(transfer, force=True)
    site.execute(transfer)
    site.worker.fail(site.next('Look', 'b'))
    site.run()
    with pytest.raises(errors.Conflict, match="'b'"):
        site.deploy(transfer)
    made = site.deploy(transfer, force=True)
    assert [vm.instance for vm in made.instances] == ['a']


def test_a_deployment_asks_nothing_of_the_source(site: Site) -> None:
    transfer = replicated(site, 'a')
    made = site.deploy(transfer, purpose=DeploymentPurpose.FAILOVER)
    boot = site.next('Boot')
    assert boot.source is None
    assert boot.target is not None
    site.run()
    assert site.last_of(made.id).state == 'done'
    # The transfer can be executed while its points are deployed.
    assert site.find(transfer.id).busy_with is None


def test_a_named_point_is_deployed(site: Site) -> None:
    transfer = replicated(site, 'a')
    site.execute(transfer)
    site.run()
    newest, oldest = site.replica(transfer).points
    assert newest.id != oldest.id
    made = site.deploy(transfer, recovery_points={'a': oldest.id})
    assert made.instances[0].recovery_point_id == oldest.id
    refused(
        '$.recovery_points.a',
        lambda: site.deploy(transfer, recovery_points={'a': 'none'}),
    )
    refused(
        '$.recovery_points',
        lambda: site.deploy(transfer, recovery_points={'z': oldest.id}),
    )


def test_a_test_deployment_is_torn_down(site: Site) -> None:
    transfer = replicated(site, 'a')
    made = site.deploy(transfer, purpose=DeploymentPurpose.TEST)
    with pytest.raises(errors.Conflict, match='running'):
        deployments.delete(site.parts, site.who, made.id)
    site.run()
    with pytest.raises(errors.Conflict, match='delete its disks'):
        transfers.delete(site.parts, site.who, transfer.id)
    deployments.delete(site.parts, site.who, made.id)
    assert site.next('DropBooted').name == 'DropBooted'
    site.run()
    with pytest.raises(errors.NotFound):
        deployments.delete(site.parts, site.who, made.id)


def test_a_failover_s_machines_outlive_its_row(site: Site) -> None:
    made = site.deploy(replicated(site, 'a'))
    site.run()
    deployments.delete(site.parts, site.who, made.id)
    assert site.bus.starts == []


def test_a_deployment_is_cancelled(site: Site) -> None:
    made = site.deploy(replicated(site, 'a'))
    deployments.cancel(site.parts, site.who, made.id, force=True)
    assert site.bus.stops[0][1].forced
    site.worker.held.clear()


def test_points_are_pinned_and_deleted(site: Site) -> None:
    transfer = replicated(site, 'a')
    (point,) = site.replica(transfer).points
    assert points.pin(site.parts, site.who, point.id, True).pinned
    with pytest.raises(errors.Conflict, match='pinned'):
        points.delete(site.parts, site.who, point.id)
    points.pin(site.parts, site.who, point.id, False)
    made = site.deploy(transfer)
    with pytest.raises(errors.Conflict, match='stand on'):
        points.delete(site.parts, site.who, point.id)
    site.run()
    plan = runs.replicas
    with site.parts.database.reader() as session:
        (kept,) = plan(session, site.find(transfer.id))['a'].points
    assert kept.pinned, 'retention must not drop what a machine stands on'
    deployments.delete(site.parts, site.who, made.id)
    execution = points.delete(site.parts, site.who, point.id)
    assert execution.kind == 'recovery_points_delete'
    assert site.find(transfer.id).busy_with == execution.id


def test_a_question_is_sealed_to_the_worker(site: Site) -> None:
    made = endpoint(site)
    site.bus.answer = lambda _: Answer(value={'valid': True})
    answer = queries.ask_endpoint(
        site.parts, site.who, made.id, 'validate', {'env': {'a': 1}}
    )
    assert answer == {'valid': True}
    ((host, question),) = site.bus.questions
    assert host == 'w1'
    assert question.access.options == {'a': 1}
    assert 'pw' not in json.dumps(to_plain(question))
    clear = seal.open_sealed(site.worker.key, question.secret_sealed)
    assert json.loads(clear) == {'password': 'pw'}
    with pytest.raises(errors.InvalidInput):
        queries.ask_endpoint(site.parts, site.who, made.id, 'destroy', {})


@pytest.mark.parametrize(
    ('env', 'field', 'text'),
    [
        ({'siez': 1}, '$.env', "'siez' was unexpected"),
        ({'size': 'big'}, '$.env.size', 'integer'),
    ],
)
def test_an_environment_is_checked(
    site: Site, env: dict[str, Any], field: str, text: str
) -> None:
    made = endpoint(site)
    args = {'side': 'destination', 'env': env}
    with pytest.raises(errors.InvalidInput, match=text) as told:
        queries.ask_endpoint(site.parts, site.who, made.id, 'options', args)
    assert told.value.field == field
    assert site.bus.questions == []


def test_what_stands_beside_an_environment_is_no_part_of_it(
    site: Site,
) -> None:
    made = endpoint(site)
    env = {'size': 1, 'network_map': {'a': 'b'}, 'storage_mappings': {}}
    args = {'side': 'destination', 'env': env}
    queries.ask_endpoint(site.parts, site.who, made.id, 'options', args)
    ((_, question),) = site.bus.questions
    assert question.access.options == {'size': 1}


def test_an_answer_s_error_is_raised_as_it_was(site: Site) -> None:
    made = endpoint(site)
    site.bus.answer = lambda _: Answer(code='auth_failed', message='no entry')
    with pytest.raises(errors.AuthFailed, match='no entry'):
        queries.ask_endpoint(site.parts, site.who, made.id, 'networks', {})


def answering(question: Query) -> Answer:
    if question.verb == 'instance':
        if question.args['name'] == 'gone':
            return Answer(code='not_found', message='no such machine')
        return Answer(value=to_plain(samples.vm(question.args['name'])))
    if question.verb == 'source_preflight':
        found = Finding(
            code='slow',
            severity=Severity.WARNING,
            meaning='It is slow.',
            remedy='Wait.',
        )
        return Answer(value=to_plain([found]))
    return Answer(code='unreachable', message='the cloud is away')


def test_preflight_tells_all_at_once(site: Site) -> None:
    transfer = site.transfer('a', 'gone')
    site.bus.answer = answering
    found = preflight.check(site.parts, site.who, transfer.id)
    assert [(f.code, f.severity, f.instance) for f in found] == [
        ('destination_unreachable', 'error', 'a'),
        ('instance_not_found', 'error', 'gone'),
        ('slow', 'warning', ''),
    ]
