# SPDX-License-Identifier: Apache-2.0
"""Small tasks and a small cloud for the worker's tests."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from coriolis_ng import errors
from coriolis_ng.engine.task import Side, Task, Work
from coriolis_ng.objects import Value
from coriolis_ng.objects.network import Network
from coriolis_ng.objects.resource import ResourceKind
from coriolis_ng.objects.vm import Vm

LOG = logging.getLogger(__name__)


class Add(Task):
    """Adds two numbers."""

    class Input(Value, kw_only=True):
        a: int
        b: int

    class Output(Value, kw_only=True):
        total: int
        pid: int

    def run(self, work: Work, given: Input) -> Output:
        return self.Output(total=given.a + given.b, pid=os.getpid())


class Fail(Task):
    """Raises the error it is told to."""

    class Input(Value, kw_only=True):
        kind: str

    def run(self, work: Work, given: Input) -> Any:
        if given.kind == 'user':
            raise errors.QuotaExceeded('No space left.', detail='pool p1')
        if given.kind == 'retry':
            raise errors.Unreachable('Nobody answers.')
        if given.kind == 'die':
            os.kill(os.getpid(), signal.SIGKILL)
        if given.kind == 'wrong':
            return 'not an output'
        raise KeyError('something in the code')


class Wait(Task):
    """Waits until it is asked to stop, or for ever if it is stubborn; its
    note tells the ids of its process and of a program that it started."""

    class Input(Value, kw_only=True):
        stubborn: bool = False
        silent: bool = False
        program: bool = False

    def run(self, work: Work, given: Input) -> Any:
        pids = [os.getpid()]
        if given.program:
            sleep = [sys.executable, '-c', 'import time; time.sleep(600)']
            pids.append(subprocess.Popen(sleep).pid)
        work.note(' '.join(map(str, pids)))
        count = 0
        while True:
            if not given.stubborn:
                work.stop_if_asked()
            if not given.silent:
                count += 1
                work.progress(count, 0, unit='rounds')
            time.sleep(0.05)


class Move(Task):
    """Says how fast it may be until it is asked to stop."""

    moves = True

    def run(self, work: Work, given: Any) -> Any:
        count = 0
        while True:
            work.stop_if_asked()
            count += 1
            work.progress(count, 1 << 30)
            time.sleep(0.05)


class Make(Task):
    """Makes things in a cloud that is a directory of files."""

    side = Side.TARGET

    class Input(Value, kw_only=True):
        path: str

    def run(self, work: Work, given: Input) -> Any:
        name = f'{given.path}/{work.tag}-1'
        work.created(ResourceKind.VOLUME, name, Side.TARGET, parent='pool')
        with open(name, 'x', encoding='utf-8') as file:
            file.write('a volume')


class Copy(Task):
    """Reports as a copy does: progress, notes and a checkpoint."""

    class Kept(Value, kw_only=True):
        done: int

    class Output(Value, kw_only=True):
        began_at: int

    def run(self, work: Work, given: Any) -> Output:
        kept = work.resumed(self.Kept)
        began = kept.done if kept else 0
        work.note('copying')
        for done in range(began, 101):
            work.progress(done, 100, item='vda')
        work.checkpoint(self.Kept(done=100))
        return self.Output(began_at=began)


class Tell(Task):
    """Uses secrets, and is careless with them."""

    side = Side.SOURCE

    class Output(Value, kw_only=True):
        ref: str
        user: str
        looked: str

    def run(self, work: Work, given: Any) -> Output:
        password = work.source.info['password']
        kept = b'-----a private key that is very long-----'
        ref = work.keep(kept)
        assert work.secret(ref) == kept
        LOG.warning('the password is %s and the key %s', password, kept)
        sys.stderr.write(f'{password}\n')
        work.note(f'my password is {password}')
        with open('/proc/self/cmdline', 'rb') as file:
            looked = file.read()
        with open('/proc/self/environ', 'rb') as file:
            looked += file.read()
        work.forget(ref)
        return self.Output(
            ref=ref,
            user=work.source.info['user'],
            looked=looked.decode('utf-8', 'replace'),
        )


class Leak(Task):
    """Puts a secret into an error."""

    side = Side.SOURCE

    def run(self, work: Work, given: Any) -> Any:
        raise errors.AuthFailed(f'{work.source.info["password"]} is wrong.')


class Crowd(Task):
    """Calls the platform from several threads at once."""

    class Output(Value, kw_only=True):
        made: int

    def run(self, work: Work, given: Any) -> Output:
        threads = [
            threading.Thread(
                target=work.created,
                args=(ResourceKind.PORT, str(number), Side.TARGET),
            )
            for number in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return self.Output(made=len(threads))


class Descriptors(Task):
    """Tells what its process has open."""

    class Output(Value, kw_only=True):
        open: tuple[str, ...]

    def run(self, work: Work, given: Any) -> Output:
        found = []
        for name in os.listdir('/proc/self/fd'):
            try:
                found.append(os.readlink(f'/proc/self/fd/{name}'))
            except FileNotFoundError:
                continue  # the directory itself
        return self.Output(open=tuple(sorted(found)))


class Inventory:
    """Two machines; every look at them is counted in a file."""

    def __init__(self, info: Mapping[str, Any]) -> None:
        self._info = info

    def list_vms(
        self, *, marker: str | None, limit: int | None, name: str | None
    ) -> Sequence[Vm]:
        if path := self._info.get('count'):
            with open(path, 'a', encoding='utf-8') as file:
                file.write('x')
        if self._info.get('sleeps'):
            time.sleep(600)
        found = [_vm(one) for one in ('a', 'b') if one > (marker or '')]
        found = [vm for vm in found if (name or '') in vm.name]
        return found[:limit]

    def get_vm(self, name: str) -> Vm:
        name = name.removeprefix('id-')
        if name not in ('a', 'b'):
            raise errors.NotFound(f'There is no machine {name!r}.')
        return _vm(name)

    def list_networks(self) -> Sequence[Network]:
        return [Network(id='n1', name='net')]


class Connection:
    """A connection to the small cloud."""

    exports = None
    imports = None

    def __init__(self, info: Mapping[str, Any]) -> None:
        self.info = info
        self.inventory = Inventory(info)

    def ping(self) -> None:
        if self.info['password'] == 'wrong':
            raise errors.AuthFailed('The password is refused.')

    def close(self) -> None:
        if self.info['user'] == 'clumsy':
            raise OSError('The connection was lost.')


class SmallCloud:
    """Enough of a cloud to be asked."""

    name = 'small'
    capabilities = ('inventory',)
    connection_schema = {
        'type': 'object',
        'required': ['user', 'password'],
        'properties': {
            'user': {'type': 'string'},
            'password': {'type': 'string'},
        },
    }
    source_schema: Mapping[str, Any] = {'type': 'object'}
    target_schema: Mapping[str, Any] = {
        'type': 'object',
        'properties': {'zone': {'enum': ['x', 'y']}},
    }

    def connect(self, info: Mapping[str, Any]) -> Connection:
        return Connection(info)


def _vm(name: str) -> Vm:
    return Vm(id=f'id-{name}', name=name, cpus=1, memory=1 << 20)
