# SPDX-License-Identifier: Apache-2.0
"""The personas of OpenStack: reader, member, manager, admin, service.

Keystone expands implied roles (admin, manager, member, reader) in the token;
the local tokens of ``auth`` do the same.
"""

from __future__ import annotations

from oslo_policy import policy

READER = 'rule:project_reader'
MEMBER = 'rule:project_member'
MANAGER = 'rule:project_manager'
ADMIN = 'rule:admin'
ADMIN_OR_SERVICE = 'rule:admin_or_service'

_HERE = 'project_id:%(project_id)s'

RULES = [
    policy.RuleDefault('admin', 'role:admin', description='An administrator.'),
    policy.RuleDefault(
        'admin_or_service',
        'rule:admin or role:service',
        description='An administrator or another service.',
    ),
    policy.RuleDefault(
        'project_manager',
        f'rule:admin or (role:manager and {_HERE})',
        description='Manages the project.',
    ),
    policy.RuleDefault(
        'project_member',
        f'rule:project_manager or (role:member and {_HERE})',
        description='Works in the project.',
    ),
    policy.RuleDefault(
        'project_reader',
        f'rule:project_member or (role:reader and {_HERE})',
        description='Looks at the project.',
    ),
]


def rule(
    name: str, check: str, description: str, *operations: str
) -> policy.DocumentedRuleDefault:
    """A documented rule; ``operations`` are such as ``GET /transfers``,
    below ``/v1/{project_id}``."""
    return policy.DocumentedRuleDefault(
        name=name,
        check_str=check,
        description=description,
        operations=[_operation(one) for one in operations],
        scope_types=['project'],
    )


def _operation(text: str) -> dict[str, str]:
    verb, path = text.split(' ', 1)
    return {'method': verb, 'path': '/v1/{project_id}' + path}
