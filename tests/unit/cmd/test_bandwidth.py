# SPDX-License-Identifier: Apache-2.0
"""A worker's limit is what its configuration says now."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import pytest
from oslo_config import cfg

from coriolis_ng import conf as options
from coriolis_ng import errors
from coriolis_ng.cmd.wiring import BandwidthOf
from coriolis_ng.objects.bandwidth import Bandwidth, Window

SCRIPT = """
import pathlib, signal, sys, time
from oslo_config import cfg
from coriolis_ng import conf as options
from coriolis_ng.cmd import process

path = pathlib.Path(sys.argv[1])
options.register(cfg.CONF)
cfg.CONF([], project='coriolis', default_config_files=[str(path)])
with process.told_to_end() as told:
    for text, expected in (('7', 7.0), ('8', 8.0)):
        path.write_text(f'[worker]\\nbandwidth_limit = {text}\\n')
        signal.raise_signal(signal.SIGHUP)
        until = time.monotonic() + 60
        while cfg.CONF.worker.bandwidth_limit != expected:
            assert time.monotonic() < until, text
            time.sleep(0.01)
    print('ended' if told.is_set() else 'runs on')
"""


def said(path: pathlib.Path, *lines: str) -> None:
    path.write_text('\n'.join(('[worker]', *lines, '')))


@pytest.fixture
def path(tmp_path: pathlib.Path) -> pathlib.Path:
    path = tmp_path / 'coriolis.conf'
    said(path, 'bandwidth_limit = 100')
    return path


def read(path: pathlib.Path) -> cfg.ConfigOpts:
    conf = cfg.ConfigOpts()
    options.register(conf)
    conf([], project='coriolis', default_config_files=[str(path)])
    return conf


def test_it_changes_with_the_file(path: pathlib.Path) -> None:
    conf = read(path)
    limit = BandwidthOf(conf.worker)
    assert limit() == Bandwidth(mb_s=100)
    said(
        path,
        'bandwidth_limit = 50',
        'bandwidth_window = mon@08:00-09:00=1',
        'bandwidth_time_zone = Europe/Bucharest',
    )
    assert limit() == Bandwidth(mb_s=100)
    conf.mutate_config_files()
    now = Bandwidth(
        mb_s=50,
        profile=(
            Window(
                start='08:00',
                end='09:00',
                mb_s=1,
                days=(0,),
                time_zone='Europe/Bucharest',
            ),
        ),
    )
    assert limit() == now
    # What makes no sense changes nothing.
    for wrong in ('bandwidth_window = always=1', 'bandwidth_limit = fast'):
        said(path, wrong)
        conf.mutate_config_files()
        assert limit() == now
    said(path, 'bandwidth_limit = 3')
    conf.mutate_config_files()
    assert limit() == Bandwidth(mb_s=3)


def test_a_worker_does_not_start_with_nonsense(path: pathlib.Path) -> None:
    said(path, 'bandwidth_time_zone = Mars', 'bandwidth_window = 1=2')
    with pytest.raises(errors.InvalidInput):
        BandwidthOf(read(path).worker)


def test_the_signal_reads_the_file_again(path: pathlib.Path) -> None:
    done = subprocess.run(
        [sys.executable, '-c', SCRIPT, str(path)],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.stdout == 'runs on\n', done.stderr
