# SPDX-License-Identifier: Apache-2.0
"""Where a secret might be told: processes, logs, rows, messages."""

from __future__ import annotations

import base64
import contextlib
import pathlib
import subprocess
import threading
from collections.abc import Iterator

from tests.beds.coriolis import Service


def forms(secret: str) -> set[bytes]:
    """As it is, in hexadecimal, and in base64 wherever it begins."""
    raw = secret.encode()
    found = {raw, raw.hex().encode()}
    for shift in range(3):
        text = base64.b64encode(b'\0' * shift + raw)
        # The ends depend on what stands beside it.
        begin, end = (4 if shift else 0), len(text) - 4
        found.add(text[begin:end])
        found.add(text[begin:end].replace(b'+', b'-').replace(b'/', b'_'))
    return {one for one in found if len(one) >= 12}


def family(service: Service) -> set[int]:
    """The processes of the service and all that descend from them."""
    out = subprocess.run(
        ['ps', '-eo', 'pid=,ppid='],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    rows = [[int(part) for part in line.split()] for line in out.splitlines()]
    found = {server.pid for server in service.running.values()}
    while True:
        more = {pid for pid, parent in rows if parent in found} - found
        if not more:
            return found
        found |= more


class Processes:
    """What the processes showed of themselves, again and again."""

    def __init__(self) -> None:
        self.cmdline: set[bytes] = set()
        self.environ: set[bytes] = set()
        self.most = 0

    def look(self, service: Service) -> None:
        pids = family(service)
        self.most = max(self.most, len(pids))
        for pid in pids:
            for name, seen in (
                ('cmdline', self.cmdline),
                ('environ', self.environ),
            ):
                with contextlib.suppress(OSError):  # it ended meanwhile
                    seen.add(pathlib.Path(f'/proc/{pid}/{name}').read_bytes())


@contextlib.contextmanager
def watched(service: Service) -> Iterator[Processes]:
    """Looks at them while the block lasts."""
    seen = Processes()
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(0.1):
            seen.look(service)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()


def dump(base: pathlib.Path) -> bytes:
    """All databases of a MariaDB of ours as SQL, and its files as they
    are: rows that were deleted, and the log of changes."""
    done = subprocess.run(
        ['mariadb-dump', '--no-defaults', '--user=root']
        + [f'--socket={base / "sock"}', '--all-databases'],
        capture_output=True,
        check=True,
    )
    files = [
        path.read_bytes()
        for path in sorted((base / 'data').rglob('*'))
        if path.is_file()
    ]
    return b'\n'.join([done.stdout, *files])
