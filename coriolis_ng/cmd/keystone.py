# SPDX-License-Identifier: Apache-2.0
"""The service's own user in Keystone, from ``[trustee]`` or, where nothing
is said there, ``[keystone_authtoken]``."""

from __future__ import annotations

from typing import Any

from keystoneauth1 import exceptions, loading
from oslo_config import cfg

from coriolis_ng import errors
from coriolis_ng.secrets.base import Trusts

SECONDS = 20  # for Keystone to answer
_OTHER_SCOPES = (
    'project_id',
    'project_name',
    'project_domain_id',
    'project_domain_name',
    'domain_id',
    'domain_name',
    'system_scope',
)


def trusts(conf: cfg.ConfigOpts) -> Trusts | None:
    """None with local tokens. ``InvalidInput`` where the user is not
    said."""
    barbican = conf.secrets.backend == 'barbican'
    if conf.auth.driver != 'keystone':
        if barbican:
            raise errors.InvalidInput(
                'Barbican wants Keystone: set driver in [auth] to keystone, '
                'or backend in [secrets] to local.',
                field='[secrets] backend',
            )
        return None
    # Heavy, and not needed on a machine without Keystone.
    from coriolis_ng.secrets.keystone import KeystoneTrusts

    group = _group(conf)

    def make_auth(**scope: Any) -> Any:
        other = dict.fromkeys(_OTHER_SCOPES) if scope else {}
        return loading.load_auth_from_conf_options(
            conf, group, **{**other, **scope}
        )

    try:
        return KeystoneTrusts(
            loading.load_session_from_conf_options(
                conf, 'trustee', timeout=SECONDS
            ),
            make_auth,
            interface=conf.secrets.interface,
            region_name=conf.secrets.region_name,
        )
    except exceptions.ClientException as error:
        raise errors.InvalidInput(
            f'The options of [{group}] are wrong: {error}',
            field=f'[{group}]',
        ) from None


def _group(conf: cfg.ConfigOpts) -> str:
    if conf.trustee.auth_type or conf.trustee.auth_section:
        return 'trustee'
    group = 'keystone_authtoken'
    loading.register_auth_conf_options(conf, group)
    if not (conf[group].auth_type or conf[group].auth_section):
        raise errors.InvalidInput(
            'Set auth_type and what it needs in [keystone_authtoken]: work '
            'that outlives a token goes on under a trust to that user.',
            field='[keystone_authtoken] auth_type',
        )
    return group
