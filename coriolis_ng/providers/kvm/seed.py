# SPDX-License-Identifier: Apache-2.0
"""The NoCloud seed that makes a cloud image our worker VM.

A small ISO 9660 image labelled ``cidata``; the format of its files is that
of cloud-init's NoCloud data source. It holds the VM's private host key, so
the file is only for us and QEMU, and goes with the VM.
"""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import subprocess
import tempfile
from typing import Any

from coriolis_ng.objects.minion import MinionKeys
from coriolis_ng.providers import errors

USER = 'root'


def user_data(keys: MinionKeys, host_public: str) -> str:
    """JSON is YAML, and needs no quoting of ours.

    All that costs time and that nobody needs in a VM of some minutes is
    left out: the modules are named one by one.
    """
    config: dict[str, Any] = {
        'disable_root': False,
        'ssh_pwauth': False,
        'ssh_authorized_keys': [keys.user_key],
        'ssh_deletekeys': True,
        'ssh_genkeytypes': [],
        'ssh_keys': {
            'ed25519_private': keys.host_key,
            'ed25519_public': host_public,
        },
        'ssh': {'emit_keys_to_console': False},
        'no_ssh_fingerprints': True,
        'locale': False,
        'package_update': False,
        'package_upgrade': False,
        'manage_etc_hosts': False,
        'resize_rootfs': False,
        'growpart': {'mode': 'off'},
        'cloud_init_modules': ['users-groups', 'ssh'],
        'cloud_config_modules': [],
        'cloud_final_modules': [],
    }
    return '#cloud-config\n' + json.dumps(config) + '\n'


def make(path: pathlib.Path, instance: str, user: str) -> None:
    """Writes the image; ``instance`` is the VM's id for cloud-init."""
    tool = shutil.which('genisoimage') or shutil.which('xorrisofs')
    if tool is None:
        raise errors.Unsupported(
            'A worker VM cannot be given its keys: install genisoimage or '
            'xorriso on the worker.'
        )
    half = path.with_name(path.name + '.half')
    with tempfile.TemporaryDirectory(prefix='coriolis-seed-') as scratch:
        folder = pathlib.Path(scratch)
        (folder / 'meta-data').write_text(
            json.dumps({'instance-id': instance})
        )
        (folder / 'user-data').write_text(user)
        image = folder / 'seed.iso'
        done = subprocess.run(
            [tool, '-quiet', '-V', 'cidata', '-J', '-r', '-o', str(image)]
            + [str(folder / 'meta-data'), str(folder / 'user-data')],
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise errors.Conflict(
                'The seed image of a worker VM could not be made.',
                detail=done.stderr,
            )
        half.unlink(missing_ok=True)
        handle = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, 'wb') as file:
            file.write(image.read_bytes())
    half.rename(path)


def host_public(private: str) -> str:
    """The public line of a private key in OpenSSH's PEM form."""
    from cryptography.hazmat.primitives import serialization

    key = serialization.load_ssh_private_key(private.encode(), None)
    line = key.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    return line.decode()
