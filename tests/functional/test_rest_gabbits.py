# SPDX-License-Identifier: Apache-2.0
"""REST as a story per resource, told in ``gabbits/*.yaml``."""

from __future__ import annotations

import json
import pathlib
import unittest
import urllib.parse

import pytest
import yaml
from gabbi import handlers, suitemaker

from tests.beds.coriolis import Service
from tests.beds.memory import MemoryCloud

GABBITS = pathlib.Path(__file__).parent / 'gabbits'


@pytest.mark.parametrize(
    'story', sorted(path.stem for path in GABBITS.glob('*.yaml'))
)
def test_story(
    service: Service,
    source: MemoryCloud,
    destination: MemoryCloud,
    story: str,
) -> None:
    url = urllib.parse.urlsplit(service.url)
    text = (GABBITS / f'{story}.yaml').read_text('utf-8')
    for name, value in (
        ('SOURCE', source.connection_info),
        ('DESTINATION', destination.connection_info),
        ('PROJECT', url.path),
    ):
        text = text.replace(f'<{name}>', json.dumps(value).strip('"'))
    source.make_machine('web 1', 1 << 20)
    steps = yaml.safe_load(text)
    headers = steps['defaults'].setdefault('request_headers', {})
    headers['x-auth-token'] = service.token
    suite = suitemaker.test_suite_from_dict(
        unittest.defaultTestLoader,
        story,
        steps,
        str(GABBITS),
        url.hostname,
        url.port,
        None,
        None,
        handlers=[kind() for kind in handlers.RESPONSE_HANDLERS],
    )
    outcome = unittest.TestResult()
    suite.run(outcome)
    problems = [*outcome.errors, *outcome.failures]
    assert outcome.testsRun == len(steps['tests'])
    assert not problems, '\n'.join(text for _, text in problems)
