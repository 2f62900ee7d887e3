# SPDX-License-Identifier: Apache-2.0
"""A Galera cluster of one's own: two MariaDB nodes and an arbitrator, all
on loopback.

Both nodes begin with the same data, at the same position of the cluster's
history, so that nothing has to be copied between them.
"""

import os
import pathlib
import re
import shutil
import tempfile
from types import TracebackType
from typing import Self

import pymysql

from tests.beds import cache, mariadb, process

PROVIDER = '/usr/lib/galera/libgalera_smm.so'
GARBD = '/usr/bin/garbd'
CLUSTER = 'coriolis'
# How a node gets its data: never as a whole. Both begin with the same, and
# what one lacks is in the memory of the other; the two only agree on this,
# through a file.
AGREED = """#!/bin/sh
while [ $# -gt 0 ]; do
    case $1 in
        --role) role=$2 ;;
        --address) address=$2 ;;
        --datadir) data=$2 ;;
        --gtid) position=$2 ;;
        --bypass) bypass=yes ;;
    esac
    shift
done
if [ "$role" = joiner ]; then
    rm -f "$data/agreed"
    echo "ready $data/agreed"
    until [ -s "$data/agreed" ]; do sleep 0.1; done
    cat "$data/agreed"
else
    [ -n "$bypass" ] || exit 255
    echo "$position 0" >"$address.new"
    mv "$address.new" "$address"
    echo "done $position"
fi
"""


def missing() -> str:
    """What is not installed, or nothing."""
    for path in (PROVIDER, GARBD):
        if not pathlib.Path(path).exists():
            return path
    return ''


class Node:
    """One MariaDB of a cluster; ``peers`` are the addresses of all."""

    def __init__(self, base: pathlib.Path, number: int) -> None:
        self.name = f'node{number}'
        self.base = base / self.name
        self.port = process.free_port()
        self.group_port = process.free_port()
        self._transfer_port = process.free_port()
        self._socket = self.base / 'sock'
        self._server: process.Server | None = None

    def url_of(self, database: str) -> str:
        """SQLAlchemy's URL of a database on this node."""
        return (
            f'mysql+pymysql://{mariadb.USER}:{mariadb.PASSWORD}'
            f'@127.0.0.1:{self.port}/{database}?charset=utf8mb4'
        )

    def prepare(self, data: pathlib.Path) -> None:
        """A data directory like this one."""
        self.base.mkdir()
        shutil.copytree(data, self.base / 'data')
        program = self.base / 'wsrep_sst_agreed'
        program.write_text(AGREED)
        program.chmod(0o755)

    def start(self, peers: str, *more: str) -> None:
        """Until it takes statements as a part of the cluster."""
        self._server = process.Server(
            [*self._argv(), *self._of_cluster(peers), *more],
            self.base / 'log',
            self._environment(),
        )
        self._server.wait_until(self._synced, 120, self.name)

    def restart(self, peers: str) -> None:
        """After a kill: it first finds out how far it has come."""
        server = process.Server(
            [*self._argv(), *self._of_cluster(peers), '--wsrep-recover'],
            self.base / 'recover.log',
        )
        server.wait(60)
        told = server.log.read_text(errors='replace')
        found = re.findall(r'Recovered position: (\S+)', told)
        self.start(peers, f'--wsrep-start-position={found[-1]}')

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop(60)
            self._server = None

    def kill(self) -> None:
        """As a power cut would."""
        assert self._server is not None
        self._server.kill()
        self._server = None

    def status(self, name: str) -> str:
        """One of ``SHOW GLOBAL STATUS``."""
        with self.root() as connection, connection.cursor() as cursor:
            cursor.execute('SHOW GLOBAL STATUS LIKE %s', (name,))
            row = cursor.fetchone()
        return str(row[1]) if row else ''

    def root(self) -> pymysql.Connection:
        return pymysql.connect(unix_socket=str(self._socket), user='root')

    def _synced(self) -> bool:
        try:
            return self.status('wsrep_local_state_comment') == 'Synced'
        except pymysql.err.MySQLError:
            return False

    def _environment(self) -> dict[str, str]:
        """Programs for the data are found like any other."""
        return {'PATH': f'{self.base}:{os.environ["PATH"]}'}

    def _argv(self) -> list[str]:
        return [
            shutil.which('mariadbd') or '/usr/sbin/mariadbd',
            '--no-defaults',
            f'--datadir={self.base / "data"}',
            f'--socket={self._socket}',
            f'--pid-file={self.base / "pid"}',
            '--bind-address=127.0.0.1',
            f'--port={self.port}',
            '--user=root',
            '--skip-name-resolve',
            '--innodb-buffer-pool-size=32M',
            '--performance-schema=OFF',
            '--max-connections=300',
            # What Galera asks for; who lost data gets it from the others.
            '--binlog-format=ROW',
            '--innodb-autoinc-lock-mode=2',
            '--innodb-flush-log-at-trx-commit=0',
        ]

    def _of_cluster(self, peers: str) -> list[str]:
        settings = {
            'gmcast.listen_addr': f'tcp://127.0.0.1:{self.group_port}',
            'ist.recv_addr': f'127.0.0.1:{self._transfer_port}',
            'gcache.size': '32M',
            # On a machine that is busy with much else.
            'evs.suspect_timeout': 'PT8S',
            'evs.inactive_timeout': 'PT20S',
        }

        return [
            '--wsrep-on=ON',
            f'--wsrep-provider={PROVIDER}',
            f'--wsrep-cluster-name={CLUSTER}',
            f'--wsrep-cluster-address=gcomm://{peers}',
            f'--wsrep-node-name={self.name}',
            '--wsrep-node-address=127.0.0.1',
            '--wsrep-sst-method=agreed',
            '--wsrep-provider-options='
            + ';'.join(f'{name}={value}' for name, value in settings.items()),
        ]


