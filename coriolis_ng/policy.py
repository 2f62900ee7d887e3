# SPDX-License-Identifier: Apache-2.0
"""May this caller do that? oslo.policy with the rules of ``policies``."""

from __future__ import annotations

from typing import Any

from oslo_config import cfg
from oslo_policy import opts
from oslo_policy import policy as oslo_policy

from coriolis_ng import errors, policies
from coriolis_ng.context import Context


class Enforcer:
    """``conf`` is the configuration whose ``[oslo_policy]`` group names a
    file of the operator's rules; without one the built-in rules hold."""

    def __init__(self, conf: cfg.ConfigOpts | None = None) -> None:
        if conf is None:
            conf = cfg.ConfigOpts()
            conf([], default_config_files=[], default_config_dirs=[])
        opts.set_defaults(conf)
        self._enforcer = oslo_policy.Enforcer(conf)
        self._enforcer.register_defaults(policies.list_rules())

    def check(self, context: Context, rule: str) -> None:
        """Raises ``Forbidden`` unless ``rule`` allows it in the project
        of the token. Rows of other projects are never even found."""
        target: dict[str, Any] = {'project_id': context.project_id}
        if not self.allows(context, rule, target):
            raise errors.Forbidden(
                f'Policy does not allow {rule} to be performed.'
            )

    def allows(
        self, context: Context, rule: str, target: dict[str, Any]
    ) -> bool:
        """The answer as a value; raises for a rule that does not exist."""
        return bool(
            self._enforcer.authorize(
                rule, target, context.to_policy_values(), do_raise=False
            )
        )
