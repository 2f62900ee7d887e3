# SPDX-License-Identifier: Apache-2.0
"""One SSH connection to a machine whose host key we already know.

A changed or unknown key is refused before anything of ours is sent. Secrets
go through ``input`` (the command's standard input), never through argv.
"""

from __future__ import annotations

import contextlib
import hmac
import io
import logging
import shlex
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType

import paramiko
from paramiko.kex_curve25519 import KexCurve25519

from coriolis_ng import errors
from coriolis_ng.objects import Value
from coriolis_ng.remote.keys import split_public
from coriolis_ng.remote.talk import Stop, Talk

LOG = logging.getLogger(__name__)

BANNER_SECONDS = 10.0

# paramiko reports every lost connection with a traceback of its own; the
# error that we raise says the same in one line.
logging.getLogger('paramiko').setLevel(logging.CRITICAL)


class HostKeyMismatch(errors.CoriolisError):
    """The machine that answered is not the one we made."""

    code = 'host_key_mismatch'


class CommandFailed(errors.CoriolisError):
    """A command ended with a status other than 0; see ``ran``."""

    code = 'command_failed'

    def __init__(self, what: str, ran: Ran) -> None:
        tail = (ran.stderr or ran.stdout).strip()[-2000:]
        super().__init__(
            f'The command "{what}" failed with status {ran.status}.',
            detail=tail,
        )
        self.ran = ran


class Ran(Value):
    """What a command left: its status and its output as text."""

    status: int
    stdout: str = ''
    stderr: str = ''


class _Transport(paramiko.Transport):
    """Knows the key exchange that OpenSSH prefers by its standard name too
    (RFC 8731); paramiko only has the older one of the same algorithm, and a
    hardened server may offer no other."""

    _kex_info = {
        **paramiko.Transport._kex_info,
        'curve25519-sha256': KexCurve25519,
    }
    _preferred_kex = ('curve25519-sha256', *paramiko.Transport._preferred_kex)


class Ssh:
    """Commands and files on one machine, as root.

    Where ``user`` is not root every command goes through ``sudo -n``. May be
    used by several threads; every call opens a channel of its own on the one
    connection.
    """

    def __init__(self, transport: paramiko.Transport, user: str) -> None:
        self._transport = transport
        self._sudo = user != 'root'

    @classmethod
    def connect(
        cls,
        host: str,
        port: int,
        user: str,
        private_key_pem: str,
        host_key: str,
        *,
        timeout: float = 30.0,
    ) -> Ssh:
        """Connect within ``timeout`` seconds.

        ``host_key`` is the pinned public line. Raises ``Unreachable``,
        ``HostKeyMismatch`` or ``AuthFailed``.
        """
        where = f'{host}:{port}'
        key = paramiko.Ed25519Key.from_private_key(
            io.StringIO(private_key_pem)
        )
        kind, body = split_public(host_key)
        with _told(where), contextlib.ExitStack() as undo:
            sock = socket.create_connection((host, port), timeout=timeout)
            undo.callback(sock.close)
            transport = _Transport(sock)
            undo.callback(transport.close)
            # A forwarded port accepts before the machine behind it is up.
            transport.banner_timeout = min(timeout, BANNER_SECONDS)
            transport.auth_timeout = timeout
            # Only the pinned kind: a server with several keys would else
            # offer the one that it likes best.
            transport.get_security_options().key_types = _kinds(
                kind, transport
            )
            transport.start_client(timeout=timeout)
            _check_host_key(transport, kind, body, where)
            transport.auth_publickey(user, key)
            transport.set_keepalive(15)
            undo.pop_all()
        return cls(transport, user)

    def run(
        self,
        argv: Sequence[str] | str,
        *,
        input: bytes | str | None = None,  # noqa: A002
        timeout: float | None = None,
        check: bool = True,
        on_line: Callable[[str], None] | None = None,
        stop: Stop | None = None,
    ) -> Ran:
        """Run a command; a list is quoted, a string goes to ``sh -c``.

        ``on_line`` gets every line of the standard output as it comes.
        Raises ``CommandFailed`` (with ``check``), ``TimedOut`` after
        ``timeout`` seconds, ``Canceled`` when ``stop`` says so.
        """
        what = argv if isinstance(argv, str) else argv[0]
        with self._open(argv) as channel:
            talk = Talk(channel, input, on_line)
            talk.until(timeout, stop, what)
            ran = Ran(
                status=self._status(channel),
                stdout=talk.stdout(),
                stderr=talk.stderr(),
            )
        if check and ran.status != 0:
            raise CommandFailed(what, ran)
        return ran

    @contextlib.contextmanager
    def talk(self, argv: Sequence[str] | str) -> Iterator[paramiko.Channel]:
        """A channel to a running command, closed in the end: for programs
        that are asked many things (see ``morphing.root``)."""
        with self._open(argv) as channel:
            yield channel

    def put(
        self, what: bytes | str | Path, remote_path: str, mode: int = 0o600
    ) -> None:
        """Make ``remote_path`` from bytes, text or a local file.

        It appears whole and with its mode, or not at all.
        """
        data = what.read_bytes() if isinstance(what, Path) else what
        script = (
            'umask 077 && cat > "$1.part" && chmod "$2" "$1.part" '
            '&& mv -f "$1.part" "$1"'
        )
        self.run(
            ['sh', '-c', script, 'put', remote_path, f'{mode:o}'], input=data
        )

    def get(self, remote_path: str) -> bytes:
        """The content of a file, at most 16 MiB."""
        with self._open(['cat', '--', remote_path]) as channel:
            talk = Talk(channel, None, None)
            talk.until(None, None, 'cat')
            if self._status(channel) != 0:
                raise errors.NotFound(
                    f'The file {remote_path} cannot be read.',
                    detail=talk.stderr(),
                )
            return talk.raw()

    def close(self) -> None:
        """End the connection; may be called twice."""
        self._transport.close()

    def __enter__(self) -> Ssh:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @contextlib.contextmanager
    def _open(self, argv: Sequence[str] | str) -> Iterator[paramiko.Channel]:
        with _told('the worker machine'):
            channel = self._transport.open_session(timeout=60)
            channel.exec_command(self._line(argv))
        try:
            yield channel
        finally:
            channel.close()

    def _status(self, channel: paramiko.Channel) -> int:
        status = channel.recv_exit_status()
        if status < 0 and not self._transport.is_active():
            raise errors.Unreachable(
                'The connection to the worker machine was lost.'
            )
        return status

    def _line(self, argv: Sequence[str] | str) -> str:
        words = ['sh', '-c', argv] if isinstance(argv, str) else list(argv)
        return shlex.join(
            ['sudo', '-n', '--', *words] if self._sudo else words
        )


