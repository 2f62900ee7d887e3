# SPDX-License-Identifier: Apache-2.0
"""Keystone is asked for limits with an end in sight."""

from __future__ import annotations

from keystoneauth1 import loading
from oslo_config import cfg

from coriolis_ng.cmd import limits


def test_a_keystone_that_hangs_is_not_waited_for_for_ever() -> None:
    if cfg.CONF._args is None:
        cfg.CONF([], default_config_files=[])
    session = loading.load_session_from_conf_options(
        cfg.CONF, group='oslo_limit', auth=None
    )
    assert session.timeout == limits.SECONDS
