# SPDX-License-Identifier: Apache-2.0
"""What goes with a transfer: its disks, its own endpoints, their secrets."""

from __future__ import annotations

import msgspec
import pytest

from coriolis_ng import errors
from coriolis_ng.conductor import endpoints, transfers
from coriolis_ng.db import api as db
from coriolis_ng.objects.endpoint import EndpointSpec
from coriolis_ng.objects.transfer import Transfer
from tests.unit.conductor.conftest import Site


def inline(site: Site) -> Transfer:
    """A transfer whose two ends were made with it."""
    ids = []
    for name in ('origin', 'destination'):
        spec = EndpointSpec(
            name=name, type='cloud', connection_info={'password': name}
        )
        ids.append(endpoints.create(site.parts, site.who, spec).id)
    made = site.transfer('a')
    spec = msgspec.structs.replace(
        made.spec,
        origin_endpoint_id=ids[0],
        destination_endpoint_id=ids[1],
        own_endpoints=tuple(ids),
    )
    return transfers.create(site.parts, site.who, spec)


def there(site: Site, transfer: Transfer) -> set[str]:
    ids = transfer.spec.own_endpoints
    found = site.parts.database.read(lambda s: db.endpoints.several(s, ids))
    return {one.secret for one in found.values()}


def test_its_own_ends_go_with_it(site: Site) -> None:
    transfer = inline(site)
    secrets = there(site, transfer)
    assert len(secrets) == 2
    assert secrets <= set(site.store.kept)
    transfers.delete(site.parts, site.who, transfer.id)
    assert there(site, transfer) == set()
    assert not secrets & set(site.store.kept)


def test_an_end_that_another_transfer_uses_stays(site: Site) -> None:
    transfer = inline(site)
    secrets = there(site, transfer)
    spec = msgspec.structs.replace(transfer.spec, own_endpoints=())
    transfers.create(site.parts, site.who, spec)
    transfers.delete(site.parts, site.who, transfer.id)
    assert there(site, transfer) == secrets
    assert secrets <= set(site.store.kept)


def test_disks_go_first(site: Site) -> None:
    transfer = inline(site)
    secrets = there(site, transfer)
    site.execute(transfer)
    with pytest.raises(errors.Conflict, match='busy'):
        transfers.delete(site.parts, site.who, transfer.id, with_disks=True)
    site.run()
    with pytest.raises(errors.Conflict, match='delete its disks'):
        transfers.delete(site.parts, site.who, transfer.id)
    transfers.delete(site.parts, site.who, transfer.id, with_disks=True)
    # Until they are gone it is there, and busy.
    execution = site.last_of(transfer.id)
    assert execution.kind == 'transfer_disks_delete'
    assert site.find(transfer.id).busy_with == execution.id
    assert there(site, transfer) == secrets
    site.run()
    with pytest.raises(errors.NotFound):
        site.find(transfer.id)
    assert there(site, transfer) == set()
    assert not secrets & set(site.store.kept)


def test_nothing_to_wait_for(site: Site) -> None:
    transfer = inline(site)
    transfers.delete(site.parts, site.who, transfer.id, with_disks=True)
    with pytest.raises(errors.NotFound):
        site.find(transfer.id)
