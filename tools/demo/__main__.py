# SPDX-License-Identifier: Apache-2.0
"""``python -m tools.demo [--json FILE]``: see ``tools/demo.sh``."""

from __future__ import annotations

import argparse
import pathlib
import shutil
import sys
import tempfile
import time

from tests.beds import images, libvirt
from tools.demo.job import Job
from tools.demo.proof import Proof
from tools.demo.shell import CONSOLE, AllInOne, Failed, say


def main() -> int:
    parser = argparse.ArgumentParser(
        prog='tools/demo.sh',
        description='Replicate a running KVM guest, change it, replicate '
        'it again, and boot it somewhere else.',
    )
    parser.add_argument(
        '--json', type=pathlib.Path, help='write the figures there as well'
    )
    given = parser.parse_args()
    began = time.monotonic()
    say('images (built once, then cached)')
    images.both()
    folder = pathlib.Path(tempfile.mkdtemp(prefix='coriolis-demo-'))
    proof = Proof()
    coriolis = AllInOne(folder)
    well = False
    try:
        with libvirt.two_clouds() as (source, target):
            try:
                Job(source, target, coriolis, proof).run()
                well = True
            except Failed as error:
                CONSOLE.print(f'[red]{error}[/]', highlight=False)
            finally:
                coriolis.stop()
    finally:
        proof.end(time.monotonic() - began)
        proof.show()
        if given.json:
            proof.write(given.json)
    if not well or proof.failures:
        CONSOLE.print(f'[red]failed; the log is {coriolis.log}[/]')
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == '__main__':
    sys.exit(main())
