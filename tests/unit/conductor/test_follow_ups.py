# SPDX-License-Identifier: Apache-2.0
"""What follows an execution is made wholly, or leaves nothing claimed."""

from __future__ import annotations

from typing import Any

from coriolis_ng.conductor import transfers
from coriolis_ng.db import api as db
from coriolis_ng.objects.execution import ExecutionState
from coriolis_ng.objects.task import Level
from coriolis_ng.objects.transfer import Transfer
from coriolis_ng.rpc.wire import Result
from tests.unit.conductor.conftest import Site
from tests.unit.conductor.test_minion_pools import (
    allocated,
    do,
    find,
    offers_pools,
    pool,
    pooled,
    states,
)

__all__ = ['pooled']


def all_of(site: Site, transfer: Transfer) -> list[str]:
    """States of the transfer's executions."""
    return [
        one.state.value
        for one in site.parts.database.read(
            lambda s: db.executions.list(s, transfer.id)
        )
    ]


def test_a_refused_retry_claims_nothing(pooled: Site) -> None:
    """The only machine of the pool broke in the run that is tried again."""
    transfer = pooled.transfer('a', execution_retries=1)
    id = allocated(pooled, transfer, minimum_minions=1, maximum_minions=1)
    pooled.execute(transfer)
    pooled.taken()
    while pooled.worker.held:
        for given in list(pooled.worker.held.values()):
            if given.name in {'Copy', 'GiveBack'}:
                pooled.worker.finish(
                    given, Result(state='failed', message='no answer')
                )
            else:
                do(pooled, given)
        pooled.taken()
    assert states(pooled, id) == ['error']
    assert find(pooled, id).machines[0].claimed_by is None
    # The other one recorded that the transfer got its pool.
    assert all_of(pooled, transfer) == ['failed', 'done']
    assert pooled.find(transfer.id).busy_with is None


def test_a_refused_deployment_claims_nothing(site: Site) -> None:
    """The pool that is to adapt the machine is not allocated."""
    offers_pools(site)
    transfer = site.transfer('a', clone_disks=False)
    id = pool(site, transfer)
    transfers.update(
        site.parts, site.who, transfer.id, {'morphing_pools': {'a': id}}
    )
    execution = site.execute(transfer, auto_deploy=True)
    site.run()
    assert site.execution(execution.id).state is ExecutionState.DONE
    assert site.find(transfer.id).busy_with is None

    def deployments(session: Any) -> Any:
        return db.deployments.list(session, None)

    assert list(site.parts.database.read(deployments)) == []
    told = [
        note.text
        for task in site.execution(execution.id).tasks
        for note in task.notes
        if note.level is Level.ERROR
    ]
    assert len(told) == 1
    assert told[0].startswith('No deployment follows: The minion pool ')
