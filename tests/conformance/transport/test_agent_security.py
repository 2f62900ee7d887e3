# SPDX-License-Identifier: Apache-2.0
"""What a real agent refuses, and when it ends."""

from __future__ import annotations

import contextlib
import datetime
import http.client
import json
import os
import shutil
import socket
import ssl
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from coriolis_ng import errors
from coriolis_ng.transport import (
    AgentSink,
    Certificates,
    agent_program,
    make_certificates,
)
from coriolis_ng.transport.errors import (
    AgentRefused,
    AgentRestarted,
    ConnectionLost,
    OutOfRange,
    TransportError,
)
from coriolis_ng.transport.sinks.agent import Patience
from tests.conformance.transport.servers import HOST, Agent, agent

QUICK = Patience(timeout_seconds=10, tries=2, first_delay_seconds=0.01)


@pytest.fixture
def server(
    disk: Path, tmp_path: Path, certificates: Certificates
) -> Iterator[Agent]:
    with agent(tmp_path, {'vda': disk}, certificates) as running:
        yield running


def sink_of(server: Agent, **more: Any) -> AgentSink:
    options: dict[str, Any] = {
        'context': server.certificates.client_context(),
        'attempt': 1,
        'patience': QUICK,
        **more,
    }
    return AgentSink(HOST, server.port, 'vda', **options)


def ask(
    server: Agent,
    method: str,
    path: str,
    headers: dict[str, str] | None = None,
    body: bytes = b'',
    attempt: str = '1',
) -> tuple[int, bytes]:
    connection = http.client.HTTPSConnection(
        HOST,
        server.port,
        timeout=10,
        context=server.certificates.client_context(),
    )
    sent = {'Coriolis-Attempt': attempt, **(headers or {})}
    connection.request(method, path, body=body or None, headers=sent)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, content


def test_version(server: Agent) -> None:
    status, body = ask(server, 'GET', '/v1')
    told = json.loads(body)
    assert status == 200
    assert told['version'] == '1.0'
    assert told['disks'] == ['vda']
    assert 'sha-256' in told['capabilities']['digests']


def test_an_older_attempt_is_refused(server: Agent, disk: Path) -> None:
    before = disk.read_bytes()
    older, newer = sink_of(server, attempt=4), sink_of(server, attempt=5)
    newer.flush()
    for refused in (
        lambda: older.write(0, memoryview(b'late')),
        lambda: older.zero(0, 4096),
        lambda: older.discard(0, 4096),
        older.flush,
    ):
        with pytest.raises(errors.Stale):
            refused()
    assert disk.read_bytes() == before
    newer.write(0, memoryview(b'newer'))
    older.close()
    newer.close()


@pytest.mark.parametrize(
    ('method', 'path', 'headers', 'status'),
    [
        ('GET', '/v2', {}, 404),
        ('GET', '/v1/disks/vdb', {}, 404),
        ('GET', '/v1/disks/../../etc/passwd', {}, 404),
        ('GET', '/v1/disks/%2e%2e%2fetc', {}, 404),
        ('GET', '/v1/disks//dev/vda/data', {}, 404),
        ('GET', '/v1/disks/vda/secrets', {}, 404),
        ('DELETE', '/v1/disks/vda', {}, 405),
        ('GET', '/v1/disks/vda/zero', {}, 405),
        ('GET', '/v1/disks/vda/data', {}, 400),
        ('GET', '/v1/disks/vda/data', {'Range': 'bytes=5-4'}, 400),
        ('GET', '/v1/disks/vda/data', {'Range': 'bytes=0-9,5-6'}, 400),
        ('GET', '/v1/disks/vda/data', {'Range': 'bytes=0-5000000'}, 413),
        ('GET', '/v1/disks/vda/data', {'Range': 'bytes=9999999-9999999'}, 416),
        ('GET', '/v1/disks/vda/digest', {'Range': 'bytes=0-99'}, 400),
        (
            'GET',
            '/v1/disks/vda/digest?algorithm=sha-256&block=1',
            {'Range': 'bytes=0-99'},
            400,
        ),
    ],
)
def test_bad_requests(
    server: Agent,
    method: str,
    path: str,
    headers: dict[str, str],
    status: int,
) -> None:
    assert ask(server, method, path, headers)[0] == status


