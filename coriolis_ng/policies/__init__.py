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
    executions,
    migrations,
    minion_pools,
    providers,
    recovery_points,
    regions,
    schedules,
    services,
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
            executions.RULES,
            minion_pools.RULES,
            migrations.RULES,
            providers.RULES,
            recovery_points.RULES,
            regions.RULES,
            schedules.RULES,
            services.RULES,
            transfers.RULES,
        )
    )
