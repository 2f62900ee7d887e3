# SPDX-License-Identifier: Apache-2.0
"""Commands and files inside a guest, wherever its disks are mounted.

A :class:`Root` is a guest's tree. It asks a :class:`Worker`: the machine
that has the disks, which is this one in tests and a VM reached over SSH
otherwise. Both answer with the same code, ``morphing.far``.
"""

from __future__ import annotations

import base64
import contextlib
import importlib.resources
import io
import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from coriolis_ng import errors
from coriolis_ng.morphing.far.serve import Server
from coriolis_ng.remote.ssh import CommandFailed, Ran, Ssh
from coriolis_ng.remote.talk import TimedOut

if TYPE_CHECKING:
    import paramiko

Stop = Callable[[], bool | None]
Names = list[str]

# The modules of morphing.far arrive through the input and are made without
# any file; the parents need not exist for imports of ready modules.
BOOT = """
import json, sys, types
sys.dont_write_bytecode = True
stream = sys.stdin.buffer
sources = json.loads(stream.read(int(stream.readline())).decode())
package = types.ModuleType('coriolis_ng.morphing.far')
sys.modules[package.__name__] = package
for name, text in sources:
    module = types.ModuleType(package.__name__ + '.' + name)
    sys.modules[module.__name__] = module
    setattr(package, name, module)
    exec(compile(text, name + '.py', 'exec'), module.__dict__)
package.serve.main()
"""
FAR = ('tree', 'initrd', 'serve')
UNSHARE = (
    'if unshare --mount true 2>/dev/null; then '
    'exec unshare --mount --propagation private -- python3 -c "$1"; '
    'else exec python3 -c "$1"; fi'
)
RUN_SECONDS = 900.0
ANSWER_SECONDS = 120.0


class Worker(Protocol):
    """The machine that the guest's disks are attached to."""

    def call(
        self, do: str, top: str | None, *rest: Any, seconds: float = ...
    ) -> Any:
        """Ask ``morphing.far.serve``; raises ``OSError`` as it did there."""


def run_on(
    worker: Worker,
    argv: Sequence[str],
    *,
    top: str | None = None,
    input: bytes = b'',  # noqa: A002
    timeout: float = RUN_SECONDS,
    check: bool = True,
) -> Ran:
    """Run a command on the worker, or in the tree ``top`` by chroot.

    Raises ``CommandFailed`` (with ``check``) and ``TimedOut``.
    """
    given = base64.b64encode(input).decode()
    ran = _ran(
        worker.call('run', top, list(argv), given, timeout, seconds=timeout),
        argv[0],
        timeout,
    )
    if check and ran.status != 0:
        raise CommandFailed(argv[0], ran)
    return ran


def run_script(
    worker: Worker,
    interpreter: Sequence[str],
    payload: str,
    arguments: Sequence[str],
    *,
    timeout: float,
) -> Ran:
    """Run a script on the worker; its body is in no argument, and in a file
    that only root can read while it runs. Raises as :func:`run_on`."""
    rest = [list(interpreter), base64.b64encode(payload.encode()).decode()]
    rest.append(list(arguments))
    ran = _ran(
        worker.call('script', None, *rest, timeout, seconds=timeout),
        'user script',
        timeout,
    )
    if ran.status != 0:
        raise CommandFailed('user script', ran)
    return ran


def _ran(answer: Any, what: str, timeout: float) -> Ran:
    status, out, err = answer
    if status is None:
        raise TimedOut(f'The command "{what}" did not end in {timeout:g} s.')
    return Ran(
        status=status,
        stdout=base64.b64decode(out).decode(errors='replace'),
        stderr=base64.b64decode(err).decode(errors='replace'),
    )


class Root:
    """A guest's tree: every path is the guest's own, and links of the guest
    never lead out of it (``morphing.far.tree``)."""

    def __init__(self, worker: Worker, top: str) -> None:
        self.worker = worker
        self.top = top

    def read(self, path: str) -> bytes:
        """A regular file's bytes, at most 32 MiB."""
        return base64.b64decode(self._ask('read', path))

    def text(self, path: str) -> str:
        """A file as text; empty when it is not there."""
        try:
            return self.read(path).decode(errors='surrogateescape')
        except (FileNotFoundError, NotADirectoryError):
            return ''

    def write(
        self, path: str, data: str | bytes, mode: int | None = None
    ) -> None:
        """Make or replace a file whole; it keeps its owner and, without
        ``mode``, its mode. New files get 0644."""
        if isinstance(data, str):
            data = data.encode(errors='surrogateescape')
        self._ask('write', path, base64.b64encode(data).decode(), mode)

    def exists(self, path: str) -> bool:
        """Whether something is there, at the end of links."""
        return bool(self._ask('exists', path))

    def kind(self, path: str) -> str | None:
        """``file``, ``dir``, ``link``, ``other``, or None."""
        kind: str | None = self._ask('kind', path)
        return kind

    def list(self, path: str) -> Names:
        """The sorted names in a folder; empty when it is not there."""
        names: Names = self._ask('list', path)
        return names

    def readlink(self, path: str) -> str:
        """Where a link points to, as it is written; ``OSError`` for other
        files."""
        return str(self._ask('readlink', path))

    def symlink(self, target: str, path: str) -> None:
        """Make or replace a link; ``target`` stays as it is given."""
        self._ask('symlink', target, path)

    def remove(self, path: str) -> bool:
        """Remove a file or a link; whether it was there."""
        return bool(self._ask('remove', path))

    def rename(self, old: str, new: str) -> None:
        """Move within the guest, replacing what is there."""
        self._ask('rename', old, new)

    def copy(self, old: str, new: str) -> None:
        """A file's content to another path."""
        self._ask('copy', old, new)

    def chmod(self, path: str, mode: int) -> None:
        """Set the mode at the end of links."""
        self._ask('chmod', path, mode)

    def initrd_names(self, path: str) -> Names:
        """What an initrd holds; ``Unsupported`` when it cannot be read."""
        made = self._ask('initrd', path, seconds=300.0)
        if isinstance(made, dict):
            raise errors.Unsupported(
                f'The initrd {path} cannot be read.',
                detail=made['unreadable'],
            )
        names: Names = made
        return names

    def run(
        self,
        argv: Sequence[str],
        *,
        input: bytes = b'',  # noqa: A002
        timeout: float = RUN_SECONDS,
        check: bool = True,
    ) -> Ran:
        """Run a command inside the guest, by chroot."""
        return run_on(
            self.worker,
            argv,
            top=self.top,
            input=input,
            timeout=timeout,
            check=check,
        )

    def _ask(self, do: str, *rest: Any, seconds: float = 60.0) -> Any:
        return self.worker.call(do, self.top, *rest, seconds=seconds)


