# SPDX-License-Identifier: Apache-2.0
"""The samples in etc/ are what the options and rules of this release give."""

from __future__ import annotations

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).parents[3]
ETC = ROOT / 'etc' / 'coriolis'
REMEDY = 'run "tox -e genconfig"'


def generate(program: str, *args: str) -> None:
    tool = pathlib.Path(sys.executable).with_name(program)
    subprocess.run(
        [str(tool), *args],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=100,
    )


def ours(text: str) -> dict[str, str]:
    """What stands under «From coriolis_ng», by group: the rest is of
    libraries, and changes with their releases."""
    found = {}
    for part in re.split(r'^(?=\[)', text, flags=re.MULTILINE):
        group = part.partition(']')[0].lstrip('[')
        for section in part.split('\n#\n# From ')[1:]:
            name, _, body = section.partition('\n')
            if name == 'coriolis_ng':
                found[group] = body.strip('#\n ')
    return found


def test_the_sample_of_options_is_current(tmp_path: pathlib.Path) -> None:
    fresh = tmp_path / 'sample'
    generate(
        'oslo-config-generator',
        *('--namespace', 'coriolis_ng', '--wrap-width', '79'),
        *('--output-file', str(fresh)),
    )
    kept = ours((ETC / 'coriolis.conf.sample').read_text())
    made = ours(fresh.read_text())
    assert {'api', 'audit', 'conductor', 'metrics', 'worker'} <= set(made)
    assert set(kept) == set(made), REMEDY
    for group, text in made.items():
        assert kept[group] == text, f'[{group}]: {REMEDY}'


def test_the_sample_of_rules_is_current(tmp_path: pathlib.Path) -> None:
    fresh = tmp_path / 'sample'
    generate(
        'oslopolicy-sample-generator',
        *('--namespace', 'coriolis_ng', '--output-file', str(fresh)),
    )
    kept = (ETC / 'policy.yaml.sample').read_text()
    assert kept == fresh.read_text(), REMEDY
