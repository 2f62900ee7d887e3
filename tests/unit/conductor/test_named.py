# SPDX-License-Identifier: Apache-2.0
"""What is said of single machines names machines of the transfer."""

from __future__ import annotations

from typing import Any

import pytest

from coriolis_ng import errors
from coriolis_ng.conductor import (
    deployments,
    forecasts,
    minion_pools,
    transfers,
)
from coriolis_ng.db import api as db
from coriolis_ng.objects import to_plain
from coriolis_ng.objects.deployment import DeploymentSpec
from coriolis_ng.objects.transfer import UserScript, UserScripts
from tests.unit.conductor.conftest import Site
from tests.unit.conductor.test_minion_pools import (
    find,
    offers_pools,
    pool,
    work,
)

MAPPINGS = '$.instance_osmorphing_minion_pool_mappings'
SCRIPTS = UserScripts(by_instance={'nosuch': (UserScript(secret='s'),)})


@pytest.mark.parametrize(
    ('said', 'field'),
    [
        ({'user_scripts': SCRIPTS}, '$.user_scripts.instances.nosuch'),
        ({'morphing_pools': {'nosuch': 'p'}}, f'{MAPPINGS}.nosuch'),
    ],
)
def test_a_transfer_has_only_its_own(
    site: Site, said: dict[str, Any], field: str
) -> None:
    with pytest.raises(errors.InvalidInput, match="only 'a', 'b'") as told:
        site.transfer('a', 'b', **said)
    assert told.value.field == field
    made = site.transfer('a', 'b')
    with pytest.raises(errors.InvalidInput, match="only 'a', 'b'") as told:
        transfers.update(site.parts, site.who, made.id, to_plain(said))
    assert told.value.field == field
    assert site.find(made.id).busy_with is None
    site.execute(made)
    site.run()
    spec = DeploymentSpec(transfer_id=made.id, **said)
    for refused in (deployments.create, forecasts.of_deployment):
        with pytest.raises(errors.InvalidInput, match="only 'a'") as told:
            refused(site.parts, site.who, spec)
        assert told.value.field == field


def test_a_deployment_has_pools_of_its_own(site: Site) -> None:
    offers_pools(site)
    transfer = site.transfer('a')
    site.execute(transfer)
    site.run()
    id = pool(site, transfer, minimum_minions=1, maximum_minions=1)
    minion_pools.allocate(site.parts, site.who, id)
    work(site)
    site.deploy(transfer, morphing_pools={'a': id})
    [machine] = find(site, id).machines
    assert machine.instance == 'a'
    assert machine.state == 'in_use'


def test_a_pool_of_another_end_is_none(site: Site) -> None:
    offers_pools(site)
    transfer = site.transfer('a')
    site.execute(transfer)
    site.run()
    other = site.transfer('a')
    id = pool(site, other)
    with pytest.raises(errors.InvalidInput, match='another endpoint') as told:
        site.deploy(transfer, morphing_pools={'a': id})
    assert told.value.field == f'{MAPPINGS}.a'
    made = site.parts.database.read(lambda s: db.deployments.list(s, None))
    assert list(made) == []
