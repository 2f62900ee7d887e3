# SPDX-License-Identifier: Apache-2.0
"""Addresses, and servers that break the NBD protocol."""

from __future__ import annotations

import select
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from coriolis_ng.transport import NbdAddress, NbdReader
from coriolis_ng.transport.errors import ConnectionLost, TransportError
from coriolis_ng.transport.nbd import MAX_IN_FLIGHT, NbdError

SIZE = 1 << 20
HELLO = b'NBDMAGICIHAVEOPT' + struct.pack('>H', 3)


@pytest.mark.parametrize(
    ('uri', 'address'),
    [
        (
            'nbd+unix:///a%20b?socket=/run/x.sock',
            NbdAddress(export='a b', socket='/run/x.sock'),
        ),
        ('nbd://host/', NbdAddress(host='host')),
        ('nbd://[::1]:99/e', NbdAddress(export='e', host='::1', port=99)),
    ],
)
def test_addresses(uri: str, address: NbdAddress) -> None:
    assert NbdAddress.parse(uri) == address


@pytest.mark.parametrize('uri', ['nbd+unix:///x', 'http://h/', '', '/dev/x'])
def test_what_is_no_address(uri: str) -> None:
    with pytest.raises(TransportError):
        NbdAddress.parse(uri)


class Peer:
    """The server's end of one connection, option haggling included."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.file: IO[bytes] = sock.makefile('rb')

    def option(self) -> int:
        _, number, length = struct.unpack('>QII', self.file.read(16))
        self.file.read(length)
        return int(number)

    def reply(self, option: int, kind: int, data: bytes = b'') -> None:
        head = struct.pack('>QIII', 0x3E889045565A9, option, kind, len(data))
        self.sock.sendall(head + data)

    def haggle(self) -> None:
        """Structured replies yes, contexts no, then the export."""
        self.sock.sendall(HELLO)
        self.file.read(4)
        self.reply(self.option(), 1)
        self.reply(self.option(), (1 << 31) + 1)
        go = self.option()
        self.reply(go, 3, struct.pack('>HQH', 0, SIZE, 1))
        self.reply(go, 1)

    def request(self) -> tuple[int, int, int, int]:
        """Command, cookie, offset, length."""
        fields = struct.unpack('>IHHQQI', self.file.read(28))
        return fields[2], fields[3], fields[4], fields[5]

    def chunk(
        self, cookie: int, kind: int, data: bytes, done: bool = False
    ) -> None:
        head = struct.pack('>IHHQI', 0x668E33EF, done, kind, cookie, len(data))
        self.sock.sendall(head + data)


@contextmanager
def serving(folder: Path, talk: Callable[[Peer], None]) -> Iterator[str]:
    """URI of a server that does ``talk`` with each connection."""
    path = folder / 's'
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()

        def serve() -> None:
            while True:
                try:
                    sock, _ = server.accept()
                except OSError:
                    return
                with sock:
                    talk(Peer(sock))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f'nbd+unix:///?socket={path}'
        server.shutdown(socket.SHUT_RDWR)


def read(uri: str, length: int = 100, part: int = 50) -> bytes:
    reader = NbdReader(uri, part=part, timeout_seconds=5)
    data = bytearray(length)
    try:
        reader.readinto(0, memoryview(data))
    finally:
        reader.close()
    return bytes(data)


def test_answers_in_pieces_and_out_of_order(tmp_path: Path) -> None:
    def talk(peer: Peer) -> None:
        peer.haggle()
        one, two = peer.request(), peer.request()
        assert (one[2:], two[2:]) == ((0, 50), (50, 50))
        at = struct.pack
        peer.chunk(two[1], 1, at('>Q', 80) + b'd' * 20)
        peer.chunk(one[1], 2, at('>QI', 10, 40))
        peer.chunk(two[1], 1, at('>Q', 50) + b'c' * 30)
        peer.chunk(one[1], 1, at('>Q', 0) + b'a' * 10, done=True)
        peer.chunk(two[1], 0, b'', done=True)

    with serving(tmp_path, talk) as uri:
        found = read(uri)
    assert found == b'a' * 10 + bytes(40) + b'c' * 30 + b'd' * 20


def test_an_error_among_good_answers(tmp_path: Path) -> None:
    def talk(peer: Peer) -> None:
        peer.haggle()
        one, two = peer.request(), peer.request()
        error = struct.pack('>IH', 5, 3) + b'bad'
        peer.chunk(one[1], (1 << 15) + 1, error)
        peer.chunk(two[1], 1, struct.pack('>Q', 50) + b'x' * 50, done=True)
        peer.chunk(one[1], 0, b'', done=True)
        # The stream is still in step afterwards.
        three = peer.request()
        peer.chunk(three[1], 1, struct.pack('>Q', 7) + b'y', done=True)

    with serving(tmp_path, talk) as uri:
        reader = NbdReader(uri, part=50)
        with pytest.raises(NbdError) as caught:
            reader.readinto(0, memoryview(bytearray(100)))
        assert caught.value.number == 5
        data = bytearray(1)
        reader.readinto(7, memoryview(data))
        assert data == b'y'
        reader.close()


def foreign_cookie(peer: Peer) -> None:
    peer.haggle()
    _, cookie, _, _ = peer.request()
    peer.chunk(cookie + 77, 0, b'', done=True)


def outside(peer: Peer) -> None:
    peer.haggle()
    _, cookie, _, _ = peer.request()
    peer.chunk(cookie, 1, struct.pack('>Q', 40) + b'x' * 20, done=True)


def hangs_up(peer: Peer) -> None:
    peer.haggle()
    peer.request()


def garbage(peer: Peer) -> None:
    peer.haggle()
    peer.request()
    peer.sock.sendall(b'garbage ' * 10)


def no_nbd(peer: Peer) -> None:
    peer.sock.sendall(b'SSH-2.0-OpenSSH_9.2 something\r\n')


def huge(peer: Peer) -> None:
    peer.sock.sendall(HELLO)
    peer.file.read(4)
    head = struct.pack('>QIII', 0x3E889045565A9, peer.option(), 3, 1 << 31)
    peer.sock.sendall(head)


@pytest.mark.parametrize(
    'talk', [foreign_cookie, outside, hangs_up, garbage, no_nbd, huge]
)
def test_a_broken_server_is_a_lost_connection(
    tmp_path: Path, talk: Callable[[Peer], None]
) -> None:
    with serving(tmp_path, talk) as uri, pytest.raises(ConnectionLost):
        read(uri)


def test_another_size_later_is_refused(tmp_path: Path) -> None:
    with serving(tmp_path, Peer.haggle) as uri:
        reader = NbdReader(uri, size=SIZE - 512)
        with pytest.raises(TransportError, match='not the one'):
            reader.readinto(0, memoryview(bytearray(10)))


def test_nobody_listens(tmp_path: Path) -> None:
    with pytest.raises(ConnectionLost):
        NbdReader(f'nbd+unix:///?socket={tmp_path}/nothing')


def test_a_read_has_a_bounded_number_of_requests_in_flight(
    tmp_path: Path,
) -> None:
    early: list[int] = []

    def talk(peer: Peer) -> None:
        peer.haggle()
        # Unbuffered, so that what is in flight is in the socket.
        peer.file = peer.sock.makefile('rb', buffering=0)
        waiting = [peer.request() for _ in range(MAX_IN_FLIGHT)]
        for left in reversed(range(40)):
            more, _, _ = select.select([peer.sock], [], [], 0.02)
            early.extend(len(waiting) for _ in more)
            _, cookie, at, length = waiting.pop(0)
            data = struct.pack('>Q', at) + bytes([at % 251]) * length
            peer.chunk(cookie, 1, data, done=True)
            if left >= MAX_IN_FLIGHT:
                waiting.append(peer.request())

    with serving(tmp_path, talk) as uri:
        found = read(uri, 40 * 512, 512)
    assert found == b''.join(bytes([n * 512 % 251]) * 512 for n in range(40))
    assert early == []


def test_after_an_error_no_more_is_asked_for(tmp_path: Path) -> None:
    def talk(peer: Peer) -> None:
        peer.haggle()
        first = [peer.request()[1] for _ in range(MAX_IN_FLIGHT)]
        for cookie in first:
            error = struct.pack('>IH', 5, 3) + b'bad'
            peer.chunk(cookie, (1 << 15) + 1, error, done=True)
        _, cookie, at, _ = peer.request()
        assert at == 7
        peer.chunk(cookie, 1, struct.pack('>Q', 7) + b'y', done=True)

    with serving(tmp_path, talk) as uri:
        reader = NbdReader(uri, part=50, timeout_seconds=5)
        with pytest.raises(NbdError):
            reader.readinto(0, memoryview(bytearray(5000)))
        data = bytearray(1)
        reader.readinto(7, memoryview(data))
        assert data == b'y'
        reader.close()


def test_a_large_read_of_a_server_with_one_thread(tmp_path: Path) -> None:
    """It answers each request before it reads the next: with more of them
    than the sockets hold, and nobody reading, both would wait."""
    length, part = SIZE, 512

    def talk(peer: Peer) -> None:
        peer.haggle()
        peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
        for _ in range(length // part):
            _, cookie, at, count = peer.request()
            data = struct.pack('>Q', at) + b'z' * count
            peer.chunk(cookie, 1, data, done=True)

    with serving(tmp_path, talk) as uri:
        assert read(uri, length, part) == b'z' * length