class Galera:
    """Use it with ``with``; ``nodes`` are two, and the arbitrator's vote
    lets either go on without the other."""

    def __init__(self) -> None:
        self.base = pathlib.Path(tempfile.mkdtemp(prefix='cng-galera-'))
        self.nodes = [Node(self.base, number) for number in (1, 2)]
        self._arbitrator: process.Server | None = None

    @property
    def peers(self) -> str:
        ports = [node.group_port for node in self.nodes]
        return ','.join(f'127.0.0.1:{port}' for port in ports)

    def __enter__(self) -> Self:
        try:
            data = _template()
            for node in self.nodes:
                node.prepare(data)
            first, second = self.nodes
            first.start(self.peers, '--wsrep-new-cluster')
            self._start_arbitrator()
            second.start(self.peers)
            self.wait_for_size(3)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def create(self, database: str) -> str:
        """Make an empty database; its URL on the second node."""
        root = self.nodes[0].root()
        with root as connection, connection.cursor() as cursor:
            cursor.execute(f'CREATE DATABASE `{database}` CHARSET utf8mb4')
            cursor.execute(
                f"GRANT ALL ON *.* TO '{mariadb.USER}'@'127.0.0.1' "
                f"IDENTIFIED BY '{mariadb.PASSWORD}'"
            )
        return self.nodes[1].url_of(database)

    def wait_for_size(self, size: int) -> None:
        """Until so many vote, as the second node sees it."""
        assert self._arbitrator is not None
        self._arbitrator.wait_until(
            lambda: self.nodes[1].status('wsrep_cluster_size') == str(size),
            60,
            f'a cluster of {size}',
        )

    def _start_arbitrator(self) -> None:
        port = process.free_port()
        self._arbitrator = process.Server(
            [
                GARBD,
                f'--address=gcomm://{self.peers}',
                f'--group={CLUSTER}',
                f'--options=gmcast.listen_addr=tcp://127.0.0.1:{port};'
                'evs.suspect_timeout=PT8S;evs.inactive_timeout=PT20S',
                '--name=arbitrator',
                f'--workdir={self.base}',
            ],
            self.base / 'garbd.log',
        )

    def close(self) -> None:
        for node in self.nodes:
            node.stop()
        if self._arbitrator is not None:
            self._arbitrator.stop()
            self._arbitrator = None
        shutil.rmtree(self.base, ignore_errors=True)


def _template() -> pathlib.Path:
    """The data of a node that was a cluster of its own and ended in order,
    made once."""
    path = (
        cache.root() / f'galera-{cache.key_of(mariadb.template().name, "1")}'
    )
    with cache.lock('galera'):
        if not path.exists():
            with tempfile.TemporaryDirectory(dir=cache.root()) as scratch:
                first = Node(pathlib.Path(scratch), 1)
                first.prepare(mariadb.template())
                first.start('', '--wsrep-new-cluster')
                first.stop()
                data = first.base / 'data'
                for name in ('gvwstate.dat', 'galera.cache'):
                    (data / name).unlink(missing_ok=True)
                state = data / 'grastate.dat'
                told = state.read_text()
                state.write_text(told.replace('bootstrap: 0', 'bootstrap: 1'))
                data.rename(path)
            cache.forget_others('galera', path)
    return path
