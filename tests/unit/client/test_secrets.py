# SPDX-License-Identifier: Apache-2.0
"""What the command line logs of itself holds no secret, however much it is
asked to tell."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

import pytest

from tests.unit.client.conftest import Scripted

BIN = pathlib.Path(sys.executable).parent
SECRET = 'zq-hunter2-qz'
SCRIPT = 'zq-echo-qz'
ANSWERED = 'zq-answered-qz'
TOKEN = 'secret-token'
ENDPOINT = {
    'id': 'eeee0000-0000-0000-0000-000000000001',
    'name': 'here',
    'type': 'memory',
    # No service of ours answers so; a client need not rely on it.
    'connection_info': {'password': ANSWERED},
}


def told(
    program: str, service: Scripted, folder: pathlib.Path, *words: str
) -> str:
    """All that a command told of itself, in its log too."""
    log = folder / f'{program}.log'
    token = folder / 'token'
    who = {
        'coriolis': ['--endpoint', service.url, '--token-file', str(token)],
        'openstack': [
            '--os-auth-type', 'coriolis_local', '--os-endpoint', service.url,
            '--os-token-file', str(token),
        ],
    }  # fmt: skip
    noun = ['migration'] if program == 'openstack' else []
    done = subprocess.run(
        [str(BIN / program), '--debug', '-v', '--log-file', str(log)]
        + [*who[program], *noun, *words],
        capture_output=True,
        text=True,
        check=False,
        env={
            name: value
            for name, value in os.environ.items()
            if not name.startswith(('OS_', 'CORIOLIS_'))
        },
    )
    return done.stderr + log.read_text()


@pytest.mark.parametrize('program', ['coriolis', 'openstack'])
def test_debugging_tells_no_secret(
    program: str,
    service: Scripted,
    token_file: pathlib.Path,
    tmp_path: pathlib.Path,
) -> None:
    service.says('POST', '/endpoints', {'endpoint': ENDPOINT})
    service.says('GET', '/endpoints?limit=100', {'endpoints': [ENDPOINT]})
    service.says('POST', '/transfers', {'transfer': {'id': 't1'}})
    access = tmp_path / 'access.json'
    access.write_text(json.dumps({'password': SECRET}))
    script = tmp_path / 'script.sh'
    script.write_text(f'echo {SCRIPT}')
    file = ('--connection-file', str(access))
    text = told(
        program, service, tmp_path, 'endpoint', 'create', '--name', 'here',
        '--provider', 'memory', '--skip-validation', *file,
    )  # fmt: skip
    text += told(
        program, service, tmp_path, 'transfer', 'create', '--origin-endpoint',
        'here', '--destination-endpoint', 'here', '--instance', 'web1',
        '--user-script-global', f'linux={script}',
    )  # fmt: skip
    # All of it was sent, and answered.
    sent = [json.dumps(body) for verb, _, body, _ in service.asked if body]
    assert [SECRET in one for one in sent] == [True, False], text
    assert SCRIPT in sent[1]
    for secret in (SECRET, SCRIPT, ANSWERED, TOKEN):
        assert secret not in text.replace(f'token-file {token_file}', ''), (
            text[max(0, text.find(secret) - 300) : text.find(secret)]
        )
    # What was asked and answered is still told.
    assert f'POST {service.url}/endpoints' in text
    assert 'req-1' in text


def test_a_mistyped_command_repeats_no_option() -> None:
    access = json.dumps({'password': SECRET})
    done = subprocess.run(
        [str(BIN / 'coriolis'), 'endpoint', 'craete', '--connection', access],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    said = done.stdout + done.stderr
    assert "'endpoint craete' is not a coriolis command" in said
    assert '  endpoint create\n' in said
    assert SECRET not in said
