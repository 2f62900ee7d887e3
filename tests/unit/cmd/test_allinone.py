# SPDX-License-Identifier: Apache-2.0
"""The processes as an operator meets them."""

from __future__ import annotations

import contextlib
import os
import pathlib
import signal
import stat
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator

ROOT = pathlib.Path(__file__).parents[3]


def command(name: str, *args: str) -> list[str]:
    program = (
        f'import sys; from coriolis_ng.cmd.{name} import main; '
        'sys.exit(main())'
    )
    return [sys.executable, '-W', 'ignore', '-c', program, *args]


def environment() -> dict[str, str]:
    return os.environ | {'PYTHONPATH': os.pathsep.join([str(ROOT), *sys.path])}


def run(name: str, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(name, *args),
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


@contextlib.contextmanager
def allinone(
    state: pathlib.Path, *args: str
) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    process = subprocess.Popen(
        command('allinone', '--state-dir', str(state), '--port', '0', *args),
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        head, _, token_file = line.strip().partition(' token=')
        yield process, head.partition('url=')[2], token_file
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def status(url: str, token: str = '') -> int:
    request = urllib.request.Request(url, headers={'X-Auth-Token': token})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_starts_answers_and_ends(tmp_path: pathlib.Path) -> None:
    state = tmp_path / 'state with space, ünd #'
    with allinone(state) as (process, url, token_file):
        assert url.startswith('http://127.0.0.1:')
        token = pathlib.Path(token_file).read_text().strip()
        assert status(f'{url}/endpoints', token) == 200
        assert status(f'{url}/endpoints', 'x' + token) == 401
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    for name in ('admin-token', 'secrets.key'):
        mode = stat.S_IMODE((state / name).stat().st_mode)
        assert mode == 0o600, name
    assert stat.S_IMODE(state.stat().st_mode) == 0o700


def test_a_state_directory_that_cannot_be_named(
    tmp_path: pathlib.Path,
) -> None:
    told = run('allinone', '--state-dir', str(tmp_path / 'a$b'))
    assert told.returncode == 1
    assert 'has a $ in its path' in told.stderr


def test_a_start_that_fails_ends(tmp_path: pathlib.Path) -> None:
    """A supervisor must see it, and no thread may wait for requests."""
    state = tmp_path / 'state'
    state.mkdir()
    key = state / 'secrets.key'
    key.write_text('no key\n')
    key.chmod(0o600)
    told = run('allinone', '--state-dir', str(state), '--port', '0')
    assert told.returncode == 1
    assert f'{key} must hold keys of 32 bytes' in told.stderr
    assert 'Traceback' not in told.stderr


def test_manage_makes_tables_and_status_checks_them(
    tmp_path: pathlib.Path,
) -> None:
    path = tmp_path / 'coriolis.conf'
    path.write_text(
        '[database]\n'
        f'connection = sqlite:///{tmp_path}/rows.sqlite\n'
        '[secrets]\n'
        f'key_file = {tmp_path}/keys\n'
    )
    args = ('--config-file', str(path))
    assert run('status', *args, 'upgrade', 'check').returncode == 2
    made = run('manage', *args, 'db', 'sync')
    assert made.returncode == 0, made.stderr
    revision = made.stdout.strip()
    shown = run('manage', *args, 'db', 'version')
    assert shown.stdout.split()[0] == revision
    listed = run('manage', *args, 'service', 'list')
    assert (listed.returncode, listed.stdout) == (0, '')
    checked = run('status', *args, 'upgrade', 'check')
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_what_is_missing_is_said_in_one_line(tmp_path: pathlib.Path) -> None:
    path = tmp_path / 'coriolis.conf'
    path.write_text('')
    told = run('manage', '--config-file', str(path), 'db', 'sync')
    assert told.returncode == 1
    assert '[database]' in told.stderr
    assert 'Traceback' not in told.stderr


def test_threads_are_chosen_before_the_bus_is_imported() -> None:
    program = (
        'import coriolis_ng.cmd.wiring, oslo_messaging\n'
        'from oslo_service import backend\n'
        'print(backend.get_backend_type().name)\n'
    )
    told = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', program],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    )
    assert told.stdout.strip() == 'THREADING'
