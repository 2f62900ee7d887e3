# SPDX-License-Identifier: Apache-2.0
"""References to secrets: followed under a trust, refused with a reason."""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

import pytest

from coriolis_ng.client import ApiError
from coriolis_ng.secrets.barbican import BarbicanStore
from tests.beds import memory, process
from tests.beds import tenants as beds

FIELD = '$.connection_info.secret_ref'
MIB = 1 << 20


def stored(
    tenants: beds.Tenants,
    payload: Any,
    persona: str = 'member',
    project: str = 'ours',
) -> str:
    """The URL of a secret of that user."""
    store = BarbicanStore(tenants.session(persona, project))
    return store.put(
        json.dumps(payload).encode(), project_id=tenants.projects[project]
    )


def refer(tenants: beds.Tenants, url: str, persona: str = 'member') -> str:
    made = tenants.client_of(persona).endpoints.create(
        name='referred', type='memory', connection_info={'secret_ref': url}
    )
    assert made['connection_info'] == {'secret_ref': url}
    return made['id']


def ended(tenants: beds.Tenants, transfer: str, execution: str) -> Any:
    client = tenants.client_of('member')
    until = time.monotonic() + 200
    while True:
        found = client.executions.of(transfer).get(execution)
        if found['status'] not in ('PENDING', 'RUNNING', 'CANCELLING'):
            return found
        assert time.monotonic() < until
        time.sleep(0.3)


def transfer_between(
    tenants: beds.Tenants,
    source: memory.MemoryCloud,
    destination: memory.MemoryCloud,
    persona: str = 'member',
) -> str:
    client = tenants.client_of(persona)
    source.make_machine('vm', 2 * MIB)
    source.write('vm', 'disk0', 0, b'x' * MIB)
    ends = [
        refer(tenants, stored(tenants, cloud.connection_info), persona)
        for cloud in (source, destination)
    ]
    return client.transfers.create(
        origin_endpoint_id=ends[0],
        destination_endpoint_id=ends[1],
        instances=['vm'],
        scenario='replica',
        skip_os_morphing=True,
    )['id']


def trusts(tenants: beds.Tenants) -> list[Any]:
    """All that name the service's user, as Keystone has them."""
    found: list[Any] = tenants.identity.call('GET', '/OS-TRUST/trusts')[
        'trusts'
    ]
    mine = tenants.users['coriolis']
    return [one for one in found if one['trustee_user_id'] == mine]


def rows(tenants: beds.Tenants) -> list[str]:
    return [row[0] for row in tenants.query('SELECT state FROM trusts')]


def check_going(tenants: beds.Tenants, transfer: str) -> None:
    """Gone with its transfer, or as soon as the audit has looked for what
    landed late."""
    states = tenants.query(
        'SELECT state FROM trusts WHERE owner_id = :id', id=transfer
    )
    assert [row[0] for row in states] in ([], ['dropping'])


def test_a_whole_transfer_under_a_trust(
    tenants: beds.Tenants,
    source: memory.MemoryCloud,
    destination: memory.MemoryCloud,
) -> None:
    client = tenants.client_of('member')
    before = len(trusts(tenants))
    transfer = transfer_between(tenants, source, destination)
    made = trusts(tenants)
    assert len(made) == before + 1
    assert made[-1]['trustor_user_id'] == tenants.users['member-ours']
    assert made[-1]['impersonation'] is True
    assert made[-1]['project_id'] == tenants.projects['ours']
    # Another user of the project starts it; the work is the creator's.
    started = tenants.client_of('manager').executions.of(transfer).create()
    done = ended(tenants, transfer, started['id'])
    assert done['status'] == 'COMPLETED', done
    preflight = client.transfers.preflight(transfer)
    assert preflight['passed'] is True
    run = tenants.client_of('manager').transfers.delete_disks(transfer)
    assert ended(tenants, transfer, run['id'])['status'] == 'COMPLETED'
    client.transfers.delete(transfer)
    check_going(tenants, transfer)


def test_a_revoked_trust_is_told_and_an_update_mends_it(
    tenants: beds.Tenants,
    source: memory.MemoryCloud,
    destination: memory.MemoryCloud,
) -> None:
    client = tenants.client_of('member')
    transfer = transfer_between(tenants, source, destination)
    [id] = [
        row[0]
        for row in tenants.query(
            'SELECT external_id FROM trusts WHERE owner_id = :id', id=transfer
        )
    ]
    store = tenants.session('member')
    store.request(f'{tenants.identity.url}/OS-TRUST/trusts/{id}', 'DELETE')
    started = client.executions.of(transfer).create()
    done = ended(tenants, transfer, started['id'])
    assert done['status'] == 'ERROR'
    said = json.dumps(done['tasks'])
    assert 'trust' in said
    assert 'update the transfer' in said.lower()
    client.transfers.update(transfer, notes='with a new trust')
    started = client.executions.of(transfer).create()
    done = ended(tenants, transfer, started['id'])
    assert done['status'] == 'COMPLETED', done
    run = tenants.client_of('manager').transfers.delete_disks(transfer)
    assert ended(tenants, transfer, run['id'])['status'] == 'COMPLETED'
    client.transfers.delete(transfer)


