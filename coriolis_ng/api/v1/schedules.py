# SPDX-License-Identifier: Apache-2.0
"""Schedules: when a transfer is executed by itself."""

from __future__ import annotations

import datetime
from typing import Any

import msgspec
from msgspec import UNSET

from coriolis_ng import errors
from coriolis_ng.api.method import (
    Call,
    Controller,
    Tagged,
    fields_of,
    method,
)
from coriolis_ng.api.schemas import schedules as schema
from coriolis_ng.api.views import schedules as view
from coriolis_ng.db import api as rows
from coriolis_ng.objects import to_plain
from coriolis_ng.objects.schedule import (
    Cron,
    MissedRuns,
    Schedule,
    ScheduleSpec,
)
from coriolis_ng.objects.transfer import Scenario
from coriolis_ng.policies import schedules as rules

# The words of the domain for those of the body.
_NAMES = {
    'schedule': 'cron',
    'shutdown_instance': 'shutdown_instances',
    'blackout_windows': 'blackouts',
}
# What null takes away; for all else it says nothing.
_REMOVABLE = frozenset({'expiration_date', 'interval_seconds', 'missed_runs'})


def controller(place: str) -> Controller:
    """Schedules below ``/transfers/{transfer_id}``, or below what older
    clients call it."""
    replica = place.startswith('/replicas')
    many, one = f'{place}/schedules', f'{place}/schedules/{{schedule_id}}'

    class Schedules(Controller):
        @method(
            f'GET {many}',
            rules.LIST,
            query=schema.SchedulesQuery,
            answer=schema.SchedulesAnswer,
        )
        def get_all(
            self, transfer_id: str, *, call: Call
        ) -> schema.SchedulesAnswer:
            """List the schedules of a transfer."""
            return _list(call, transfer_id, replica)

        @method(
            f'GET {one}', rules.SHOW, answer=schema.ScheduleAnswer, tagged=True
        )
        def get_one(self, transfer_id: str, id: str, *, call: Call) -> Tagged:
            """Show a schedule, with what became of its last run."""
            return _tagged(_found(call, transfer_id, id, replica), replica)

        @method(
            f'POST {many}',
            rules.CREATE,
            body=schema.NewSchedule,
            answer=schema.ScheduleAnswer,
        )
        def post(
            self, transfer_id: str, *, call: Call
        ) -> schema.ScheduleAnswer:
            """Create a schedule."""
            return _create(call, transfer_id, replica)

        @method(
            f'PUT {one}',
            rules.UPDATE,
            body=schema.ScheduleChanges,
            answer=schema.ScheduleAnswer,
            tagged=True,
        )
        def put(self, transfer_id: str, id: str, *, call: Call) -> Tagged:
            """Change a schedule."""
            before = _found(call, transfer_id, id, replica)
            return _update(call, before, replica)

        @method(f'DELETE {one}', rules.DELETE, status=204, tagged=True)
        def delete(self, transfer_id: str, id: str, *, call: Call) -> None:
            """Delete a schedule; what it has started goes on."""
            before = _found(call, transfer_id, id, replica)
            call.bound_to(before.version)
            call.site.conductor.schedule_delete(call.rpc(), id)

    return Schedules()


def moment(text: str, field: str) -> datetime.datetime:
    """A time in ISO 8601, in UTC; ``InvalidInput`` naming the field."""
    try:
        value = datetime.datetime.fromisoformat(text.strip())
        if value.tzinfo is None:
            value = value.replace(tzinfo=datetime.UTC)
        return value.astimezone(datetime.UTC)
    except (ValueError, OverflowError):
        raise errors.InvalidInput(
            f'{text!r} is no time such as 2027-01-31T12:00:00Z.', field=field
        ) from None


def _transfer(call: Call, id: str, replica: bool) -> None:
    with call.site.database.reader() as session:
        value = rows.transfers.get(session, id, call.project_id)
    if replica and value.spec.scenario is not Scenario.REPLICA:
        raise errors.NotFound(f'there is no replica {id!r}')


def _answer(value: Schedule, replica: bool) -> schema.ScheduleAnswer:
    shown = view.schedule(value, replica=replica)
    return schema.ScheduleAnswer(schedule=shown)


def _create(
    call: Call, transfer_id: str, replica: bool
) -> schema.ScheduleAnswer:
    _transfer(call, transfer_id, replica)
    spec = _spec(call.body)
    with fields_of('$'):
        made = call.site.conductor.schedule_create(
            call.rpc(), transfer_id, spec
        )
    return _answer(made, replica)


def _tagged(value: Schedule, replica: bool) -> Tagged:
    return Tagged(_answer(value, replica), value.version)


def _update(call: Call, before: Schedule, replica: bool) -> Tagged:
    version = call.bound_to(before.version)
    with fields_of('$'):
        made = call.site.conductor.schedule_update(
            call.rpc(), before.id, _changes(call.body), version
        )
    return _tagged(made, replica)


def _list(
    call: Call, transfer_id: str, replica: bool
) -> schema.SchedulesAnswer:
    _transfer(call, transfer_id, replica)
    query: schema.SchedulesQuery = call.query
    with call.site.database.reader() as session:
        found = rows.schedules.list(
            session,
            transfer_id,
            query.page(),
            show_expired=query.show_expired,
        )
        shown = [view.schedule(value, replica=replica) for value in found]
    return schema.SchedulesAnswer(schedules=shown)


def _found(call: Call, transfer_id: str, id: str, replica: bool) -> Schedule:
    _transfer(call, transfer_id, replica)
    with call.site.database.reader() as session:
        value = rows.schedules.get(session, id, call.project_id)
    if value.transfer_id != transfer_id:
        raise errors.NotFound(f'there is no schedule {id!r}')
    return value


def _spec(given: schema.NewSchedule) -> ScheduleSpec:
    ends = given.expiration_date
    missed = given.missed_runs
    return ScheduleSpec(
        cron=given.schedule.value() if given.schedule else Cron(),
        interval_seconds=given.interval_seconds,
        continuous=bool(given.continuous),
        time_zone=given.time_zone or 'UTC',
        blackouts=tuple(w.value() for w in given.blackout_windows or ()),
        missed_runs=MissedRuns(missed) if missed else None,
        expiration_date=moment(ends, '$.expiration_date') if ends else None,
        enabled=given.enabled is not False,
        shutdown_instances=bool(given.shutdown_instance),
        auto_deploy=bool(given.auto_deploy),
    )


def _changes(given: schema.ScheduleChanges) -> dict[str, Any]:
    """Fields of ``ScheduleSpec``, plain; what stays is left out."""
    changes: dict[str, Any] = {}
    for name, value in msgspec.structs.asdict(given).items():
        if value is UNSET or (value is None and name not in _REMOVABLE):
            continue
        changes[_NAMES.get(name, name)] = value
    if changes.get('expiration_date'):
        changes['expiration_date'] = moment(
            changes['expiration_date'], '$.expiration_date'
        )
    if 'cron' in changes:
        changes['cron'] = changes['cron'].value()
    if 'blackouts' in changes:
        changes['blackouts'] = [w.value() for w in changes['blackouts']]
    plain: dict[str, Any] = to_plain(changes)
    return plain
