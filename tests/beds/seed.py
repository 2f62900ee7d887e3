# SPDX-License-Identifier: Apache-2.0
"""A NoCloud seed for the worker image, for tests of the image itself."""

import pathlib
import subprocess
import tempfile

from tests.beds import cache


def make(path: pathlib.Path, user_data: str = '') -> pathlib.Path:
    """An ISO at ``path`` that lets root in with the lab key.

    ``user_data`` is appended to the ``#cloud-config`` document.
    """
    key = cache.lab_key().with_suffix('.pub').read_text().strip()
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        (folder / 'meta-data').write_text('instance-id: i-lab\n')
        (folder / 'user-data').write_text(
            '#cloud-config\ndisable_root: false\n'
            f'ssh_authorized_keys:\n  - {key}\n{user_data}'
        )
        subprocess.run(
            ['genisoimage', '-quiet', '-V', 'cidata', '-J', '-r']
            + ['-o', str(path), scratch],
            check=True,
        )
    return path
