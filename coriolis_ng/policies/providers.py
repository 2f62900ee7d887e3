# SPDX-License-Identifier: Apache-2.0
"""Who may look at what clouds can be used."""

from __future__ import annotations

from coriolis_ng.policies import base

LIST = 'providers:list'
SCHEMAS = 'providers:schemas'

RULES = [
    base.rule(
        LIST,
        base.READER,
        'List providers.',
        'GET /providers',
    ),
    base.rule(
        SCHEMAS,
        base.READER,
        'Show the schemas of a provider.',
        'GET /providers/{platform}/schemas/{type}',
    ),
]
