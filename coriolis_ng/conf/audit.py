# SPDX-License-Identifier: Apache-2.0
"""Options of the audit log."""

from __future__ import annotations

from oslo_config import cfg

OPTIONS = [
    cfg.BoolOpt(
        'enabled',
        default=True,
        help='Whether the API writes a line for each call that may change '
        'something: who did what to which resource, with which outcome.',
    ),
    cfg.StrOpt(
        'file',
        help='The file of these lines, one JSON object each; it may be '
        'moved away at any time, and another one is begun. Not set: they '
        'are lines of the log, of the logger coriolis_ng.audit.',
    ),
]
