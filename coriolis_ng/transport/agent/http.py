# SPDX-License-Identifier: Apache-2.0
"""As much of HTTP/1.1 (RFC 9112) as the agent needs, and strict about it.

Written by hand because ``http.server`` parses headers with the email package
(0.1 ms a request, a tenth of the time of a chunk) and accepts much that the
agent should refuse.  Runs on Python 3.6.
"""

import json
import re
from typing import Any, Dict, Optional, Tuple

MAX_HEAD = 16 * 1024
MAX_BODY = 4 * 1024 * 1024
MAX_HEADERS = 64

REASONS = {
    200: 'OK',
    204: 'No Content',
    400: 'Bad Request',
    404: 'Not Found',
    405: 'Method Not Allowed',
    409: 'Conflict',
    411: 'Length Required',
    413: 'Payload Too Large',
    415: 'Unsupported Media Type',
    416: 'Range Not Satisfiable',
    422: 'Unprocessable Entity',
    431: 'Request Header Fields Too Large',
    500: 'Internal Server Error',
    501: 'Not Implemented',
    503: 'Service Unavailable',
    505: 'HTTP Version Not Supported',
}

_LINE = re.compile(r'([A-Z]{1,16}) (/[!-~]{0,512}) HTTP/(\d)\.(\d)\Z')
_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}):[ \t]*(.*?)[ \t]*\Z")
_RANGE = re.compile(r'bytes[= ](\d{1,19})-(\d{1,19})(?:/(?:\*|\d{1,19}))?\Z')


class HttpError(Exception):
    """A request that is refused with ``status``.

    After a ``fatal`` one the stream cannot be trusted any more and is closed.
    """

    def __init__(self, status: int, message: str, fatal: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.fatal = fatal


class Request:
    """One request; ``length`` bytes of body wait in the connection."""

    def __init__(
        self,
        method: str,
        path: str,
        query: str,
        headers: Dict[str, str],
        length: int,
    ) -> None:
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.length = length

    def span(self, header: str) -> Tuple[int, int]:
        """``(offset, length)`` of a range header, or a 400."""
        found = _RANGE.match(self.headers.get(header, ''))
        if not found:
            raise HttpError(400, 'missing or malformed ' + header)
        first, last = int(found.group(1)), int(found.group(2))
        if last < first:
            raise HttpError(400, 'malformed ' + header)
        return first, last - first + 1


def parse_head(head: bytes) -> Request:
    """The request of a head without its final empty line, or HttpError."""
    try:
        lines = head.decode('ascii').split('\r\n')
    except UnicodeDecodeError:
        raise HttpError(400, 'head is not ASCII', True) from None
    first = _LINE.match(lines[0])
    if not first:
        raise HttpError(400, 'malformed request line', True)
    method, target, major, minor = first.groups()
    if (major, minor) != ('1', '1'):
        raise HttpError(505, 'HTTP/1.1 only', True)
    if len(lines) - 1 > MAX_HEADERS:
        raise HttpError(431, 'too many headers', True)
    headers: Dict[str, str] = {}
    for line in lines[1:]:
        found = _HEADER.match(line)
        if not found or '\0' in line or '\n' in line or '\r' in line:
            raise HttpError(400, 'malformed header', True)
        name = found.group(1).lower()
        if name in headers:
            raise HttpError(400, 'repeated header', True)
        headers[name] = found.group(2)
    path, _, query = target.partition('?')
    return Request(method, path, query, headers, _body_length(method, headers))


def _body_length(method: str, headers: Dict[str, str]) -> int:
    if 'transfer-encoding' in headers:
        raise HttpError(501, 'transfer codings are not supported', True)
    text = headers.get('content-length')
    if text is None:
        if method in ('PUT', 'POST'):
            raise HttpError(411, 'Content-Length is needed', True)
        return 0
    if not re.match(r'\d{1,12}\Z', text):
        raise HttpError(400, 'malformed Content-Length', True)
    length = int(text)
    if length > MAX_BODY:
        raise HttpError(413, 'at most %d bytes a request' % MAX_BODY, True)
    return length


class Stream:
    """Reads requests from, and writes answers to, one connected socket."""

    def __init__(self, sock: Any) -> None:
        self._sock = sock
        self._buffer = memoryview(bytearray(MAX_HEAD))
        self._left = 0

    def read_request(self) -> Optional[Request]:
        """The next request; None when the peer closed between requests."""
        seen = 0
        while True:
            head = bytes(self._buffer[: self._left])
            end = head.find(b'\r\n\r\n', max(0, seen - 3))
            if end >= 0:
                break
            if self._left >= MAX_HEAD:
                raise HttpError(431, 'head is too large', True)
            seen = self._left
            count = self._sock.recv_into(self._buffer[self._left :])
            if count == 0:
                if self._left:
                    raise HttpError(400, 'cut in a head', True)
                return None
            self._left += count
        rest = head[end + 4 :]
        self._buffer[: len(rest)] = rest
        self._left = len(rest)
        return parse_head(head[:end])

    def read_body(self, view: memoryview) -> None:
        """Fill ``view``; ConnectionError when the peer goes away."""
        have = min(self._left, len(view))
        view[:have] = self._buffer[:have]
        keep = bytes(self._buffer[have : self._left])
        self._buffer[: len(keep)] = keep
        self._left = len(keep)
        while have < len(view):
            count = self._sock.recv_into(view[have:])
            if count == 0:
                raise ConnectionError('cut in a body')
            have += count

    def respond(self, status: int, headers: Dict[str, str], body: Any) -> None:
        """Sends a whole answer; ``OSError`` when the peer is gone."""
        lines = ['HTTP/1.1 %d %s' % (status, REASONS[status])]
        lines.extend('%s: %s' % item for item in sorted(headers.items()))
        lines.append('Content-Length: %d' % len(body))
        head = '\r\n'.join(lines).encode('ascii') + b'\r\n\r\n'
        if len(body) <= 8192:
            self._sock.sendall(head + bytes(body))
        else:
            self._sock.sendall(head)
            self._sock.sendall(body)


def to_json(value: Any) -> bytes:
    """A body: JSON in ASCII, with its keys in order."""
    return json.dumps(value, sort_keys=True).encode('ascii')


def from_json(body: bytes) -> Dict[str, Any]:
    """The object in a body, or a 400."""
    try:
        value = json.loads(body.decode('utf-8'))
    except (ValueError, RecursionError):
        raise HttpError(400, 'body is not JSON') from None
    if not isinstance(value, dict):
        raise HttpError(400, 'body is not an object')
    return value
