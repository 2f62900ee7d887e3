# SPDX-License-Identifier: Apache-2.0
"""The real ``openstack`` finds us in the catalog and has our commands."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

from tests.beds import keystone
from tests.beds import tenants as beds
from tests.beds.memory import MemoryCloud

OPENSTACK = pathlib.Path(sys.executable).parent / 'openstack'


def test_openstack_migration(
    tenants: beds.Tenants, source: MemoryCloud
) -> None:
    variables = {
        'OS_AUTH_URL': tenants.identity.url,
        'OS_USERNAME': 'member-ours',
        'OS_PASSWORD': beds.password('member', 'ours'),
        'OS_PROJECT_NAME': 'ours',
        'OS_USER_DOMAIN_ID': 'default',
        'OS_PROJECT_DOMAIN_ID': 'default',
        'OS_IDENTITY_API_VERSION': '3',
        'OS_REGION_NAME': keystone.REGION,
    }

    def run(*words: str, stdin: str = '') -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [OPENSTACK, 'migration', *words],
            env={**os.environ, **variables},
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )

    done = run('transfer', 'list', '-f', 'json')
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []
    done = run(
        'endpoint', 'create', '--name', 'of openstack', '--provider',
        'memory', '--connection-file', '-', '-f', 'value', '-c', 'name',
        stdin=json.dumps(source.connection_info),
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, 'of openstack\n'), done.stderr
    done = run('endpoint', 'instance', 'list', 'of openstack', '-f', 'json')
    assert done.returncode == 0, done.stderr
    assert run('endpoint', 'delete', 'of openstack').returncode == 0
    done = run('service', 'list')
    assert done.returncode == 1
    assert 'Policy does not allow' in done.stderr
    variables['OS_REGION_NAME'] = 'nowhere'
    done = run('transfer', 'list')
    assert done.returncode == 1
    assert 'catalog' in done.stderr
    assert 'Traceback' not in done.stderr
