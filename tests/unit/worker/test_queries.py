# SPDX-License-Identifier: Apache-2.0
"""Questions: answers, errors, the limit, and what is kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from coriolis_ng.objects import from_plain, to_plain
from coriolis_ng.rpc import serializer
from coriolis_ng.rpc.wire import Access, Answer, Query
from coriolis_ng.secrets import seal
from coriolis_ng.worker.service import WorkerService

INFO = {'user': 'ann', 'password': 'right one'}

Ask = Callable[..., Answer]


@pytest.fixture
def ask(worker: WorkerService) -> Ask:
    return asker(worker)


def asker(worker: WorkerService) -> Ask:
    """Asks as a conductor does: plain, and the secret sealed."""

    def ask(
        verb: str,
        info: dict[str, Any] = INFO,
        provider: str = 'small',
        **args: Any,
    ) -> Answer:
        question = Query(
            verb=verb,
            access=Access(endpoint_id='e', provider=provider, secret='ref'),
            args=args,
            secret_sealed=seal.seal(
                worker.seal_key, msgspec.json.encode(info)
            ),
        )
        packed = worker.endpoint.query({}, to_plain(question))
        return from_plain(Answer, serializer.unpack(packed))

    return ask


def test_a_good_endpoint_is_valid(ask: Ask) -> None:
    assert ask('validate').value == {'valid': True, 'message': None}


def test_a_wrong_password_is_told(ask: Ask) -> None:
    answer = ask('validate', INFO | {'password': 'wrong'})
    assert answer.value == {
        'valid': False,
        'message': 'The password is refused.',
    }
    assert answer.code == ''


def test_connection_information_is_checked(ask: Ask) -> None:
    answer = ask('instances', {'user': 'ann'})
    assert (answer.code, answer.field) == (
        'invalid_input',
        '$.connection_info',
    )
    assert "'password' is a required property" in answer.message


def test_instances_are_listed(ask: Ask) -> None:
    assert [vm['name'] for vm in ask('instances').value] == ['a', 'b']
    found = ask('instances', marker='a', limit=5).value
    assert [vm['name'] for vm in found] == ['b']
    found = ask('instances', marker='id-a').value
    assert [vm['name'] for vm in found] == ['b']
    assert [vm['id'] for vm in ask('instances', name='b').value] == ['id-b']
    found = ask('instances', name='^[ab]$', limit=1).value
    assert [vm['name'] for vm in found] == ['a']
    answer = ask('instances', marker='zz')
    assert (answer.code, answer.field) == ('invalid_input', '$.marker')
    assert "'zz'" in answer.message
    # Not an expression at all, but it may be a part of a name.
    assert ask('instances', name='(').value == []


def test_one_instance(ask: Ask) -> None:
    assert ask('instance', name='a').value['id'] == 'id-a'
    answer = ask('instance', name='c')
    assert answer.code == 'not_found'
    assert answer.message == "There is no machine 'c'."


def test_networks(ask: Ask) -> None:
    (network,) = ask('networks').value
    assert network['name'] == 'net'


def test_what_a_cloud_cannot_is_unsupported(ask: Ask) -> None:
    answer = ask('source_preflight', instance='a', options={})
    assert answer.code == 'unsupported'
    assert ask('no-such-verb').code == 'unsupported'


def test_an_unknown_provider_is_not_found(ask: Ask) -> None:
    assert ask('networks', provider='other').code == 'not_found'


def test_an_environment_is_checked(ask: Ask) -> None:
    good = ask('check_schema', schema='destination', value={'zone': 'x'})
    assert good.value == {'valid': True, 'message': None}
    bad = ask(
        'check_schema',
        schema='destination',
        value={'zone': 'q'},
        field='destination_environment',
    )
    assert bad.field == '$.destination_environment.zone'


def test_answers_are_kept_for_a_moment(ask: Ask, tmp_path: Path) -> None:
    count = tmp_path / 'count'
    info = INFO | {'count': str(count)}
    first = ask('instances', info, limit=1)
    assert ask('instances', info, limit=1) == first
    assert count.read_text() == 'x'
    ask('instances', info, limit=2)
    assert count.read_text() == 'xx'
    # Other credentials see other things.
    ask('instances', info | {'user': 'bob'}, limit=1)
    assert count.read_text() == 'xxx'
    # Who wants to see it anew does, and so does who asks after that.
    assert ask('instances', info, limit=1, refresh=True) == first
    assert count.read_text() == 'xxxx'
    assert ask('instances', info, limit=1) == first
    assert count.read_text() == 'xxxx'


def test_a_cloud_that_does_not_answer_is_unreachable(
    make_worker: Callable[..., WorkerService],
) -> None:
    ask = asker(make_worker(query_seconds=1))
    answer = ask('instances', INFO | {'sleeps': True})
    assert answer.code == 'unreachable'
    assert answer.message == 'The cloud did not answer within 1 seconds.'


def test_a_secret_for_another_incarnation_is_asked_for_again(
    worker: WorkerService,
) -> None:
    other = seal.Key.generate()
    question = Query(
        verb='networks',
        access=Access(endpoint_id='e', provider='small', secret='ref'),
        secret_sealed=seal.seal(other.public, b'{}'),
    )
    assert worker.query(question).code == 'unreachable'