@pytest.mark.parametrize(
    ('headers', 'body', 'status'),
    [
        ({'Content-Range': 'bytes 0-4/*'}, b'four', 400),
        ({'Content-Range': 'bytes 0-3/*', 'Digest': 'md5=x'}, b'four', 400),
        (
            {'Content-Range': 'bytes 0-3/*', 'Content-Encoding': 'br'},
            b'four',
            415,
        ),
        (
            {'Content-Range': 'bytes 0-3/*', 'Content-Encoding': 'deflate'},
            b'four',
            400,
        ),
        ({'Content-Range': 'bytes 8392703-8392706/*'}, b'four', 416),
        ({}, b'four', 400),
    ],
)
def test_bad_writes_change_nothing(
    server: Agent,
    disk: Path,
    headers: dict[str, str],
    body: bytes,
    status: int,
) -> None:
    before = disk.read_bytes()
    path = '/v1/disks/vda/data'
    assert ask(server, 'PUT', path, headers, body)[0] == status
    assert disk.read_bytes() == before


@pytest.mark.parametrize(
    'body', [b'[]', b'{"offset": -1, "length": 5}', b'{"offset": 0}', b'x']
)
def test_bad_json(server: Agent, body: bytes) -> None:
    assert ask(server, 'POST', '/v1/disks/vda/zero', {}, body)[0] == 400


@pytest.mark.parametrize('attempt', ['', '-1', 'x', '1' * 19])
def test_bad_attempts(server: Agent, attempt: str) -> None:
    assert ask(server, 'GET', '/v1', attempt=attempt)[0] == 400


def test_errors_keep_the_connection(server: Agent) -> None:
    sink = sink_of(server)
    with pytest.raises(OutOfRange):
        sink.write(sink.size, memoryview(b'x'))
    kept = sink._connection
    sink.write(0, memoryview(b'x'))
    assert kept is not None
    assert sink._connection is kept
    sink.close()


def tls(context: ssl.SSLContext, port: int) -> bytes:
    """What an agent answers over TLS made with ``context``."""
    with socket.create_connection((HOST, port), 10) as plain:
        context.check_hostname = False
        with context.wrap_socket(plain, server_hostname=HOST) as secure:
            secure.sendall(b'GET /v1 HTTP/1.1\r\nCoriolis-Attempt: 1\r\n\r\n')
            return secure.recv(100)


def test_the_right_client_is_let_in(
    server: Agent, certificates: Certificates
) -> None:
    answer = tls(certificates.client_context(), server.port)
    assert answer.startswith(b'HTTP/1.1 200')


def client(ca: bytes, certificate: bytes, key: bytes, folder: Path) -> Any:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=ca.decode())
    if certificate:
        path = folder / 'chosen.pem'
        path.write_bytes(key + certificate)
        context.load_cert_chain(path)
    return context


@pytest.mark.parametrize('who', ['nobody', 'another', 'server', 'plain'])
def test_others_are_refused(
    server: Agent, certificates: Certificates, tmp_path: Path, who: str
) -> None:
    made = certificates
    stranger = make_certificates([HOST])
    pair = {
        'nobody': (b'', b''),
        'another': (stranger.client_cert, stranger.client_key),
        # The agent's own certificate is of the same authority.
        'server': (made.server_cert, made.server_key),
    }.get(who)
    if pair is None:
        with socket.create_connection((HOST, server.port), 10) as plain:
            plain.sendall(b'GET /v1 HTTP/1.1\r\n\r\n')
            answer = b''
            with contextlib.suppress(ConnectionResetError):
                answer = plain.recv(100)
            assert not answer.startswith(b'HTTP')
        return
    context = client(made.ca, *pair, tmp_path)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        tls(context, server.port)


def test_an_expired_client_is_refused(disk: Path, tmp_path: Path) -> None:
    long_ago = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    made = make_certificates([HOST], valid_hours=1, now=long_ago)
    with agent(tmp_path, {'vda': disk}, made) as running:
        context = client(made.ca, made.client_cert, made.client_key, tmp_path)
        # The agent's own certificate is as old; only its view matters here.
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with pytest.raises((ssl.SSLError, ConnectionError)):
            tls(context, running.port)


def test_only_the_pinned_client_is_let_in(
    disk: Path, tmp_path: Path, certificates: Certificates
) -> None:
    parsed = x509.load_pem_x509_certificate(certificates.client_cert)
    pin = parsed.fingerprint(hashes.SHA256()).hex()
    for value, right in ((pin, True), ('0' * 64, False)):
        with agent(
            tmp_path, {'vda': disk}, certificates, client_sha256=value
        ) as running:
            if right:
                assert sink_of(running).size == disk.stat().st_size
            else:
                with pytest.raises(ConnectionLost):
                    sink_of(running)


def test_the_client_refuses_another_agent(server: Agent) -> None:
    stranger = make_certificates([HOST])
    with pytest.raises(TransportError, match='not the one'):
        sink_of(server, context=stranger.client_context())


def test_old_tls_is_refused(server: Agent, certificates: Certificates) -> None:
    context = certificates.client_context()
    context.set_ciphers('ALL:@SECLEVEL=0')
    with pytest.warns(DeprecationWarning):
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)):
        tls(context, server.port)


