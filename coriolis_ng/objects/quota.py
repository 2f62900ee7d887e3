# SPDX-License-Identifier: Apache-2.0
"""How much of this service a project may use."""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Sequence

from coriolis_ng.objects.value import Value

UNLIMITED = -1


class QuotaResource(enum.StrEnum):
    EXECUTIONS = 'executions'  # of transfers and deployments, running now
    INSTANCES = 'instances'  # machines in all transfers


class QuotaSource(enum.StrEnum):
    """Where a limit comes from."""

    DEFAULT = 'default'  # the configuration
    PROJECT = 'project'  # set for this project
    KEYSTONE = 'keystone'  # a unified limit


class Quota(Value):
    """``limit`` is -1 where there is none."""

    resource: QuotaResource
    limit: int
    usage: int
    source: QuotaSource = QuotaSource.DEFAULT


def tag(quotas: Sequence[Quota]) -> str:
    """Another one when a limit is another one, whatever is in use."""
    limits = sorted(
        (one.resource.value, one.limit, one.source.value) for one in quotas
    )
    return hashlib.sha256(repr(limits).encode()).hexdigest()[:16]
