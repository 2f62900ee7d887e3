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
    providers,
    recovery_points,
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
            migrations.RULES,
            providers.RULES,
            recovery_points.RULES,
            services.RULES,
            transfers.RULES,
        )
    )
