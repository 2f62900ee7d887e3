# SPDX-License-Identifier: Apache-2.0
"""The database of the configuration; all that the operator's commands need
of the rest."""

from __future__ import annotations

from oslo_config import cfg

from coriolis_ng import errors
from coriolis_ng.db.session import Database

_OF_ENGINE = (
    'max_pool_size',
    'max_overflow',
    'pool_timeout',
    'connection_recycle_time',
    'max_retries',
    'retry_interval',
    'mysql_wsrep_sync_wait',
)


def database(conf: cfg.ConfigOpts) -> Database:
    """``InvalidInput`` where ``[database] connection`` is not set."""
    group = conf.database
    options = {
        name: getattr(group, name)
        for name in _OF_ENGINE
        if getattr(group, name) is not None
    }
    return Database(connection_url(conf), **options)


def connection_url(conf: cfg.ConfigOpts) -> str:
    url = conf.database.connection
    if not url:
        raise errors.InvalidInput(
            'Set connection in [database], for example '
            'mysql+pymysql://coriolis:PASSWORD@HOST/coriolis',
            field='[database] connection',
        )
    return str(url)
