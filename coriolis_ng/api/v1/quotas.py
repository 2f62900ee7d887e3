# SPDX-License-Identifier: Apache-2.0
"""Quotas: how much of the service a project may use, and uses."""

from __future__ import annotations

from collections.abc import Sequence
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
from coriolis_ng.api.schemas import quotas as schema
from coriolis_ng.api.views import quotas as view
from coriolis_ng.objects.quota import Quota, QuotaResource, tag
from coriolis_ng.policies import quotas as rules

ONE = '/quotas/{quota_project_id}'


class Quotas(Controller):
    @method('GET /quotas', rules.LIST, answer=schema.QuotasAnswer)
    def get_all(self, *, call: Call) -> schema.QuotasAnswer:
        """List the project's quotas with what is used."""
        found = call.site.conductor.quota_show(call.rpc(), call.project_id)
        return view.quotas(found)

    @method(f'GET {ONE}', rules.SHOW, answer=schema.QuotasAnswer, tagged=True)
    def get_one(self, id: str, *, call: Call) -> Tagged:
        """List any project's quotas with what is used."""
        return _tagged(_found(call, id))

    @method(
        f'PUT {ONE}',
        rules.UPDATE,
        body=schema.UpdateQuotas,
        answer=schema.QuotasAnswer,
        tagged=True,
    )
    def put(self, id: str, *, call: Call) -> Tagged:
        """Set limits of a project."""
        given = msgspec.structs.asdict(call.body.quotas)
        limits = {k: v for k, v in given.items() if v is not UNSET}
        with fields_of('$.quotas'):
            return _updated(call, id, limits)

    @method(f'DELETE {ONE}', rules.UPDATE, status=204, tagged=True)
    def delete(self, id: str, *, call: Call) -> None:
        """Go back to the default limits."""
        _updated(call, id, {one.value: None for one in QuotaResource})


def _updated(call: Call, id: str, limits: dict[str, Any]) -> Tagged:
    before = tag(_found(call, id))
    made = call.site.conductor.quota_update(
        call.rpc(), id, limits, call.bound_to(before)
    )
    return _tagged(made)


def _found(call: Call, id: str) -> Sequence[Quota]:
    _check(id)
    return call.site.conductor.quota_show(call.rpc(), id)


def _tagged(found: Sequence[Quota]) -> Tagged:
    return Tagged(view.quotas(found), tag(found))


def _check(project_id: str) -> None:
    # Projects are Keystone's: any word may be one.
    if not 1 <= len(project_id) <= 64:
        raise errors.NotFound('There is no such project.')
