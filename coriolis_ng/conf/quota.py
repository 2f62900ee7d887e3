# SPDX-License-Identifier: Apache-2.0
"""Options of quotas."""

from __future__ import annotations

from oslo_config import cfg

OPTIONS = [
    cfg.StrOpt(
        'driver',
        default='local',
        choices=[
            (
                'local',
                'The limits below; an administrator can set others for a '
                'project.',
            ),
            (
                'keystone',
                "Keystone's unified limits of the same names, read by "
                'oslo.limit (see [oslo_limit]).',
            ),
        ],
        help='Where the limits of projects come from.',
    ),
    cfg.IntOpt(
        'executions',
        default=-1,
        min=-1,
        help='How many executions of transfers and deployments a project '
        'may have running at once; -1 is no limit.',
    ),
    cfg.IntOpt(
        'instances',
        default=-1,
        min=-1,
        help='How many machines the transfers of a project may have '
        'together; -1 is no limit.',
    ),
]