class LocalWorker:
    """This machine: for fixture trees in tests, which never run commands of
    a guest unless a subclass says what they would give."""

    def __init__(self) -> None:
        self._server: Any = Server(io.BytesIO())  # type: ignore[no-untyped-call]

    def call(
        self,
        do: str,
        top: str | None,
        *rest: Any,
        seconds: float = 60.0,  # noqa: ARG002
    ) -> Any:
        """As ``Worker.call``; ``Unsupported`` for commands."""
        if do in ('run', 'script', 'reachable', 'kill_inside'):
            raise errors.Unsupported(f'{do} {rest[0]}: files only')
        asked = {'do': do, 'top': top, 'with': list(rest)}
        return self._server.answer(asked)


class SshWorker:
    """A worker VM: one program there answers through one SSH channel.

    When the channel is closed, the program ends, what it runs is killed,
    and what it has mounted is unmounted with its namespace.
    """

    def __init__(self, channel: paramiko.Channel, stop: Stop | None) -> None:
        self._channel = channel
        self._stop = stop
        self._buffer = b''
        self._lock = threading.Lock()
        self._broken: errors.CoriolisError | None = None

    @classmethod
    @contextlib.contextmanager
    def started(
        cls, ssh: Ssh, stop: Stop | None = None
    ) -> Iterator[SshWorker]:
        """The program on that machine; it ends with the context."""
        folder = importlib.resources.files('coriolis_ng.morphing.far')
        sources = [[name, (folder / f'{name}.py').read_text()] for name in FAR]
        packed = json.dumps(sources).encode()
        with ssh.talk(['sh', '-c', UNSHARE, 'far', BOOT]) as channel:
            channel.sendall(b'%d\n' % len(packed) + packed)
            yield cls(channel, stop)

    def call(
        self,
        do: str,
        top: str | None,
        *rest: Any,
        seconds: float = 60.0,
    ) -> Any:
        """As ``Worker.call``. Also raises ``Unreachable``, ``TimedOut`` and
        ``Canceled``, and then the same at every later call: an answer that was
        not read whole leaves no way to go on."""
        asked = json.dumps({'do': do, 'top': top, 'with': rest})
        with self._lock:
            if self._broken is not None:
                # What is undone on the way out must not hide the reason.
                raise self._broken
            with self._whole():
                self._channel.settimeout(ANSWER_SECONDS)
                self._channel.sendall(asked.encode() + b'\n')
                line = self._line(seconds + ANSWER_SECONDS)
        answer = json.loads(line)
        if 'errno' in answer:
            raise OSError(answer['errno'], answer['text'])
        return answer['ok']

    @contextlib.contextmanager
    def _whole(self) -> Iterator[None]:
        """Whatever ends the block early ends the channel: a half-read
        answer would be taken for the next one."""
        with contextlib.ExitStack() as undo:
            undo.callback(self._channel.close)
            try:
                yield
            except OSError as error:
                self._broken = _lost(str(error))
                raise self._broken from None
            except errors.CoriolisError as error:
                self._broken = error
                raise
            undo.pop_all()

    def _line(self, seconds: float) -> bytes:
        until = time.monotonic() + seconds
        parts = [self._buffer]
        self._channel.settimeout(0.5)
        while b'\n' not in parts[-1]:
            try:
                data = self._channel.recv(256 * 1024)
            except TimeoutError:
                if self._stop is not None and self._stop():
                    raise errors.Canceled('Stopped as it was asked.') from None
                if time.monotonic() > until:
                    raise TimedOut(
                        'The worker machine does not answer any more.'
                    ) from None
                continue
            if not data:
                raise _lost(self._last_words())
            parts.append(data)
        line, _, self._buffer = b''.join(parts).partition(b'\n')
        return line

    def _last_words(self) -> str:
        with contextlib.suppress(OSError):
            return self._channel.recv_stderr(4000).decode(errors='replace')
        return ''


def _lost(why: str) -> errors.Unreachable:
    return errors.Unreachable(
        'The connection to the worker machine was lost.', detail=why
    )


class LocalRoot(Root):
    """A tree on this machine, files only: for tests on fixture trees."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        super().__init__(LocalWorker(), os.fspath(folder))


class SshRoot(Root):
    """A guest that is mounted on a worker VM."""

    def __init__(self, worker: SshWorker, mountpoint: str) -> None:
        super().__init__(worker, mountpoint)
