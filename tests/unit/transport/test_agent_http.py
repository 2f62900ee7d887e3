# SPDX-License-Identifier: Apache-2.0
"""The agent's parser: what it takes, what it refuses, and that it ends."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from coriolis_ng.transport.agent.http import (
    MAX_BODY,
    MAX_HEAD,
    HttpError,
    Stream,
    from_json,
    parse_head,
)
from coriolis_ng.transport.agent.service import (
    Fence,
    check_digest,
    inflate,
    number_of,
)
from coriolis_ng.transport.digest import digest

GOOD = b'PUT /v1/disks/vda/data HTTP/1.1\r\nContent-Length: 5\r\nA: b c '


class Socket:
    """Gives what it was made of in pieces; the end of a socket's reading."""

    def __init__(self, data: bytes, piece: int = 1 << 20) -> None:
        self._data, self._piece = data, piece
        self.sent = b''

    def recv_into(self, view: memoryview) -> int:
        part = self._data[: min(len(view), self._piece)]
        view[: len(part)] = part
        self._data = self._data[len(part) :]
        return len(part)

    def sendall(self, data: bytes) -> None:
        self.sent += bytes(data)


def test_a_good_head() -> None:
    request = parse_head(GOOD)
    assert (request.method, request.path) == ('PUT', '/v1/disks/vda/data')
    assert request.length == 5
    assert request.headers == {'content-length': '5', 'a': 'b c'}


@pytest.mark.parametrize(
    ('head', 'status'),
    [
        (b'GET /v1 HTTP/1.0', 505),
        (b'GET /v1', 400),
        (b'GET v1 HTTP/1.1', 400),
        (b'get /v1 HTTP/1.1', 400),
        (b'GET /v1 HTTP/1.1\r\nA : b', 400),
        (b'GET /v1 HTTP/1.1\r\n folded: b', 400),
        (b'GET /v1 HTTP/1.1\r\nA: b\r\na: c', 400),
        (b'GET /v1 HTTP/1.1\r\nA: b\nB: c', 400),
        (b'GET /v1 HTTP/1.1\r\nA: \xff', 400),
        (b'PUT /v1 HTTP/1.1', 411),
        (b'PUT /v1 HTTP/1.1\r\nTransfer-Encoding: chunked', 501),
        (b'PUT /v1 HTTP/1.1\r\nContent-Length: -1', 400),
        (b'PUT /v1 HTTP/1.1\r\nContent-Length: +5', 400),
        (b'PUT /v1 HTTP/1.1\r\nContent-Length: 5, 5', 400),
        (b'PUT /v1 HTTP/1.1\r\nContent-Length: %d' % (MAX_BODY + 1), 413),
        (b'GET /v1 HTTP/1.1' + b'\r\nA%d: b' * 65 % tuple(range(65)), 431),
    ],
)
def test_bad_heads(head: bytes, status: int) -> None:
    with pytest.raises(HttpError) as caught:
        parse_head(head)
    assert caught.value.status == status
    assert caught.value.fatal


@pytest.mark.parametrize('piece', [1, 7, 1 << 20])
def test_requests_follow_each_other(piece: int) -> None:
    one = GOOD + b'\r\n\r\nhello'
    stream = Stream(Socket(one + b'GET /v1 HTTP/1.1\r\n\r\n' + one, piece))
    body = bytearray(5)
    for expected in ('PUT', 'GET', 'PUT'):
        request = stream.read_request()
        assert request is not None
        assert request.method == expected
        stream.read_body(memoryview(body)[: request.length])
    assert body == b'hello'
    assert stream.read_request() is None


def test_a_head_without_end_is_refused() -> None:
    with pytest.raises(HttpError) as caught:
        Stream(Socket(b'GET /' + b'a' * MAX_HEAD)).read_request()
    assert caught.value.status == 431


def test_a_cut_body_is_a_lost_connection() -> None:
    stream = Stream(Socket(GOOD + b'\r\n\r\nhel'))
    stream.read_request()
    with pytest.raises(ConnectionError):
        stream.read_body(memoryview(bytearray(5)))


@given(st.binary(max_size=400))
@example(GOOD)
def test_any_bytes_are_parsed_or_refused(data: bytes) -> None:
    stream = Stream(Socket(data + b'\r\n\r\n', 50))
    try:
        request = stream.read_request()
    except HttpError as error:
        assert 400 <= error.status < 600
    else:
        assert request is not None
        assert 0 <= request.length <= MAX_BODY


@pytest.mark.parametrize(
    ('text', 'span'),
    [
        ('bytes 0-0/*', (0, 1)),
        ('bytes=10-19', (10, 10)),
        ('bytes 5-4/*', None),
        ('bytes=-5', None),
        ('bytes=5-', None),
        ('bytes=0-1,5-6', None),
        ('bytes 0-1/*x', None),
        ('items 0-1/*', None),
        ('', None),
    ],
)
def test_ranges(text: str, span: tuple[int, int] | None) -> None:
    request = parse_head(b'GET /v1 HTTP/1.1')
    request.headers['range'] = text
    if span:
        assert request.span('range') == span
    else:
        with pytest.raises(HttpError, match='range'):
            request.span('range')


@pytest.mark.parametrize(
    'body', [b'', b'[1]', b'{', b'\xff', b'[' * 100_000, b'nul']
)
def test_bodies_that_are_no_object(body: bytes) -> None:
    with pytest.raises(HttpError):
        from_json(body)


@pytest.mark.parametrize('value', [-1, 1.0, True, None, '5', [5]])
def test_what_is_no_number(value: object) -> None:
    with pytest.raises(HttpError):
        number_of({'offset': value}, 'offset')


def test_inflate_is_bounded_and_whole() -> None:
    packed = zlib.compress(bytes(1000))
    assert inflate(memoryview(packed), 1000) == bytes(1000)
    bomb = zlib.compress(bytes(50 << 20))
    for body, length in (
        (bomb, 1000),
        (packed, 999),
        (packed[:-1], 1000),
        (packed + b'x', 1000),
        (b'no zlib', 7),
    ):
        with pytest.raises(HttpError):
            inflate(memoryview(body), length)


@pytest.mark.parametrize(
    ('header', 'status'),
    [
        ('sha-256=AAAA', 422),
        ('sha-256=*', 400),
        ('md5=AAAA', 400),
        ('', 400),
    ],
)
def test_bad_digests(header: str, status: int) -> None:
    with pytest.raises(HttpError) as caught:
        check_digest(header, b'data')
    assert caught.value.status == status
    assert len(digest(b'data')) == 32


def test_the_fence_lets_only_the_newest_in() -> None:
    fence = Fence(3, patience=0.05)
    with pytest.raises(HttpError) as caught:
        fence.enter(2)
    assert caught.value.status == 409
    fence.enter(3)
    # 4 waits for what 3 still writes, and gives up.
    with pytest.raises(HttpError) as caught:
        fence.enter(4)
    assert caught.value.status == 503
    # From then on 3 is old all the same.
    with pytest.raises(HttpError) as caught:
        fence.enter(3)
    assert caught.value.status == 409
    fence.leave(3)
    fence.enter(4)
