# SPDX-License-Identifier: Apache-2.0
"""Lines of logs as a process writes them."""

from __future__ import annotations

import json
import pathlib
import re
import subprocess
import sys
from typing import Any

from tests.unit.cmd.test_allinone import environment

PROGRAM = """
import logging, sys
from coriolis_ng import context
from coriolis_ng.cmd import process
process.configure('coriolis-test', sys.argv[1:])
log = logging.getLogger('coriolis_ng.test')
log.info('nobody')
with context.within(
    request_id='req-1', project_id='p1', execution='x1', task='t1', attempt=2
):
    log.info('inside %s', 'one')
    with context.within(task='', attempt=0):
        log.info('outer')
log.info('after')
log.warning('with password=%s and %s', 'hunter22', {'adminPass': 'swordf1sh'})
context.begin({'request_id': 'req-2', 'user_id': 'u', 'project_id': 'p',
               'log': {'execution': 'x2', 'evil': 'no'}})
log.info('from the bus')
log.error('%d', 'hunter22')
logging.getLogger('coriolis_ng.audit').info('{"who": "did"}')
"""


def run(folder: pathlib.Path, *lines: str) -> str:
    file = folder / 'test.conf'
    text = '\n'.join(lines)
    file.write_text(f'[DEFAULT]\nlog_file = {folder}/test.log\n{text}\n')
    subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', PROGRAM]
        + ['--config-file', str(file)],
        env=environment(),
        check=True,
        timeout=100,
    )
    return (folder / 'test.log').read_text()


def test_lines_say_what_they_are_about(tmp_path: pathlib.Path) -> None:
    text = run(tmp_path)
    said = re.findall(r'INFO coriolis_ng\.test (.*)', text)
    assert said == [
        '[-] nobody',
        '[req-1 - p1] execution=x1 task=t1 attempt=2 inside one',
        '[req-1 - p1] execution=x1 outer',
        '[- - -] after',
        '[req-2 u p] execution=x2 from the bus',
    ]
    assert 'hunter22' not in text
    assert 'swordf1sh' not in text
    assert 'password=***' in text
    assert 'ERROR coriolis_ng.test [req-2 u p] execution=x2 (no line ' in text
    assert '{"who": "did"}' in text


def test_lines_as_json(tmp_path: pathlib.Path) -> None:
    text = run(tmp_path, 'use_json = true')
    lines: list[dict[str, Any]] = [
        json.loads(line) for line in text.splitlines()
    ]
    [inside] = [x for x in lines if x['message'] == 'inside one']
    assert inside['context'] == {
        'request_id': 'req-1',
        'global_request_id': None,
        'user_id': None,
        'project_id': 'p1',
        'execution': 'x1',
        'task': 't1',
        'attempt': 2,
        'work': 'execution=x1 task=t1 attempt=2 ',
    }
    assert 'hunter22' not in text
    assert 'swordf1sh' not in text


def test_the_audit_has_a_file_of_its_own(tmp_path: pathlib.Path) -> None:
    file = tmp_path / 'audit.log'
    text = run(tmp_path, '[audit]', f'file = {file}')
    assert file.read_text() == '{"who": "did"}\n'
    assert 'did' not in text
    assert file.stat().st_mode & 0o777 == 0o640 & ~_umask()


def test_the_audit_can_be_turned_off(tmp_path: pathlib.Path) -> None:
    file = tmp_path / 'audit.log'
    run(tmp_path, '[audit]', 'enabled = false', f'file = {file}')
    assert file.read_text() == ''


def test_a_full_disk_is_told_once(tmp_path: pathlib.Path) -> None:
    file = tmp_path / 'test.conf'
    file.write_text(
        '[DEFAULT]\nlog_file = /dev/full\n[audit]\nfile = /dev/full\n'
    )
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', PROGRAM]
        + ['--config-file', str(file)],
        env=environment(),
        check=True,
        timeout=100,
        capture_output=True,
        text=True,
    )
    told = (
        'coriolis-test: the log cannot be written to /dev/full: No space '
        'left on device; lines are lost until it can.'
    )
    # Once for the log, once for the audit.
    assert done.stderr.count(told) == 2
    assert 'Logging error' not in done.stderr
    assert 'Traceback' not in done.stderr


def _umask() -> int:
    text = pathlib.Path('/proc/self/status').read_text()
    found = re.search(r'^Umask:\s*(\d+)', text, re.MULTILINE)
    assert found
    return int(found[1], 8)
