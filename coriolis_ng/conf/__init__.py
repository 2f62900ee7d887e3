# SPDX-License-Identifier: Apache-2.0
"""All options, one file per group. Only ``cmd`` and ``wsgi`` read values;
everything else is handed what it needs."""

from __future__ import annotations

from collections.abc import Sequence

from oslo_config import cfg
from oslo_db import options as database

from coriolis_ng.conf import (
    api,
    audit,
    auth,
    conductor,
    default,
    metrics,
    quota,
    secrets,
    worker,
)

GROUPS: tuple[tuple[str, Sequence[cfg.Opt]], ...] = (
    ('DEFAULT', default.OPTIONS),
    ('api', api.OPTIONS),
    ('audit', audit.OPTIONS),
    ('auth', auth.OPTIONS),
    ('conductor', conductor.OPTIONS),
    ('metrics', metrics.OPTIONS),
    ('quota', quota.OPTIONS),
    ('secrets', secrets.OPTIONS),
    ('trustee', auth.TRUSTEE),
    ('worker', worker.OPTIONS),
)


def register(conf: cfg.ConfigOpts) -> None:
    """Makes all groups known to a configuration; may be repeated."""
    for group, options in GROUPS:
        conf.register_opts(
            options, group=None if group == 'DEFAULT' else group
        )
    conf.register_opts(database.database_opts, 'database')


def list_opts() -> list[tuple[str, Sequence[cfg.Opt]]]:
    """For oslo.config's generator; those of libraries are listed there."""
    return list(GROUPS)
