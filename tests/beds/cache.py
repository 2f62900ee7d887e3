# SPDX-License-Identifier: Apache-2.0
"""Where beds keep what is costly to make: ``~/.cache/coriolis-ng``."""

import contextlib
import fcntl
import hashlib
import os
import pathlib
import shutil
import subprocess
from collections.abc import Iterator


def root() -> pathlib.Path:
    """The cache's directory, made when it is not there."""
    base = os.environ.get('XDG_CACHE_HOME') or '~/.cache'
    path = pathlib.Path(base).expanduser() / 'coriolis-ng'
    path.mkdir(mode=0o755, parents=True, exist_ok=True)
    return path


@contextlib.contextmanager
def lock(name: str) -> Iterator[None]:
    """Keep two processes from making the same thing at once."""
    with (root() / f'{name}.lock').open('w') as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def key_of(*parts: str | bytes) -> str:
    """A short name for what is made from ``parts``."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode() if isinstance(part, str) else part)
        digest.update(b'\0')
    return digest.hexdigest()[:12]


def forget_others(prefix: str, keep: pathlib.Path) -> None:
    """Remove older makes of the same thing; a recipe changes now and then."""
    for path in root().glob(f'{prefix}-*'):
        if path == keep:
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def lab_key() -> pathlib.Path:
    """The private SSH key that guest images accept; ``.pub`` beside it."""
    path = root() / 'lab_key'
    with lock('lab_key'):
        if not path.exists():
            subprocess.run(
                ['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', 'lab']
                + ['-f', str(path)],
                check=True,
            )
    return path
