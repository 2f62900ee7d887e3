# SPDX-License-Identifier: Apache-2.0
"""Unified limits of a real Keystone."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys

from tests.beds.keystone import PASSWORD, REGION, Keystone

# In a process of its own: oslo.limit keeps its connection for ever.
ASK = """
import json, sys
from oslo_config import cfg
cfg.CONF(['--config-file', sys.argv[1]])
from coriolis_ng import errors
from coriolis_ng.cmd import limits
try:
    found = limits.fetch(sys.argv[2], ['executions', 'instances'])
except errors.Unreachable as error:
    found = error.message
print(json.dumps(found))
"""


def ask(config: pathlib.Path, project: str) -> object:
    done = subprocess.run(
        [sys.executable, '-c', ASK, config, project],
        check=True,
        capture_output=True,
        text=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def test_a_project_has_its_own_limit_or_the_registered_one(
    tmp_path: pathlib.Path,
) -> None:
    config = tmp_path / 'limits.conf'
    with Keystone() as keystone:
        url = 'http://127.0.0.1:7667/v1'
        keystone.service('migration', 'coriolis', f'{url}/%(project_id)s')
        [endpoint] = [
            one
            for one in keystone.call('GET', '/endpoints?interface=public')[
                'endpoints'
            ]
            if one['url'].startswith(url)
        ]
        common = {
            'service_id': endpoint['service_id'],
            'region_id': REGION,
            'resource_name': 'executions',
        }
        keystone.call(
            'POST',
            '/registered_limits',
            {'registered_limits': [{**common, 'default_limit': 7}]},
        )
        project = keystone.project('limited')
        other = keystone.project('other')
        keystone.call(
            'POST',
            '/limits',
            {
                'limits': [
                    {**common, 'project_id': project, 'resource_limit': 3}
                ]
            },
        )
        config.write_text(
            '[oslo_limit]\n'
            'auth_type = password\n'
            f'auth_url = {keystone.url}\n'
            'username = admin\n'
            f'password = {PASSWORD}\n'
            'user_domain_id = default\n'
            'system_scope = all\n'
            f'endpoint_id = {endpoint["id"]}\n'
        )
        assert ask(config, project) == [['executions', 3], ['instances', 0]]
        assert ask(config, other) == [['executions', 7], ['instances', 0]]
    assert 'could not be read from Keystone' in str(ask(config, project))
