# SPDX-License-Identifier: Apache-2.0
"""``[secrets] backend = barbican``: what is sent inline goes there too."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator

import pytest

from coriolis_ng import errors
from coriolis_ng.secrets import references
from coriolis_ng.secrets.barbican import BarbicanStore
from tests.beds import memory
from tests.beds import tenants as beds


@pytest.fixture
def in_barbican(tenants: beds.Tenants) -> Iterator[beds.Tenants]:
    """The conductor with that option, and without it afterwards."""
    file = tenants.folder / 'conductor-1.conf'
    before = file.read_text()
    with contextlib.ExitStack() as stack:
        stack.callback(_restart, tenants)
        stack.callback(file.write_text, before)
        file.write_text(f'{before}[secrets]\nbackend = barbican\n')
        _restart(tenants)
        yield tenants


def _restart(tenants: beds.Tenants) -> None:
    tenants.stop('conductor-1')
    before = tenants.last_beat()
    tenants.start('conductor-1')
    # The API calls a worker UP for longer than this conductor's lease.
    tenants.running['conductor-1'].wait_until(
        lambda: tenants.last_beat() != before, 180, 'a beat'
    )


def test_an_endpoint_lives_in_barbican(
    in_barbican: beds.Tenants, source: memory.MemoryCloud
) -> None:
    tenants = in_barbican
    client = tenants.client_of('member')
    made = client.endpoints.create(
        name='inline', type='memory', connection_info=source.connection_info
    )
    assert made['connection_info'] == {'stored': '***'}
    [[secret]] = tenants.query(
        'SELECT secret FROM endpoints WHERE id = :id', id=made['id']
    )
    named = references.parse(secret)
    assert named.place is references.Place.OURS
    assert named.ref.startswith(f'{tenants.secrets.url}/v1/secrets/')
    store = BarbicanStore(tenants.session('member'))
    kept = store.get(named.ref, project_id='')
    assert json.loads(kept) == source.connection_info
    assert client.endpoints.validate(made['id'])['valid'] is True
    client.endpoints.delete(made['id'])
    with pytest.raises(errors.NotFound):
        store.get(named.ref, project_id='')