def test_who_stalls_holds_up_nobody(server: Agent) -> None:
    stalled = [socket.create_connection((HOST, server.port)) for _ in range(9)]
    for sock in stalled:
        sock.sendall(b'\x16')
    assert ask(server, 'GET', '/v1')[0] == 200
    for sock in stalled:
        sock.close()


def test_a_restarted_agent_is_an_error(server: Agent) -> None:
    sink = sink_of(server)
    sink.write(0, memoryview(b'not flushed'))
    server.kill()
    server.start()
    with pytest.raises(AgentRestarted):
        sink.flush()


def test_a_lost_connection_is_made_anew(server: Agent, disk: Path) -> None:
    sink = sink_of(server)
    sink.write(0, memoryview(b'one'))
    assert sink._connection is not None
    sink._connection.sock.shutdown(socket.SHUT_RDWR)
    sink.write(3, memoryview(b'two'))
    sink.flush()
    assert disk.read_bytes()[:6] == b'onetwo'


def test_a_dead_agent_is_given_up(server: Agent) -> None:
    sink = sink_of(server)
    server.kill()
    with pytest.raises(ConnectionLost):
        sink.write(0, memoryview(b'x'))
    server.start()


def test_an_idle_connection_is_closed_and_made_anew(
    tmp_path: Path, certificates: Certificates
) -> None:
    disk = tmp_path / 'disk'
    disk.write_bytes(bytes(1 << 20))
    with agent(
        tmp_path, {'vda': disk}, certificates, idle_seconds=1
    ) as running:
        sink = sink_of(running)
        sink.write(0, memoryview(b'before'))
        time.sleep(2.5)
        sink.flush()
        sink.write(6, memoryview(b' after'))
        sink.close()
    assert disk.read_bytes()[:12] == b'before after'


def test_it_ends_when_its_lease_is_over(
    disk: Path, tmp_path: Path, certificates: Certificates
) -> None:
    with agent(
        tmp_path, {'vda': disk}, certificates, lease_seconds=1
    ) as running:
        # Refused requests do not renew it.
        assert ask(running, 'GET', '/v2')[0] == 404
        assert running.process.wait(20) == 0


def test_a_disk_by_its_serial_that_is_not_there(
    tmp_path: Path, certificates: Certificates
) -> None:
    server = Agent(tmp_path, {}, certificates)
    server._config['disks'] = {'vda': {'serial': 'no-such-serial'}}
    server.start()
    try:
        with pytest.raises(AgentRefused, match='refused') as caught:
            sink_of(server)
        assert caught.value.status == 500
        assert 'no-such-serial' in caught.value.detail
    finally:
        server.kill()


def test_detached_it_outlives_who_started_it(
    disk: Path, tmp_path: Path, certificates: Certificates
) -> None:
    program, config = tmp_path / 'agent.pyz', tmp_path / 'agent.json'
    program.write_bytes(agent_program())
    made = Agent(tmp_path, {'vda': disk}, certificates)
    config.touch(mode=0o600)
    config.write_text(json.dumps(made._config))
    done = subprocess.run(
        [sys.executable, program, config, '--detach']
        + ['--log', tmp_path / 'agent.log'],
        capture_output=True,
        check=True,
        timeout=20,
    )
    told = json.loads(done.stdout)
    made.port = told['port']
    try:
        assert sink_of(made).size == disk.stat().st_size
        assert stat.S_IMODE((tmp_path / 'agent.log').stat().st_mode) == 0o600
    finally:
        os.kill(told['pid'], 15)


@pytest.mark.parametrize('version', ['3.6', '3.7', '3.9', '3.13'])
def test_on_another_python(
    disk: Path, tmp_path: Path, certificates: Certificates, version: str
) -> None:
    python = shutil.which('python' + version)
    found = sorted(Path.home().glob(f'.pyenv/versions/{version}.*/bin/python'))
    if found:
        python = str(found[-1])
    if python is None:
        pytest.skip(f'no Python {version} on this machine')
    with agent(
        tmp_path, {'vda': disk}, certificates, python=python
    ) as running:
        sink = sink_of(running, compress='always')
        data = memoryview(b'from an old Python ' * 1000)
        sink.write(4096, data)
        sink.zero(0, 4096)
        sink.discard(1 << 20, 1 << 20)
        sink.flush()
        back = memoryview(bytearray(len(data)))
        sink.readinto(4096, back)
        assert back == data
        content = disk.read_bytes()
        assert content[4096 : 4096 + len(data)] == bytes(data)
        assert not any(content[1 << 20 : 2 << 20])
        assert len(sink.digests(0, sink.size, 1 << 20)) == 9
        sink.close()
