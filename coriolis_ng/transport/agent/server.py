# SPDX-License-Identifier: Apache-2.0
"""Starts the agent: configuration, mutual TLS, threads, and its lease.

Pushed to a worker VM and run there as ``python3 coriolis-agent.pyz``; only
the standard library, and Python 3.6 or later.
"""

import argparse
import errno
import hashlib
import hmac
import json
import os
import socket
import ssl
import stat
import sys
import tempfile
import threading
import time
from typing import Any, Dict

from .disks import disks_of
from .http import HttpError, Stream, to_json
from .service import Service, Session

MAX_CONNECTIONS = 64
IDLE_SECONDS = 120.0
HANDSHAKE_SECONDS = 20.0
KNOWN = {
    'listen',
    'port',
    'cert',
    'key',
    'ca',
    'disks',
    'lease_seconds',
    'attempt',
    'client_sha256',
    'idle_seconds',
}


class BadConfig(Exception):
    """The configuration cannot be used."""


def load_config(text: str) -> Dict[str, Any]:
    """The checked configuration; BadConfig tells what is wrong."""
    try:
        config = json.loads(text)
    except ValueError as error:
        raise BadConfig('configuration is not JSON: %s' % error) from None
    if not isinstance(config, dict) or set(config) - KNOWN:
        raise BadConfig('known fields are: ' + ', '.join(sorted(KNOWN)))
    for name in ('listen', 'cert', 'key', 'ca'):
        if not isinstance(config.get(name), str) or not config[name]:
            raise BadConfig('%s is needed' % name)
    for name, default in (
        ('port', 0),
        ('attempt', 0),
        ('lease_seconds', 900),
        ('idle_seconds', IDLE_SECONDS),
    ):
        value = config.setdefault(name, default)
        if type(value) not in (int, float) or value < 0:
            raise BadConfig('%s is not a number' % name)
    if not isinstance(config.get('disks'), dict):
        raise BadConfig('disks is needed')
    return config


def read_config(path: str) -> str:
    """From stdin (``-``) or from a file that only its owner can read."""
    if path == '-':
        return sys.stdin.read(1 << 20)
    with open(path, encoding='utf-8') as file:
        mode = os.fstat(file.fileno()).st_mode
        if stat.S_IMODE(mode) & 0o077:
            raise BadConfig('configuration must have mode 0600')
        return file.read(1 << 20)


def tls_context(config: Dict[str, Any]) -> ssl.SSLContext:
    """Mutual TLS, 1.2 or later, trusting one CA only."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # minimum_version came with Python 3.7.
    context.options |= ssl.OP_NO_TLSv1 | ssl.OP_NO_TLSv1_1
    context.options |= ssl.OP_NO_COMPRESSION
    context.verify_mode = ssl.CERT_REQUIRED
    if '-----BEGIN' in config['ca']:
        context.load_verify_locations(cadata=config['ca'])
    else:
        context.load_verify_locations(cafile=config['ca'])
    if '-----BEGIN' not in config['key']:
        context.load_cert_chain(config['cert'], config['key'])
        return context
    # The ssl module takes a key from a file only.
    handle, path = tempfile.mkstemp(prefix='coriolis-agent-')
    try:
        with os.fdopen(handle, 'w') as file:
            file.write(config['key'] + '\n' + config['cert'])
        context.load_cert_chain(path)
    finally:
        os.unlink(path)
    return context


class Server:
    """Accepts connections, one thread each, until the lease is over."""

    def __init__(self, config: Dict[str, Any]) -> None:
        self.service = Service(
            disks_of(config['disks']), int(config['attempt'])
        )
        self._lease = float(config['lease_seconds'])
        self._idle = float(config['idle_seconds'])
        self._pin = config.get('client_sha256', '').lower()
        self._context = tls_context(config)
        self._slots = threading.BoundedSemaphore(MAX_CONNECTIONS)
        family = socket.AF_INET6 if ':' in config['listen'] else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((config['listen'], int(config['port'])))
        self._socket.listen(MAX_CONNECTIONS)
        self.port = self._socket.getsockname()[1]

    def serve(self) -> None:
        """Until no valid request came for ``lease_seconds`` (0: never)."""
        self._socket.settimeout(1.0)
        self.service.touch()
        while not self._expired():
            try:
                sock, _ = self._socket.accept()
            except socket.timeout:
                continue
            except OSError as error:
                if error.errno in (errno.EMFILE, errno.ENFILE):
                    time.sleep(0.1)
                if error.errno in (errno.EBADF, errno.EINVAL):
                    return
                continue
            if not self._slots.acquire(False):
                sock.close()
                continue
            thread = threading.Thread(target=self._talk, args=(sock,))
            thread.daemon = True
            thread.start()

    def _expired(self) -> bool:
        silent = time.monotonic() - self.service.last_valid
        return bool(self._lease) and silent > self._lease

    def _talk(self, sock: socket.socket) -> None:
        try:
            # Handshakes happen here: a peer that stalls holds up nobody.
            sock.settimeout(HANDSHAKE_SECONDS)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            secure = self._context.wrap_socket(sock, server_side=True)
            with secure:
                secure.settimeout(self._idle)
                if self._trusted(secure):
                    self._requests(secure)
        except (OSError, ValueError):
            # The peer went away or is none of ours; nothing to tell it.
            pass
        finally:
            sock.close()
            self._slots.release()

    def _trusted(self, secure: ssl.SSLSocket) -> bool:
        if not self._pin:
            return True
        seen = hashlib.sha256(secure.getpeercert(True) or b'').hexdigest()
        return hmac.compare_digest(seen, self._pin)

    def _requests(self, secure: ssl.SSLSocket) -> None:
        stream = Stream(secure)
        session = Session(self.service, stream)
        open_ = True
        while open_:
            headers: Dict[str, str] = {}
            try:
                request = stream.read_request()
                if request is None:
                    return
                status, headers, body = session.answer(request)
            except HttpError as error:
                open_ = not error.fatal
                status, body = error.status, to_json({'error': error.message})
            except (ConnectionError, socket.timeout):
                # Nothing may be said now: a client that was idle between two
                # flushes would take it for the answer to its next request.
                return
            except (OSError, EOFError) as error:
                status, body = 500, to_json({'error': str(error)})
            headers['Coriolis-Instance'] = self.service.instance
            if not open_:
                headers['Connection'] = 'close'
            stream.respond(status, headers, body)


def _detach(log: str) -> None:
    """Leave the session that started us; descriptors of ours go nowhere."""
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    if log:
        null = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(null, 2)


def main() -> int:
    """The program: 2 for a configuration that is wrong, else serves until it
    is ended. With ``--detach`` the parent returns once it is ready."""
    parser = argparse.ArgumentParser(prog='coriolis-agent')
    parser.add_argument('config', nargs='?', default='-', help='JSON file')
    parser.add_argument('--detach', action='store_true')
    parser.add_argument('--log', default='', help='where stderr goes')
    arguments = parser.parse_args()
    try:
        server = Server(load_config(read_config(arguments.config)))
    except (BadConfig, ValueError, OSError) as error:
        sys.stderr.write('coriolis-agent: %s\n' % error)
        return 2
    child = os.fork() if arguments.detach else 0
    if child or not arguments.detach:
        ready = {'port': server.port, 'pid': child or os.getpid()}
        sys.stdout.write(json.dumps(ready) + '\n')
        sys.stdout.flush()
    if child:
        return 0
    if arguments.detach:
        _detach(arguments.log)
    server.serve()
    # Threads that still talk are daemons and end with the process.
    return 0
