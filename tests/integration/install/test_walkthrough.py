# SPDX-License-Identifier: Apache-2.0
"""The installation as the documents tell it, by the same scripts.

The servers are on loopback and in throw-away folders. Keystone and Barbican
are those of the package index; steps 1 (packages) and 7 (systemd) are not
run, what step 7 starts is started here.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping

import pytest

from tests.beds import keystone, memory, process
from tests.beds.barbican import Barbican
from tests.beds.keystone import Keystone
from tests.beds.mariadb import MariaDB
from tests.beds.rabbitmq import PROGRAM, RabbitMQ

ROOT = pathlib.Path(__file__).parents[3]
SCRIPTS = ROOT / 'doc' / 'source' / 'install' / 'scripts'
STEPS = (
    '2-database.sh',
    '3-broker.sh',
    '4-identity.sh',
    '5-configure.sh',
    '6-tables.sh',
)
SERVICES = ('conductor', 'worker', 'api')


def run(step: str, environment: Mapping[str, str]) -> str:
    done = subprocess.run(
        [SCRIPTS / step],
        env={**os.environ, **environment},
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert done.returncode == 0, f'{step}: {done.stdout}{done.stderr}'
    return done.stdout


@contextlib.contextmanager
def memcached() -> Iterator[int]:
    program = shutil.which('memcached')
    if program is None:
        pytest.skip('memcached is NOT INSTALLED')
    port = process.free_port()
    server = subprocess.Popen(
        [program, '-u', 'root', '-l', '127.0.0.1', '-p', str(port)]
    )
    try:
        yield port
    finally:
        server.terminate()
        server.wait(20)


def settings(
    folder: pathlib.Path,
    rows: MariaDB,
    broker: RabbitMQ,
    identity: Keystone,
    cache: int,
) -> dict[str, str]:
    """What an operator would set before the first step."""
    control = PROGRAM.replace('rabbitmq-server', 'rabbitmqctl')
    client = f'mariadb --no-defaults -u root -S {rows.base}/sock'
    return {
        **broker.environment,
        'CORIOLIS_ETC': str(folder / 'etc'),
        'CORIOLIS_LOGS': str(folder / 'logs'),
        'CORIOLIS_BIN': str(pathlib.Path(sys.executable).parent),
        'CORIOLIS_GROUP': str(os.getgid()),
        'API_PORT': str(process.free_port()),
        'MARIADB': client,
        'MARIADB_HOST': f'127.0.0.1:{rows.port}',
        'RABBITMQCTL': control,
        'RABBITMQ_HOST': f'127.0.0.1:{broker.port}',
        'MEMCACHED_HOST': f'127.0.0.1:{cache}',
        'WORKER_PROVIDERS': 'memory',
        'OS_AUTH_URL': identity.url,
        'OS_USERNAME': 'admin',
        'OS_PASSWORD': keystone.PASSWORD,
        'OS_PROJECT_NAME': 'admin',
        'OS_USER_DOMAIN_ID': 'default',
        'OS_PROJECT_DOMAIN_ID': 'default',
        'OS_REGION_NAME': keystone.REGION,
    }


def coriolis(environment: Mapping[str, str], *words: str) -> str:
    return subprocess.run(
        [f'{environment["CORIOLIS_BIN"]}/coriolis', *words],
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=100,
    ).stdout.strip()


@pytest.mark.services
@pytest.mark.thorough
@pytest.mark.timeout(600)
def test_the_documented_installation(tmp_path: pathlib.Path) -> None:
    (tmp_path / 'logs').mkdir()
    (tmp_path / 'etc').mkdir()
    with contextlib.ExitStack() as stack:
        cache = stack.enter_context(memcached())
        rows = stack.enter_context(MariaDB())
        broker = stack.enter_context(RabbitMQ())
        identity = stack.enter_context(Keystone())
        stack.enter_context(Barbican(identity))
        given = settings(tmp_path, rows, broker, identity, cache)
        for step in STEPS:
            run(step, given)
        # Whoever runs a step twice breaks nothing.
        for step in STEPS:
            run(step, given)
        config = tmp_path / 'etc' / 'coriolis.conf'
        assert stat.S_IMODE(config.stat().st_mode) == 0o640
        for name in SERVICES:
            server = process.Server(
                [
                    f'{given["CORIOLIS_BIN"]}/coriolis-{name}',
                    *('--config-file', config),
                ],
                tmp_path / f'{name}.out.log',
            )
            stack.callback(server.stop)
        said = run('8-check.sh', given)
        assert 'coriolis-worker' in said
        cloud = stack.enter_context(memory.started(tmp_path, 'cloud'))
        check_a_secret_is_in_barbican(tmp_path, given, cloud)


def check_a_secret_is_in_barbican(
    folder: pathlib.Path,
    given: Mapping[str, str],
    cloud: memory.MemoryCloud,
) -> None:
    file = folder / 'connection.json'
    file.write_text(json.dumps(cloud.connection_info))
    made = coriolis(
        given,
        *('endpoint', 'create', '--name', 'here', '--provider', 'memory'),
        *('--connection-file', str(file), '-f', 'value', '-c', 'id'),
    )
    coriolis(given, 'endpoint', 'validate', 'connection', made)
    listed = coriolis(given, 'endpoint', 'list', '-f', 'value')
    assert made in listed


def test_the_documents_show_every_script() -> None:
    page = (SCRIPTS.parent / 'index.rst').read_text()
    for script in sorted(SCRIPTS.iterdir()):
        assert f'literalinclude:: scripts/{script.name}' in page
