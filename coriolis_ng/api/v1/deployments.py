# SPDX-License-Identifier: Apache-2.0
"""Deployments: running machines from recovery points."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from coriolis_ng import errors
from coriolis_ng.api.method import (
    Actions,
    Call,
    Controller,
    action,
    fields_of,
    method,
)
from coriolis_ng.api.schemas import deployments as schema
from coriolis_ng.api.schemas import plans as plan_schema
from coriolis_ng.api.schemas.executions import Cancel
from coriolis_ng.api.views import deployments as view
from coriolis_ng.api.views import plans as plan_view
from coriolis_ng.api.views import words
from coriolis_ng.db import api as rows
from coriolis_ng.objects.deployment import (
    Deployment,
    DeploymentPurpose,
    DeploymentSpec,
)
from coriolis_ng.objects.execution import Execution
from coriolis_ng.objects.transfer import Transfer
from coriolis_ng.policies import deployments as rules

ONE = '/deployments/{deployment_id}'


class DeploymentActions(Actions):
    @action(
        f'POST {ONE}/actions',
        'cancel',
        rules.CANCEL,
        body=Cancel,
        status=204,
    )
    def cancel(self, id: str, *, call: Call) -> None:
        """Ask a deployment to stop; with force it is killed."""
        force = bool(call.body.force)
        if force:
            call.check(rules.FORCE_CANCEL)
        found(call, id)
        call.site.conductor.deployment_cancel(call.rpc(), id, force)

    @action(
        f'POST {ONE}/actions',
        'plan',
        rules.PLAN,
        answer=plan_schema.PlanAnswer,
    )
    def plan(self, id: str, *, call: Call) -> plan_schema.PlanAnswer:
        """Tell what the same deployment would do if it was made again."""
        return _planned(call, found(call, id).spec)


class PlanDeployments(Controller):
    """Beside ``/deployments/{deployment_id}``, for what does not exist
    yet."""

    @method(
        'POST /deployments/plan',
        rules.PLAN,
        body=schema.CreateDeployment,
        answer=plan_schema.PlanAnswer,
    )
    def post(self, *, call: Call) -> plan_schema.PlanAnswer:
        """Tell what a deployment would do. Nothing is made."""
        with fields_of('$.deployment'):
            return _planned(call, _spec(call, call.body.deployment))


class Deployments(Controller):
    plan = PlanDeployments()
    actions = DeploymentActions()
    _custom_actions = {'detail': ['GET']}

    @method(
        'GET /deployments',
        rules.LIST,
        query=schema.DeploymentsQuery,
        answer=schema.DeploymentsAnswer,
    )
    def get_all(self, *, call: Call) -> schema.DeploymentsAnswer:
        """List deployments."""
        return _page(call)

    @method(
        'GET /deployments/detail',
        rules.LIST,
        query=schema.DeploymentsQuery,
        answer=schema.DeploymentsAnswer,
    )
    def detail(self, *, call: Call) -> schema.DeploymentsAnswer:
        """List deployments."""
        return _page(call)

    @method(
        f'GET {ONE}',
        rules.SHOW,
        query=schema.DeploymentQuery,
        answer=schema.DeploymentAnswer,
    )
    def get_one(self, id: str, *, call: Call) -> schema.DeploymentAnswer:
        """Show a deployment with its tasks."""
        # Clients read ``info`` without asking for it.
        return answer(call, found(call, id), True)

    @method(
        'POST /deployments',
        rules.CREATE,
        body=schema.CreateDeployment,
        answer=schema.DeploymentAnswer,
    )
    def post(self, *, call: Call) -> schema.DeploymentAnswer:
        """Make machines from recovery points."""
        given: schema.NewDeployment = call.body.deployment
        with fields_of('$.deployment'):
            made = create(call, given)
        return answer(call, made, False)

    @method(f'DELETE {ONE}', rules.DELETE, status=204)
    def delete(self, id: str, *, call: Call) -> None:
        """Delete a deployment; a test's machines go with it."""
        found(call, id)
        call.site.conductor.deployment_delete(call.rpc(), id)


def create(call: Call, given: schema.NewDeployment) -> Deployment:
    """Has it made; fields of errors are relative to the body."""
    return call.site.conductor.deployment_create(
        call.rpc(), _spec(call, given)
    )


def _planned(call: Call, spec: DeploymentSpec) -> plan_schema.PlanAnswer:
    told = call.site.conductor.deployment_plan(call.rpc(), spec)
    return plan_schema.PlanAnswer(plan=plan_view.plan(told))


def _spec(call: Call, given: schema.NewDeployment) -> DeploymentSpec:
    with call.site.database.reader() as session:
        rows.transfers.get(session, given.transfer_id, call.project_id)
    scripts = given.user_scripts
    return DeploymentSpec(
        transfer_id=given.transfer_id,
        purpose=given.purpose or DeploymentPurpose.FAILOVER,
        clone_disks=given.clone_disks,
        skip_os_morphing=given.skip_os_morphing,
        force=bool(given.force),
        # Clients that have nothing to say of scripts send empty ones.
        user_scripts=scripts.value() if scripts and scripts.any() else None,
        recovery_points=given.recovery_points or {},
        set_dhcp=given.set_dhcp,
        # An empty one says nothing either.
        morphing_pools=given.instance_osmorphing_minion_pool_mappings or None,
    )


def found(call: Call, id: str) -> Deployment:
    """The deployment of the caller's project; ``NotFound``."""
    with call.site.database.reader() as session:
        return rows.deployments.get(session, id, call.project_id)


def answer(
    call: Call, value: Deployment, with_info: bool
) -> schema.DeploymentAnswer:
    """One deployment with its tasks as an answer."""
    with call.site.database.reader() as session:
        shown = view.deployment(
            value,
            _transfer(session, value.spec.transfer_id),
            _execution(session, value.id),
            with_tasks=True,
            with_info=with_info,
        )
    return schema.DeploymentAnswer(deployment=shown)


def _transfer(session: Session, id: str) -> Transfer | None:
    """None: a deployment outlives its transfer."""
    try:
        return rows.transfers.get(session, id)
    except errors.NotFound:
        return None


def _execution(session: Session, id: str) -> Execution | None:
    """The deployment's last execution: a tear-down comes after the first
    one."""
    page = rows.Page(limit=1, sort=(('number', 'desc'),))
    for one in rows.executions.list(session, id, page):
        return rows.executions.get(session, one.id, with_tasks=True)
    return None


def _page(call: Call) -> schema.DeploymentsAnswer:
    query: schema.DeploymentsQuery = call.query
    filters: dict[str, Any] = {}
    cancelling = None
    if query.status:
        state, cancelling = words.wanted(query.status)
        filters['last_execution_state'] = state
    if query.transfer_id:
        filters['transfer_id'] = query.transfer_id
    with call.site.database.reader() as session:
        several = rows.deployments.list(
            session, call.project_id, query.page(**filters), cancelling
        )
        several = rows.owners.told(session, several)
        transfers = rows.transfers.several(
            session, [one.spec.transfer_id for one in several]
        )
    return schema.DeploymentsAnswer(
        deployments=[
            view.deployment(
                one,
                transfers.get(one.spec.transfer_id),
                with_tasks=False,
                with_info=query.include_task_info,
            )
            for one in several
        ]
    )
