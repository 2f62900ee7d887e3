# SPDX-License-Identifier: Apache-2.0
"""Minion pools: worker VMs that are kept ready."""

from __future__ import annotations

import msgspec
from msgspec import UNSET

from coriolis_ng.api.method import (
    Actions,
    Call,
    Controller,
    Tagged,
    action,
    fields_of,
    method,
)
from coriolis_ng.api.schemas import minion_pools as schema
from coriolis_ng.api.views import minion_pools as view
from coriolis_ng.db import api as rows
from coriolis_ng.objects.minion_pool import (
    IdleStrategy,
    MinionPool,
    PoolPlatform,
    PoolSpec,
)
from coriolis_ng.policies import minion_pools as rules

ONE = '/minion_pools/{minion_pool_id}'
ACT = f'POST {ONE}/actions'


class MinionPoolActions(Actions):
    @action(ACT, 'allocate', rules.ALLOCATE, answer=schema.MinionPoolAnswer)
    def allocate(self, id: str, *, call: Call) -> schema.MinionPoolAnswer:
        """Make the machines of a pool."""
        found(call, id)
        return _answer(
            call.site.conductor.minion_pool_allocate(call.rpc(), id)
        )

    @action(ACT, 'refresh', rules.REFRESH, answer=schema.MinionPoolAnswer)
    def refresh(self, id: str, *, call: Call) -> schema.MinionPoolAnswer:
        """Check the machines of a pool, and make up for dead ones."""
        found(call, id)
        return _answer(call.site.conductor.minion_pool_refresh(call.rpc(), id))

    @action(
        ACT,
        'deallocate',
        rules.DEALLOCATE,
        body=schema.Deallocate,
        answer=schema.MinionPoolAnswer,
    )
    def deallocate(self, id: str, *, call: Call) -> schema.MinionPoolAnswer:
        """Remove the machines of a pool; with force also those in use."""
        found(call, id)
        force = bool(call.body.force)
        return _answer(
            call.site.conductor.minion_pool_deallocate(call.rpc(), id, force)
        )


class MinionPools(Controller):
    actions = MinionPoolActions()

    @method(
        'GET /minion_pools',
        rules.LIST,
        query=schema.MinionPoolsQuery,
        answer=schema.MinionPoolsAnswer,
    )
    def get_all(self, *, call: Call) -> schema.MinionPoolsAnswer:
        """List minion pools."""
        with call.site.database.reader() as session:
            several = rows.minion_pools.list(
                session, call.project_id, call.query.page()
            )
        return schema.MinionPoolsAnswer(
            minion_pools=[view.minion_pool(one) for one in several]
        )

    @method(
        f'GET {ONE}', rules.SHOW, answer=schema.MinionPoolAnswer, tagged=True
    )
    def get_one(self, id: str, *, call: Call) -> Tagged:
        """Show a minion pool with its machines."""
        return _tagged(found(call, id))

    @method(
        'POST /minion_pools',
        rules.CREATE,
        body=schema.CreateMinionPool,
        answer=schema.MinionPoolAnswer,
    )
    def post(self, *, call: Call) -> schema.MinionPoolAnswer:
        """Create a minion pool and make its machines."""
        given: schema.NewMinionPool = call.body.minion_pool
        conductor = call.site.conductor
        with fields_of('$.minion_pool'):
            made = conductor.minion_pool_create(call.rpc(), _spec(given))
        if not given.skip_allocation:
            made = conductor.minion_pool_allocate(call.rpc(), made.id)
        return _answer(made)

    @method(
        f'PUT {ONE}',
        rules.UPDATE,
        body=schema.UpdateMinionPool,
        answer=schema.MinionPoolAnswer,
        tagged=True,
    )
    def put(self, id: str, *, call: Call) -> Tagged:
        """Change a minion pool that is deallocated."""
        version = call.bound_to(found(call, id).version)
        given = msgspec.structs.asdict(call.body.minion_pool)
        changes = {
            name: value
            for name, value in given.items()
            if value is not UNSET and (value is not None or name == 'notes')
        }
        with fields_of('$.minion_pool'):
            made = call.site.conductor.minion_pool_update(
                call.rpc(), id, changes, version
            )
        return _tagged(made)

    @method(f'DELETE {ONE}', rules.DELETE, status=204, tagged=True)
    def delete(self, id: str, *, call: Call) -> None:
        """Delete a minion pool that has no machines."""
        call.bound_to(found(call, id).version)
        call.site.conductor.minion_pool_delete(call.rpc(), id)


def found(call: Call, id: str) -> MinionPool:
    """The pool of the caller's project; ``NotFound``."""
    with call.site.database.reader() as session:
        return rows.minion_pools.get(session, id, call.project_id)


def _answer(value: MinionPool) -> schema.MinionPoolAnswer:
    return schema.MinionPoolAnswer(minion_pool=view.minion_pool(value))


def _tagged(value: MinionPool) -> Tagged:
    return Tagged(_answer(value), value.version)


def _spec(given: schema.NewMinionPool) -> PoolSpec:
    least = 1 if given.minimum_minions is None else given.minimum_minions
    return PoolSpec(
        name=given.name,
        endpoint_id=given.endpoint_id,
        platform=PoolPlatform(given.platform),
        os_type=given.os_type,
        environment_options=given.environment_options,
        minimum_minions=least,
        maximum_minions=given.maximum_minions or max(1, least),
        minion_max_idle_time=given.minion_max_idle_time or 1,
        minion_retention_strategy=IdleStrategy(
            given.minion_retention_strategy or IdleStrategy.DELETE
        ),
        notes=given.notes,
    )
