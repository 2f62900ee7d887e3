# SPDX-License-Identifier: Apache-2.0
"""Recovery points: what machines can be deployed from."""

from __future__ import annotations

from coriolis_ng.api.method import Actions, Call, Controller, action, method
from coriolis_ng.api.schemas import recovery_points as schema
from coriolis_ng.api.views import recovery_points as view
from coriolis_ng.db import api as rows
from coriolis_ng.objects.recovery_point import RecoveryPoint
from coriolis_ng.policies import recovery_points as rules

ONE = '/recovery_points/{recovery_point_id}'


class PointsOfTransfer(Controller):
    @method(
        'GET /transfers/{transfer_id}/recovery_points',
        rules.LIST,
        query=schema.PointsQuery,
        answer=schema.RecoveryPointsAnswer,
    )
    def get_all(
        self, transfer_id: str, *, call: Call
    ) -> schema.RecoveryPointsAnswer:
        """List the recovery points of a transfer, newest first."""
        with call.site.database.reader() as session:
            rows.transfers.get(session, transfer_id, call.project_id)
        return _page(call, transfer_id)


class RecoveryPointActions(Actions):
    @action(
        f'POST {ONE}/actions',
        'pin',
        rules.PIN,
        answer=schema.RecoveryPointAnswer,
    )
    def pin(self, id: str, *, call: Call) -> schema.RecoveryPointAnswer:
        """Keep a recovery point whatever retention says."""
        return _pinned(call, id, True)

    @action(
        f'POST {ONE}/actions',
        'unpin',
        rules.PIN,
        answer=schema.RecoveryPointAnswer,
    )
    def unpin(self, id: str, *, call: Call) -> schema.RecoveryPointAnswer:
        """Give a recovery point back to retention."""
        return _pinned(call, id, False)


class RecoveryPoints(Controller):
    actions = RecoveryPointActions()

    @method(
        'GET /recovery_points',
        rules.LIST,
        query=schema.AllPointsQuery,
        answer=schema.RecoveryPointsAnswer,
    )
    def get_all(self, *, call: Call) -> schema.RecoveryPointsAnswer:
        """List the recovery points of all transfers, newest first."""
        return _page(call, call.query.transfer_id)

    @method(f'GET {ONE}', rules.SHOW, answer=schema.RecoveryPointAnswer)
    def get_one(self, id: str, *, call: Call) -> schema.RecoveryPointAnswer:
        """Show a recovery point."""
        return _answer(_found(call, id))

    @method(f'DELETE {ONE}', rules.DELETE, status=204)
    def delete(self, id: str, *, call: Call) -> None:
        """Delete a recovery point; an execution does the work."""
        _found(call, id)
        call.site.conductor.recovery_point_delete(call.rpc(), id)


def _page(call: Call, transfer_id: str | None) -> schema.RecoveryPointsAnswer:
    wanted = {}
    if call.query.instance is not None:
        wanted['instance'] = call.query.instance
    with call.site.database.reader() as session:
        several = rows.recovery_points.list(
            session, call.project_id, transfer_id, call.query.page(**wanted)
        )
    return schema.RecoveryPointsAnswer(
        recovery_points=[view.recovery_point(one) for one in several]
    )


def _found(call: Call, id: str) -> RecoveryPoint:
    with call.site.database.reader() as session:
        return rows.recovery_points.get(session, id, call.project_id)


def _pinned(call: Call, id: str, pinned: bool) -> schema.RecoveryPointAnswer:
    _found(call, id)
    return _answer(
        call.site.conductor.recovery_point_pin(call.rpc(), id, pinned)
    )


def _answer(value: RecoveryPoint) -> schema.RecoveryPointAnswer:
    return schema.RecoveryPointAnswer(
        recovery_point=view.recovery_point(value)
    )