def refused(
    tenants: beds.Tenants, url: str, because: str, status: int = 400
) -> None:
    endpoint = refer(tenants, url)
    client = tenants.client_of('member')
    try:
        with pytest.raises(ApiError) as told:
            client.endpoints.instances(endpoint)
        assert told.value.status == status
        assert told.value.field == FIELD
        assert because in told.value.message
        validation = client.endpoints.validate(endpoint)
        assert validation['valid'] is False
        assert FIELD in validation['message']
    finally:
        client.endpoints.delete(endpoint)


def test_an_unknown_secret(tenants: beds.Tenants) -> None:
    url = f'{tenants.secrets.url}/v1/secrets/{uuid.uuid4()}'
    refused(tenants, url, 'there is no such secret')


def test_a_deleted_secret(
    tenants: beds.Tenants, source: memory.MemoryCloud
) -> None:
    url = stored(tenants, source.connection_info)
    BarbicanStore(tenants.session('member')).drop(
        url, project_id=tenants.projects['ours']
    )
    refused(tenants, url, 'there is no such secret')


def test_a_foreign_secret(
    tenants: beds.Tenants, source: memory.MemoryCloud
) -> None:
    url = stored(tenants, source.connection_info, project='theirs')
    refused(tenants, url, 'another project')


def test_a_secret_that_is_no_json(tenants: beds.Tenants) -> None:
    refused(tenants, stored(tenants, ['no', 'object']), 'a JSON object')


@pytest.mark.parametrize(
    'url',
    [
        'http://127.0.0.1:{port}/v1/secrets/{id}',
        '{barbican}@127.0.0.1:{port}/v1/secrets/{id}',
        '{barbican}/v1/secrets/{id}/../../../{id}',
        '{barbican}/v1/containers/{id}',
        '{barbican}/v1/secrets/{id}?x=http://127.0.0.1:{port}',
        'file:///etc/passwd',
        '',
    ],
)
def test_only_the_catalogs_key_manager_is_asked(
    tenants: beds.Tenants, url: str
) -> None:
    given = url.format(
        port=process.free_port(),
        barbican=tenants.secrets.url,
        id=uuid.uuid4(),
    )
    with pytest.raises(ApiError) as told:
        refer(tenants, given)
    assert told.value.status == 400
    assert told.value.field == '$.endpoint.connection_info.secret_ref'


def test_an_id_names_a_secret_too(
    tenants: beds.Tenants, source: memory.MemoryCloud
) -> None:
    url = stored(tenants, source.connection_info)
    client = tenants.client_of('member')
    made = client.endpoints.create(
        name='by id',
        type='memory',
        connection_info={'secret_id': url.rsplit('/', 1)[1]},
    )
    assert made['connection_info'] == {'secret_ref': url}
    assert client.endpoints.validate(made['id'])['valid'] is True
    client.endpoints.delete(made['id'])


def test_an_application_credential_that_may_not_delegate(
    tenants: beds.Tenants,
    source: memory.MemoryCloud,
    destination: memory.MemoryCloud,
) -> None:
    with pytest.raises(ApiError) as told:
        _transfer_as(tenants, source, destination, unrestricted=False)
    assert told.value.status == 403
    assert 'neither a trust nor an application credential' in str(told.value)
    assert 'making' not in rows(tenants)


def test_an_unrestricted_application_credential_is_enough(
    tenants: beds.Tenants,
    source: memory.MemoryCloud,
    destination: memory.MemoryCloud,
) -> None:
    transfer = _transfer_as(tenants, source, destination, unrestricted=True)
    client = tenants.client_of('member')
    started = client.executions.of(transfer).create()
    done = ended(tenants, transfer, started['id'])
    assert done['status'] == 'COMPLETED', done
    kinds = [
        row[0]
        for row in tenants.query(
            'SELECT kind FROM trusts WHERE owner_id = :id', id=transfer
        )
    ]
    assert kinds == ['application_credential']
    run = tenants.client_of('manager').transfers.delete_disks(transfer)
    assert ended(tenants, transfer, run['id'])['status'] == 'COMPLETED'
    client.transfers.delete(transfer)
    check_going(tenants, transfer)


def _transfer_as(
    tenants: beds.Tenants,
    source: memory.MemoryCloud,
    destination: memory.MemoryCloud,
    *,
    unrestricted: bool,
) -> str:
    from keystoneauth1 import session as sessions
    from keystoneauth1.identity import v3

    from coriolis_ng.client import Client

    user = tenants.session('member')
    id = tenants.users['member-ours']
    body = {
        'name': f'mine-{uuid.uuid4()}',
        'unrestricted': unrestricted,
    }
    made = user.request(
        f'{tenants.identity.url}/users/{id}/application_credentials',
        'POST',
        json={'application_credential': body},
    ).json()['application_credential']
    plugin = v3.ApplicationCredential(
        auth_url=tenants.identity.url,
        application_credential_id=made['id'],
        application_credential_secret=made['secret'],
    )
    client = Client(sessions.Session(auth=plugin), region_name='RegionOne')
    source.make_machine('vm', 2 * MIB)
    ends = [
        refer(tenants, stored(tenants, cloud.connection_info))
        for cloud in (source, destination)
    ]
    return client.transfers.create(
        origin_endpoint_id=ends[0],
        destination_endpoint_id=ends[1],
        instances=['vm'],
        scenario='replica',
        skip_os_morphing=True,
    )['id']
