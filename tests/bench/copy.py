# SPDX-License-Identifier: Apache-2.0
"""Speed of the copy loop beside nbdcopy's, in one run, alternating.

Both read the same disk from one nbdkit over a unix socket and write a file
of the same folder: ours through the agent, theirs through a second nbdkit,
each over mutual TLS on loopback.  Run ``python -m tests.bench.copy``.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import random
import resource
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from coriolis_ng.transport import (
    AgentSink,
    Certificates,
    FileReader,
    NbdReader,
    copy,
    make_certificates,
)
from coriolis_ng.transport.digest import whole
from tests.beds.process import free_port
from tests.conformance.transport.servers import Agent, listening

HOST = '127.0.0.1'
MIB = 1 << 20
GOAL = 1.0


class Bench:
    """The servers and files of one run, in ``folder``."""

    def __init__(self, folder: Path, size: int, streams: int) -> None:
        self.folder, self.size, self.streams = folder, size, streams
        self.source = folder / 'source'
        self.target = folder / 'target'
        self.certificates = make_certificates([HOST, 'localhost'])

    def make_source(self) -> str:
        """Incompressible data in a disk four times as large."""
        noise = random.Random(1)
        state = hashlib.sha256()
        with self.source.open('wb') as file:
            for _ in range(self.size // MIB):
                block = noise.randbytes(MIB)
                state.update(block)
                file.write(block)
            file.truncate(self.size * 4)
        return state.hexdigest()

    def fresh_target(self) -> None:
        """Back to nothing, in place: the servers keep it open."""
        self.target.touch()
        os.truncate(self.target, 0)
        os.truncate(self.target, self.size * 4)

    def write_certificates(self) -> Path:
        """As GnuTLS programs look for them."""
        folder = self.folder / 'pki'
        folder.mkdir(mode=0o700)
        made: Certificates = self.certificates
        for name, data in {
            'ca-cert.pem': made.ca,
            'server-cert.pem': made.server_cert,
            'server-key.pem': made.server_key,
            'client-cert.pem': made.client_cert,
            'client-key.pem': made.client_key,
        }.items():
            (folder / name).write_bytes(data)
        return folder

    def ours(self, socket: Path, server: Agent) -> float:
        reader = NbdReader(f'nbd+unix:///?socket={socket}')
        sink = AgentSink(
            HOST,
            server.port,
            'disk',
            context=self.certificates.client_context(),
            attempt=1,
        )
        began = time.perf_counter()
        copied = copy(
            reader,
            sink,
            reader.extents(None),
            workers=self.streams,
            target_is_zero=True,
        )
        seconds = time.perf_counter() - began
        assert copied.bytes_read == self.size
        reader.close()
        sink.close()
        return seconds

    def peer(self, socket: Path, port: int, pki: Path) -> float:
        began = time.perf_counter()
        subprocess.run(
            [
                'nbdcopy',
                '--flush',
                '--destination-is-zero',
                f'--connections={self.streams}',
                f'nbd+unix:///?socket={socket}',
                f'nbds://localhost:{port}/?tls-certificates={pki}',
            ],
            check=True,
        )
        return time.perf_counter() - began


def cpu_seconds() -> float:
    """Of this process and of its children that ended."""
    found = 0.0
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        usage = resource.getrusage(who)
        found += usage.ru_utime + usage.ru_stime
    return found


@contextlib.contextmanager
def servers(bench: Bench) -> Iterator[tuple[Path, Agent, int, Path]]:
    """Source's socket, our agent, the peer's port, its certificates."""
    pki = bench.write_certificates()
    source = bench.folder / 'source.sock'
    port = free_port()
    pid = bench.folder / 'peer.pid'
    bench.fresh_target()
    server = Agent(bench.folder, {'disk': bench.target}, bench.certificates)
    base = ['nbdkit', '-f', '-t', '4']
    tls = ['--tls=require', f'--tls-certificates={pki}', '--tls-verify-peer']
    here = ['-r', '-U', str(source), '-P', f'{pid}.source']
    there = [f'--port={port}', '--ipaddr', HOST, '-P', str(pid)]
    with (
        listening(
            [*base, *here, 'file', str(bench.source)],
            bench.folder / 'peer.pid.source',
        ),
        listening([*base, *tls, *there, 'file', str(bench.target)], pid),
    ):
        server.start()
        try:
            yield source, server, port, pki
        finally:
            server.kill()


def measure(size: int, pairs: int, streams: int, folder: Path) -> Any:
    """The row of incompressible data with digests at both ends."""
    bench = Bench(folder, size, streams)
    bench.make_source()
    expected = whole(FileReader(bench.source))
    times: dict[str, list[float]] = {'ours': [], 'peer': []}
    with servers(bench) as (source, server, port, pki):
        for _ in range(pairs + 1):
            for who, found in times.items():
                bench.fresh_target()
                seconds = (
                    bench.ours(source, server)
                    if who == 'ours'
                    else bench.peer(source, port, pki)
                )
                found.append(seconds)
                if len(found) == 1:
                    # The first of each also warms up, and is checked.
                    assert whole(FileReader(bench.target)) == expected
    speed = {
        who: size / 1e6 / statistics.median(found[1:])
        for who, found in times.items()
    }
    ratios = [
        theirs / mine
        for mine, theirs in zip(
            times['ours'][1:], times['peer'][1:], strict=True
        )
    ]
    return {
        'name': f'incompressible, mutual TLS, SHA-256, {streams} streams',
        'ours_mb_s': round(speed['ours'], 1),
        'peer_mb_s': round(speed['peer'], 1),
        'ratio': round(statistics.median(ratios), 3),
        'goal': GOAL,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--json', type=Path, help='write the rows there')
    parser.add_argument('--size', type=int, default=256, help='MiB of data')
    parser.add_argument('--pairs', type=int, default=5)
    parser.add_argument('--streams', type=int, nargs='+', default=[2, 4])
    parser.add_argument('--folder', default='/dev/shm')
    arguments = parser.parse_args()
    for program in ('nbdkit', 'nbdcopy'):
        if shutil.which(program) is None:
            parser.error(f'{program} is needed beside us')
    rows = []
    for streams in arguments.streams:
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
            row = measure(
                arguments.size * MIB, arguments.pairs, streams, Path(folder)
            )
        rows.append(row)
        print(
            f'{row["name"]}: ours {row["ours_mb_s"]} MB/s,'
            f' nbdcopy {row["peer_mb_s"]} MB/s,'
            f' ratio {row["ratio"]} (goal {row["goal"]})',
            flush=True,
        )
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1) + '\n')
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
