# SPDX-License-Identifier: Apache-2.0
"""Regions decide which workers an endpoint is asked through."""

from __future__ import annotations

import pytest

from coriolis_ng.client import ApiError
from tests.functional.world import World, wait_until


def test_who_serves_a_region(world: World) -> None:
    # That nobody can be asked is a 503, which is no fault here.
    client = world.service.client()
    region = client.regions.create(name='north')
    endpoint = world.endpoint('source')
    worker = next(
        one for one in client.services.list() if 'worker' in one.binary
    )
    try:
        client.endpoints.update(endpoint, mapped_regions=[region.id])
        shown = client.regions.get(region.id)
        assert shown.mapped_endpoints == [endpoint]
        with pytest.raises(ApiError) as caught:
            client.endpoints.networks(endpoint)
        assert caught.value.status == 503
        assert 'serves the regions' in caught.value.message

        client.services.update(worker.id, mapped_regions=[region.id])
        assert client.endpoints.networks(endpoint) is not None
        client.regions.update(region.id, enabled=False)
        with pytest.raises(ApiError) as caught:
            client.endpoints.networks(endpoint)
        assert caught.value.status == 503
        with pytest.raises(ApiError) as caught:
            client.regions.delete(region.id)
        assert caught.value.status == 409
    finally:
        client.endpoints.update(endpoint, mapped_regions=[])
        client.services.update(worker.id, mapped_regions=[])
    client.regions.delete(region.id)
    assert region.id not in [one.id for one in client.regions.list()]
    wait_until(
        lambda: client.endpoints.networks(endpoint) is not None,
        'an answer without regions',
    )
