# SPDX-License-Identifier: Apache-2.0
"""Keystone's unified limits, by oslo.limit and its group ``[oslo_limit]``."""

from __future__ import annotations

from collections.abc import Sequence

from keystoneauth1.exceptions import ClientException
from openstack.exceptions import SDKException
from oslo_config import cfg
from oslo_limit import exception, limit

from coriolis_ng import errors

# So long a Keystone that hangs is waited for, where [oslo_limit] timeout does
# not say otherwise: its library would wait for ever.
SECONDS = 30
cfg.CONF.set_default('timeout', SECONDS, group='oslo_limit')


def fetch(project_id: str, names: Sequence[str]) -> list[tuple[str, int]]:
    """The limits of a project; 0 for what is not registered. Raises
    ``Unreachable`` when Keystone does not tell."""
    try:
        # It asks which model of limits holds, so it is made when needed.
        enforcer = limit.Enforcer(lambda *_: {}, cache=False)
        return list(enforcer.get_project_limits(project_id, list(names)))
    except (
        exception.SessionInitError,
        ClientException,
        SDKException,
    ) as error:
        raise errors.Unreachable(
            'The limits could not be read from Keystone.', detail=str(error)
        ) from None
