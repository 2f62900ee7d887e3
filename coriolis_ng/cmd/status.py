# SPDX-License-Identifier: Apache-2.0
"""``coriolis-status upgrade check``: may this release be started here?"""

from __future__ import annotations

import sys

from oslo_config import cfg
from oslo_upgradecheck import common_checks, upgradecheck

from coriolis_ng import conf as options
from coriolis_ng.cmd import rows
from coriolis_ng.db import migration
from coriolis_ng.secrets import local


class Checks(upgradecheck.UpgradeCommands):
    """Each check is one sentence and a remedy."""

    def _schema(self) -> upgradecheck.Result:
        found = migration.version(rows.connection_url(cfg.CONF))
        if found == migration.newest():
            return upgradecheck.Result(upgradecheck.Code.SUCCESS)
        return upgradecheck.Result(
            upgradecheck.Code.FAILURE,
            f'The tables are at {found or "nothing"}, this release needs '
            f'{migration.newest()}: run "coriolis-manage db sync".',
        )

    def _keys(self) -> upgradecheck.Result:
        local.load_keys(cfg.CONF.secrets.key_file)
        return upgradecheck.Result(upgradecheck.Code.SUCCESS)

    _upgrade_checks = (
        ('Schema of the database', _schema),
        ('Key file of the secret store', _keys),
        (
            'Policy file is not JSON',
            (common_checks.check_policy_json, {'conf': cfg.CONF}),
        ),
    )


def main() -> int:
    """0: go on; 1: warnings; 2: do not start; 255: it failed itself."""
    options.register(cfg.CONF)
    return upgradecheck.main(
        cfg.CONF, project='coriolis', upgrade_command=Checks()
    )


if __name__ == '__main__':
    sys.exit(main())
