# SPDX-License-Identifier: Apache-2.0
"""The real ``coriolis`` finds Keystone, a token, and the service in the
catalog, in every way that OpenStack's users know; and so it registers."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import uuid
from typing import Any

import pytest

from tests.beds import keystone
from tests.beds import tenants as beds

PROGRAMS = pathlib.Path(sys.executable).parent


def run(
    program: str, *words: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    """With these variables, and none of ours that say who we are."""
    env = {k: v for k, v in os.environ.items() if not k.startswith('OS_')}
    return subprocess.run(
        [PROGRAMS / program, *words],
        env={**env, **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def variables(
    tenants: beds.Tenants, persona: str = 'member'
) -> dict[str, str]:
    return {
        'OS_AUTH_URL': tenants.identity.url,
        'OS_USERNAME': f'{persona}-ours',
        'OS_PASSWORD': beds.password(persona, 'ours'),
        'OS_PROJECT_NAME': 'ours',
        'OS_USER_DOMAIN_ID': 'default',
        'OS_PROJECT_DOMAIN_ID': 'default',
        'OS_REGION_NAME': keystone.REGION,
    }


def listed(done: subprocess.CompletedProcess[str]) -> list[Any]:
    assert done.returncode == 0, done.stderr
    found: list[Any] = json.loads(done.stdout)
    return found


LIST = ('provider', 'list', '-f', 'json')


def test_password(tenants: beds.Tenants) -> None:
    found = listed(run('coriolis', *LIST, **variables(tenants)))
    assert 'memory' in json.dumps(found)


def test_wrong_password(tenants: beds.Tenants) -> None:
    given = {**variables(tenants), 'OS_PASSWORD': 'another'}
    done = run('coriolis', *LIST, **given)
    assert done.returncode == 1
    assert 'Traceback' not in done.stderr
    assert 'another' not in done.stderr


def test_token(tenants: beds.Tenants) -> None:
    given = {
        'OS_AUTH_TYPE': 'token',
        'OS_AUTH_URL': tenants.identity.url,
        'OS_TOKEN': str(tenants.session('member').get_token()),
        'OS_PROJECT_ID': tenants.projects['ours'],
        'OS_REGION_NAME': keystone.REGION,
    }
    assert listed(run('coriolis', *LIST, **given))


def credential(tenants: beds.Tenants) -> dict[str, str]:
    session = tenants.session('member')
    id = tenants.users['member-ours']
    made: dict[str, str] = session.request(
        f'{tenants.identity.url}/users/{id}/application_credentials',
        'POST',
        json={'application_credential': {'name': str(uuid.uuid4())}},
    ).json()['application_credential']
    return made


def test_application_credential(tenants: beds.Tenants) -> None:
    made = credential(tenants)
    given = {
        'OS_AUTH_TYPE': 'v3applicationcredential',
        'OS_AUTH_URL': tenants.identity.url,
        'OS_APPLICATION_CREDENTIAL_ID': made['id'],
        'OS_APPLICATION_CREDENTIAL_SECRET': made['secret'],
        'OS_REGION_NAME': keystone.REGION,
    }
    assert listed(run('coriolis', *LIST, **given))


@pytest.fixture
def clouds(tenants: beds.Tenants, tmp_path: pathlib.Path) -> dict[str, str]:
    made = credential(tenants)
    file = tmp_path / 'clouds.yaml'
    common = {'region_name': keystone.REGION, 'identity_api_version': '3'}
    password = {
        'auth_url': tenants.identity.url,
        'username': 'reader-ours',
        'password': beds.password('reader', 'ours'),
        'project_name': 'ours',
        'user_domain_id': 'default',
        'project_domain_id': 'default',
    }
    admin = {
        **password,
        'username': 'admin',
        'password': keystone.PASSWORD,
        'project_name': 'admin',
    }
    delegated = {
        'auth_url': tenants.identity.url,
        'application_credential_id': made['id'],
        'application_credential_secret': made['secret'],
    }
    entries = {
        'reader': {'auth': password, **common},
        'admin': {'auth': admin, **common},
        'delegated': {
            'auth': delegated,
            'auth_type': 'v3applicationcredential',
            **common,
        },
    }
    file.write_text(json.dumps({'clouds': entries}))  # JSON is YAML
    return {'OS_CLIENT_CONFIG_FILE': str(file)}


@pytest.mark.parametrize('cloud', ['reader', 'delegated'])
def test_clouds_yaml(clouds: dict[str, str], cloud: str) -> None:
    done = run('coriolis', '--os-cloud', cloud, *LIST, **clouds)
    assert listed(done)
    assert listed(run('coriolis', *LIST, OS_CLOUD=cloud, **clouds))


def test_an_unknown_cloud(clouds: dict[str, str]) -> None:
    done = run('coriolis', '--os-cloud', 'nowhere', *LIST, **clouds)
    assert done.returncode == 1
    assert 'nowhere' in done.stderr
    assert 'Traceback' not in done.stderr


def test_what_policy_refuses(clouds: dict[str, str]) -> None:
    words = ('service', 'list')
    done = run('coriolis', '--os-cloud', 'reader', *words, **clouds)
    assert done.returncode == 1
    assert 'Policy does not allow services:list' in done.stderr


def test_register_in_the_catalog(
    tenants: beds.Tenants, clouds: dict[str, str]
) -> None:
    def register(*more: str) -> list[str]:
        done = run(
            'coriolis-manage',
            *('--config-file', str(tenants.configuration)),
            *('catalog', 'register', '--os-cloud', 'admin'),
            *('--region', 'elsewhere', *more),
            **clouds,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    url = tenants.root.removesuffix('/v1')
    full = f'{url}/v1/%(project_id)s'
    first = register('--public-url', url)
    assert first[-3:] == [
        f'public {full} made',
        f'internal {full} made',
        f'admin {full} made',
    ]
    again = register('--public-url', url)
    assert all(line.endswith(' is there') for line in again), again
    inside = 'http://127.0.0.1:7667'
    changed = register('--public-url', url, '--internal-url', inside)
    assert changed[-3:] == [
        f'public {full} is there',
        f'internal {inside}/v1/%(project_id)s corrected',
        f'admin {full} is there',
    ]
    words = ('--os-cloud', 'reader', '--region', 'elsewhere', *LIST)
    assert listed(run('coriolis', *words, **clouds))