def wait_for_ssh(
    host: str,
    port: int,
    user: str,
    private_key_pem: str,
    host_key: str,
    *,
    timeout_seconds: float = 300.0,
    stop: Stop | None = None,
    pause_seconds: float = 0.5,
) -> Ssh:
    """Connect to a machine that is still booting, under one deadline.

    A refused login is tried again too: cloud-init may add the user after
    sshd began to answer. A wrong host key ends it at once. Raises what the
    last attempt raised, or ``Canceled``.
    """
    until = time.monotonic() + timeout_seconds
    attempts = 0
    while True:
        if stop is not None and stop():
            raise errors.Canceled('Stopped as it was asked.')
        left = until - time.monotonic()
        attempts += 1
        try:
            return Ssh.connect(
                host,
                port,
                user,
                private_key_pem,
                host_key,
                timeout=max(0.1, min(20.0, left)),
            )
        except (errors.Unreachable, errors.AuthFailed) as error:
            if time.monotonic() + pause_seconds >= until:
                raise type(error)(
                    f'{error.message} (gave up after {timeout_seconds:g} s, '
                    f'{attempts} attempts)',
                    detail=error.detail,
                ) from None
        time.sleep(pause_seconds)


def _kinds(kind: str, transport: paramiko.Transport) -> list[str]:
    offered = transport.get_security_options().key_types
    if kind == 'ssh-rsa':
        return [name for name in offered if name.startswith('rsa-sha2')]
    return [kind]


def _check_host_key(
    transport: paramiko.Transport, kind: str, body: str, where: str
) -> None:
    try:
        seen = transport.get_remote_server_key()
    except paramiko.SSHException as error:
        # start_client gives up without a word when its time is over.
        raise errors.Unreachable(
            f'{where} did not finish the SSH key exchange in time.',
            detail=str(error),
        ) from error
    if hmac.compare_digest(seen.get_base64(), body):
        return
    raise HostKeyMismatch(
        f'The machine at {where} does not show the host key that was made '
        'for it; the connection is refused.',
        detail=f'expected {kind} {body}, saw {seen.get_name()} '
        f'{seen.get_base64()}',
    )


@contextlib.contextmanager
def _told(where: str) -> Iterator[None]:
    """What sockets and paramiko raise, in our words."""
    try:
        yield
    except paramiko.IncompatiblePeer as error:
        if 'host key' not in str(error):
            raise errors.Unsupported(
                f'{where} and we have no SSH algorithm in common.',
                detail=str(error),
            ) from error
        # No host key of the pinned kind: for us that is another machine.
        raise HostKeyMismatch(
            f'{where} does not offer the kind of host key that was made for '
            'it; the connection is refused.',
            detail=str(error),
        ) from error
    except paramiko.AuthenticationException as error:
        raise errors.AuthFailed(
            f'{where} refused our SSH key.', detail=str(error)
        ) from error
    except (OSError, EOFError, paramiko.SSHException) as error:
        raise errors.Unreachable(
            f'{where} does not answer over SSH.',
            detail=f'{type(error).__name__}: {error}',
        ) from error
