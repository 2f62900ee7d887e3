# SPDX-License-Identifier: Apache-2.0
"""Thousands of generated requests to a running service: no answer may be
other than its OpenAPI document says, whatever is asked.

Seeded: the same cases in each run. Left out are the checks whose rules are
not ours: unknown query parameters are ignored, a verb that a resource does
not have is a 404 (both for clients that exist), and what a schema allows may
still be refused for what it means.
"""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.beds import coriolis, memory
from tests.functional.world import MIB, Watcher, World

HERE = pathlib.Path(__file__).parent
CASES = 2000
SEED = 20261121
CHECKS = (
    'not_a_server_error',
    'status_code_conformance',
    'content_type_conformance',
    'response_headers_conformance',
    'response_schema_conformance',
    'ignored_auth',
    'use_after_free',
)

# All that is just outside of what the document allows, which must be
# refused, and then what is inside.
BORDERS = (
    *('--phases', 'examples,coverage'),
    *('--checks', ','.join((*CHECKS, 'negative_data_rejection'))),
)
INSIDE = (
    *('--phases', 'fuzzing', '--mode', 'positive', '--max-examples', '12'),
    *('--checks', ','.join(CHECKS)),
)


@pytest.fixture
def world(tmp_path: pathlib.Path) -> Iterator[World]:
    """A service with something of everything in it."""
    with (
        memory.started(tmp_path, 'source') as source,
        memory.started(tmp_path, 'destination') as destination,
        coriolis.allinone(tmp_path / 'allinone') as service,
    ):
        yield World(service, Watcher(service), source, destination)


def seeds(world: World) -> dict[str, list[str]]:
    """Ids by the names of the parameters that take them."""
    transfer = world.transfer(world.machine('web', MIB))
    execution = world.run(transfer)
    deployment = world.deploy(transfer)
    points = [point['id'] for point in world.points(transfer)]
    return {
        'project_id': [world.service.url.rsplit('/', 1)[1]],
        'transfer_id': [transfer],
        'replica_id': [transfer],
        'execution_id': [execution['id']],
        'deployment_id': [deployment['id']],
        'migration_id': [deployment['id']],
        'recovery_point_id': points,
        'endpoint_id': [world.endpoint('source')],
        'origin_endpoint_id': [world.endpoint('source')],
        'destination_endpoint_id': [world.endpoint('destination')],
        'instance': ['d2Vi'],  # web
        'instances': [['web']],  # type: ignore[list-item]
        'platform': ['memory'],
        'type': ['1', '4', '8', '16'],
    }


@pytest.mark.timeout(900)
def test_every_answer_is_as_the_document_says(
    world: World, tmp_path: pathlib.Path
) -> None:
    ids = tmp_path / 'ids.json'
    ids.write_text(json.dumps(seeds(world)))
    # Side by side as processes: Python 3.11 parses lambdas, which hypothesis
    # does to name them, in one thread only without fail.
    halves = [
        generate(world, tmp_path, *BORDERS),
        generate(world, tmp_path, *INSIDE),
    ]
    said = [half.communicate()[0] for half in halves]
    for half, text in zip(halves, said, strict=True):
        print(text[-3000:])
        assert half.returncode == 0, text[-20_000:]
    assert sum(cases_of(text) for text in said) >= CASES
    # Nothing was ever unexpected.
    assert 'Traceback' not in world.service.logs()


def generate(
    world: World, folder: pathlib.Path, *which: str
) -> subprocess.Popen[str]:
    root = world.service.url.rsplit('/v1/', 1)[0]
    return subprocess.Popen(
        [
            pathlib.Path(sys.executable).parent / 'schemathesis',
            *('--config-file', HERE / 'schemathesis.toml'),
            *('run', f'{root}/v1/openapi.json', '--url', root),
            *('--header', f'X-Auth-Token: {world.service.token}'),
            *('--seed', str(SEED), '--no-shrink'),
            *('--generation-database', 'none'),
            *('--request-timeout', '30', '--no-color'),
            *('--suppress-health-check', 'all', '--continue-on-failure'),
            *which,
        ],
        cwd=folder,
        env={
            **os.environ,
            'SCHEMATHESIS_HOOKS': 'tests.integration.openapi.hooks',
            'PYTHONPATH': str(HERE.parents[2]),
            'KNOWN_IDS': str(folder / 'ids.json'),
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def cases_of(text: str) -> int:
    """From the summary, such as ``2345 generated, 2345 passed``."""
    [line] = [one for one in text.splitlines() if ' generated' in one]
    return int(line.split(' generated')[0].split()[-1].replace(',', ''))
