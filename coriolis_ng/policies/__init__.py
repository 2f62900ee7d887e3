# SPDX-License-Identifier: Apache-2.0
"""The rules of who may do what, one file per resource."""

from __future__ import annotations

import itertools

from oslo_policy import policy

from coriolis_ng.policies import (
    base,
    deployments,
    diagnostics,
    endpoints,
    events,
    executions,
    migrations,
    minion_pools,
    providers,
    quotas,
    recovery_points,
    regions,
    schedules,
    services,
    strays,
    transfers,
)


def list_rules() -> list[policy.RuleDefault]:
    """All rules with their built-in checks, for oslo.policy's tools."""
    return list(
        itertools.chain(
            base.RULES,
            deployments.RULES,
            diagnostics.RULES,
            endpoints.RULES,
            events.RULES,
            executions.RULES,
            minion_pools.RULES,
            migrations.RULES,
            providers.RULES,
            quotas.RULES,
            recovery_points.RULES,
            regions.RULES,
            schedules.RULES,
            services.RULES,
            strays.RULES,
            transfers.RULES,
        )
    )
