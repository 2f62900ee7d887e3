# SPDX-License-Identifier: Apache-2.0
"""The example of the documentation runs as it is printed there."""

from __future__ import annotations

import pathlib
import subprocess
import sys

from tests.functional.cli.conftest import Shell
from tests.functional.world import MIB, World

ROOT = pathlib.Path(__file__).parents[3]
EXAMPLE = ROOT / 'doc/source/user/examples/replicate.py'


def test_the_example_runs(
    world: World, shell: Shell, endpoints: tuple[str, str]
) -> None:
    machine = world.machine('web1', 4 * MIB)
    done = subprocess.run(
        [sys.executable, EXAMPLE, *endpoints, machine],
        env=shell.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[-2] == f'full point, {MIB} bytes sent'
    assert lines[-1].startswith('deployed: ')
    for deployment in world.client.deployments.list():
        world.undeployed(deployment.id)


def test_the_page_has_the_example() -> None:
    page = ROOT / 'doc/source/user/python.rst'
    assert 'literalinclude:: examples/replicate.py' in page.read_text()
