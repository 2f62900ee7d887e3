# SPDX-License-Identifier: Apache-2.0
"""A recovery point is deployed from, or dropped, and never both."""

from __future__ import annotations

import pytest

from coriolis_ng import errors
from coriolis_ng.conductor import points, transfers
from coriolis_ng.objects.deployment import DeploymentPurpose
from coriolis_ng.objects.recovery_point import RecoveryPoint
from coriolis_ng.objects.transfer import Transfer
from coriolis_ng.rpc.wire import Assignment, Result
from tests.unit.conductor.conftest import Site


def replicated(site: Site, runs: int = 2) -> tuple[Transfer, RecoveryPoint]:
    """A transfer with some points, and the oldest of them."""
    transfer = site.transfer('a')
    for _ in range(runs):
        site.execute(transfer)
        site.run()
    return transfer, site.replica(transfer).points[-1]


def dropping(site: Site) -> Assignment:
    return site.next('DropPoints')


def test_a_point_that_goes_is_not_deployed(site: Site) -> None:
    transfer, old = replicated(site)
    points.delete(site.parts, site.who, old.id)
    given = dropping(site)
    assert [p['id'] for p in given.input['points']] == [old.id]
    with pytest.raises(errors.Conflict, match='is being removed'):
        site.deploy(transfer, recovery_points={'a': old.id})
    # The newest is another one.
    assert site.deploy(transfer).instances[0].recovery_point_id != old.id


def test_a_point_that_failed_to_go_stays_refused(site: Site) -> None:
    transfer, old = replicated(site)
    points.delete(site.parts, site.who, old.id)
    site.worker.fail(dropping(site))
    site.run()
    assert site.replica(transfer).points[-1].going
    with pytest.raises(errors.Conflict, match='is being removed'):
        site.deploy(transfer, recovery_points={'a': old.id})
    points.delete(site.parts, site.who, old.id)
    site.run()
    assert old.id not in {p.id for p in site.replica(transfer).points}


def test_the_only_point_that_goes_leaves_nothing_to_deploy(
    site: Site,
) -> None:
    transfer, old = replicated(site, runs=1)
    points.delete(site.parts, site.who, old.id)
    dropping(site)
    with pytest.raises(errors.Conflict, match='no recovery point'):
        site.deploy(transfer)


def test_a_point_that_is_deployed_does_not_go(site: Site) -> None:
    """The deployment came after the plan and before the task was taken."""
    transfer, old = replicated(site)
    points.delete(site.parts, site.who, old.id)
    site.deploy(transfer, recovery_points={'a': old.id})
    given = dropping(site)
    assert list(given.input['points']) == []
    site.run()
    kept = site.replica(transfer).points
    assert old.id in {p.id for p in kept}
    assert not any(p.going for p in kept)


def test_a_point_that_another_cloud_kept_can_be_deployed(site: Site) -> None:
    transfer, old = replicated(site)
    points.delete(site.parts, site.who, old.id)
    output = {'dropped': [], 'kept': [old.id]}
    site.worker.finish(dropping(site), Result(state='done', output=output))
    site.run()
    assert not site.replica(transfer).points[-1].going
    site.deploy(transfer, recovery_points={'a': old.id})


def test_disks_and_deployments_exclude_each_other(site: Site) -> None:
    transfer, _ = replicated(site)
    made = site.deploy(transfer)
    with pytest.raises(errors.Conflict, match=made.id):
        transfers.delete_disks(site.parts, site.who, transfer.id)
    assert site.find(transfer.id).busy_with is None
    site.run()
    transfers.delete_disks(site.parts, site.who, transfer.id)
    with pytest.raises(errors.Conflict, match='are being deleted'):
        site.deploy(transfer)


def test_volumes_of_the_replica_are_claimed(site: Site) -> None:
    transfer, _ = replicated(site)
    made = site.deploy(transfer, clone_disks=False)
    assert site.find(transfer.id).busy_with == site.last_of(made.id).id
    with pytest.raises(errors.Conflict, match='busy'):
        site.execute(transfer)
    # One from clones does not mind.
    site.deploy(transfer)
    site.run()
    assert site.find(transfer.id).busy_with is None


def test_a_test_has_clones(site: Site) -> None:
    transfer = site.transfer('a', clone_disks=False)
    site.execute(transfer)
    site.run()
    with pytest.raises(errors.InvalidInput) as caught:
        site.deploy(
            transfer, purpose=DeploymentPurpose.TEST, clone_disks=False
        )
    assert caught.value.field == '$.clone_disks'
    site.deploy(transfer, purpose=DeploymentPurpose.TEST)
    assert site.find(transfer.id).busy_with is None
