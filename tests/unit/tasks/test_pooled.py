# SPDX-License-Identifier: Apache-2.0
"""A machine of a pool in a task's hands: each is a real sshd, with the keys
that the task made for it."""

from __future__ import annotations

import contextlib
import itertools
import pathlib
import signal
import socket
import subprocess
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from coriolis_ng import errors
from coriolis_ng.engine.task import Side
from coriolis_ng.objects import new_id
from coriolis_ng.objects.minion import Minion, MinionKeys, Ssh
from coriolis_ng.objects.minion_pool import PoolMachine, Power
from coriolis_ng.objects.resource import Resource, ResourceKind
from coriolis_ng.objects.volume import Volume, Volumes
from coriolis_ng.remote import push, ssh
from coriolis_ng.tasks import pooled
from coriolis_ng.tasks.minions import AGENT
from coriolis_ng.tasks.pools import GiveBack, StopMachine, TakeFromPool
from coriolis_ng.transport.certificates import Certificates
from tests.unit.remote.sshd import CONFIG, SSHD, free_port

SOON = pooled.Patience(ready=1, boot=10, turn=1)
DISK = Volume(id='v1', disk_id='disk0', size=1 << 20, storage='s')

pytestmark = pytest.mark.skipif(
    not SSHD.exists(), reason='openssh-server is not installed'
)


class Machines:
    """A cloud of pools (and ``check_minion`` of imports) whose machines are
    servers on loopback; ``plugged`` are the volumes in each."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.ports: dict[str, int] = {}
        self.plugged: dict[str, list[str]] = {}
        self.log: list[str] = []
        self._numbers = itertools.count()
        self.imports = self
        self.pools = self

    def make(self, keys: MinionKeys, *, options: Any, watch: Any) -> Minion:
        id = f'm{next(self._numbers)}'
        watch.record(ResourceKind.VM, id)
        self.ports[id], self.plugged[id] = free_port(), []
        self.log.append(f'make {id}')
        self._boot(id, keys)
        address = Ssh(
            host='127.0.0.1',
            port=self.ports[id],
            user='root',
            key='',
            host_key='',
        )
        return Minion(id=id, ssh=address)

    def _boot(self, id: str, keys: MinionKeys | None = None) -> None:
        here = self.folder / id
        if keys is not None:
            here.mkdir(exist_ok=True)
            (here / 'host_key').write_text(keys.host_key)
            (here / 'host_key').chmod(0o600)
            (here / 'authorized_keys').write_text(keys.user_key + '\n')
            (here / 'sshd_config').write_text(
                CONFIG.format(port=self.ports[id], folder=here)
            )
        pathlib.Path('/run/sshd').mkdir(mode=0o755, exist_ok=True)
        self.running[id] = subprocess.Popen(
            [SSHD, '-D', '-f', here / 'sshd_config'],
            stdin=subprocess.DEVNULL,
        )

    def check(self, minion: Minion) -> Power | None:
        if minion.id not in self.ports:
            return None
        return Power.ON if minion.id in self.running else Power.OFF

    def check_minion(self, minion: Minion) -> None:
        if self.check(minion) is not Power.ON:
            raise errors.NotFound('The worker VM is gone.')

    def start(self, minion: Minion, *, options: Any, watch: Any) -> Minion:
        if minion.id not in self.ports:
            raise errors.NotFound('There is none.')
        if minion.id not in self.running:
            self.log.append(f'start {minion.id}')
            self._boot(minion.id)
        assert minion.ssh is not None
        here = msgspec.structs.replace(minion.ssh, port=self.ports[minion.id])
        return msgspec.structs.replace(minion, ssh=here)

    def stop(self, minion: Minion) -> None:
        self.plugged[minion.id] = []
        if (process := self.running.pop(minion.id, None)) is not None:
            process.send_signal(signal.SIGKILL)
            process.wait(10)

    def renew(self, minion: Minion, keys: MinionKeys, *, options: Any) -> None:
        self.log.append(f'renew {minion.id}')
        self.stop(minion)
        self._boot(minion.id, keys)

    def attach(self, minion: Minion, volumes: Any, *, watch: Any) -> Minion:
        self.plugged[minion.id] = [v.id for v in volumes]
        serials = {v.disk_id: f'serial-{v.disk_id}' for v in volumes}
        return msgspec.structs.replace(minion, disks=serials)

    def detach(self, minion: Minion) -> None:
        self.log.append(f'detach {minion.id}')
        if minion.id in self.plugged:
            self.plugged[minion.id] = []

    def drop(self, minion: Minion) -> None:
        if minion.id in self.ports:
            self.log.append(f'drop {minion.id}')
            self.stop(minion)
            del self.ports[minion.id]

    def lose(self, id: str) -> None:
        """Without a word to anybody, as a host that burns."""
        self.stop(Minion(id=id))
        del self.ports[id]


class Bench:
    """As much of ``Work`` as these tasks see; ``kept`` is the store."""

    tag, attempt, instance = 'coriolis:e:t', 1, 'a'
    stopping = False

    def __init__(self, cloud: Machines, kept: dict[str, bytes]) -> None:
        self.target = cloud
        self.kept = kept
        self.notes: list[str] = []
        self.gone: list[str] = []

    def stop_if_asked(self) -> None:
        """Nobody asks."""

    def note(self, text: str, *_: Any) -> None:
        self.notes.append(text)

    def created(self, kind: Any, id: str, side: Side, parent: str) -> None:
        """Nobody reads the ledger here."""

    def dropped(self, resource: Resource) -> None:
        self.gone.append(resource.id)

    def keep(self, payload: bytes) -> str:
        ref = new_id()
        self.kept[ref] = payload
        return ref

    def secret(self, ref: str) -> bytes:
        if ref not in self.kept:
            raise errors.NotFound('there is no such secret')
        return self.kept[ref]

    def forget(self, ref: str) -> None:
        self.kept.pop(ref, None)


@pytest.fixture
def cloud(tmp_path: pathlib.Path) -> Iterator[Machines]:
    made = Machines(tmp_path)
    yield made
    for id in list(made.running):
        made.stop(Minion(id=id))


@pytest.fixture
def work(cloud: Machines) -> Any:
    return Bench(cloud, {})


def made(work: Any) -> Minion:
    return pooled.ready(work, None, Power.UNINITIALIZED, {}, SOON)


def again(work: Any, minion: Minion, power: Power = Power.ON) -> Minion:
    return pooled.ready(work, minion, power, {}, SOON)


def hostname(work: Any, minion: Minion) -> str:
    assert minion.ssh is not None
    with ssh.Ssh.connect(
        minion.ssh.host,
        minion.ssh.port,
        minion.ssh.user,
        work.secret(minion.ssh.key).decode(),
        minion.ssh.host_key,
    ) as connected:
        return connected.run(['hostname']).stdout


def test_a_new_one_has_keys_of_its_own(work: Any) -> None:
    first, second = made(work), made(work)
    assert hostname(work, first) == hostname(work, second) != ''
    assert first.ssh is not None
    assert second.ssh is not None
    assert first.ssh.key != second.ssh.key
    assert first.ssh.host_key != second.ssh.host_key
    # The value has references only; the keys are in the store.
    assert len(work.kept) == 2
    clear = [one.decode() for one in work.kept.values()]
    assert all('PRIVATE KEY' in one for one in clear)
    assert not any(one in repr(first) for one in clear)
    stolen = msgspec.structs.replace(first.ssh, key=second.ssh.key)
    with pytest.raises(errors.AuthFailed):
        hostname(work, msgspec.structs.replace(first, ssh=stolen))


def test_one_that_is_well_is_taken_as_it_is(
    work: Any, cloud: Machines
) -> None:
    minion = made(work)
    cloud.plugged[minion.id] = ['of somebody']
    assert again(work, minion) == minion
    assert cloud.plugged[minion.id] == []
    assert [x for x in cloud.log if 'detach' not in x] == ['make m0']


def test_one_that_is_off_is_started(work: Any, cloud: Machines) -> None:
    minion = made(work)
    cloud.stop(minion)
    # Its address is another one afterwards.
    cloud.ports[minion.id] = free_port()
    config = cloud.folder / minion.id / 'sshd_config'
    config.write_text(
        CONFIG.format(
            port=cloud.ports[minion.id], folder=cloud.folder / minion.id
        )
    )
    now = again(work, minion)
    assert now.id == minion.id
    assert now.ssh is not None
    assert now.ssh.port == cloud.ports[minion.id]
    assert any('is off: it is started' in note for note in work.notes)
    assert hostname(work, now)


def test_one_that_is_gone_is_made_anew(work: Any, cloud: Machines) -> None:
    minion = made(work)
    cloud.lose(minion.id)
    other = again(work, minion)
    assert other.id != minion.id
    assert work.gone == [minion.id]
    assert any('died' in note for note in work.notes)
    assert minion.ssh is not None
    assert minion.ssh.key not in work.kept
    assert hostname(work, other)


@pytest.mark.parametrize('how', ['silent', 'other key', 'no secret'])
def test_one_that_nobody_gets_into_is_made_anew(
    work: Any, cloud: Machines, how: str
) -> None:
    minion = made(work)
    assert minion.ssh is not None
    if how == 'silent':
        cloud.running[minion.id].kill()
    elif how == 'other key':
        line = 'ssh-ed25519 AAAA'
        wrong = msgspec.structs.replace(minion.ssh, host_key=line)
        minion = msgspec.structs.replace(minion, ssh=wrong)
    else:
        del work.kept[minion.ssh.key]
    other = again(work, minion)
    assert other.id != minion.id
    assert f'drop {minion.id}' in cloud.log
    assert hostname(work, other)


def test_one_that_was_not_given_back_is_made_anew(
    work: Any, cloud: Machines
) -> None:
    minion = made(work)
    other = again(work, minion, Power.UNINITIALIZED)
    assert other.id != minion.id
    assert any('not given back clean' in note for note in work.notes)
    assert cloud.log == ['make m0', 'drop m0', 'make m1']


def test_a_cloud_that_does_not_answer_kills_no_machine(
    work: Any, cloud: Machines
) -> None:
    minion = made(work)

    class Away(Machines):
        def check(self, minion: Minion) -> Power | None:
            raise errors.Unreachable('The cloud does not answer.')

    work.target = Away(cloud.folder)
    with pytest.raises(errors.Unreachable):
        again(work, minion)
    assert hostname(work, minion)


def lent(work: Any) -> Minion:
    given = TakeFromPool.Input(volumes=Volumes(items=(DISK,)))
    return TakeFromPool().run(work, given).minion


def row(minion: Minion) -> PoolMachine:
    """The row as it is once the machine was taken."""
    before = PoolMachine(id='p1', pool_id='p', state='in_use')
    return TakeFromPool().apply(before, TakeFromPool.Output(minion=minion))


def give(work: Any, minion: Minion, **more: Any) -> GiveBack.Output:
    given = GiveBack().renew(row(minion), GiveBack.Input(**more))
    return GiveBack().run(work, given)


@pytest.fixture
def agent() -> Iterator[pathlib.Path]:
    """The folder of the agent that is pushed; this machine is the worker
    VM, so it is ended whatever happens."""
    folder = pathlib.Path(push.FOLDER.format(name=AGENT))
    yield folder
    with contextlib.suppress(OSError, ValueError):
        pid = int((folder / 'pid').read_text())
        subprocess.run(['kill', '-9', f'-{pid}'], check=False)


def test_an_execution_has_an_agent_of_its_own(
    work: Any, cloud: Machines, agent: pathlib.Path
) -> None:
    first = lent(work)
    assert first.agent is not None
    assert first.disks == {'disk0': 'serial-disk0'}
    assert agent.is_dir()
    old = msgspec.json.decode(
        work.secret(first.agent.credentials), type=Certificates
    )
    # The row has neither the agent nor the disks: they are no part of it.
    kept = row(first).minion
    assert kept is not None
    assert (kept.agent, kept.disks) == (None, {})
    assert give(work, first) == GiveBack.Output()
    assert cloud.plugged[first.id] == []
    assert not agent.exists()
    with pytest.raises(OSError):
        socket.create_connection((first.agent.host, first.agent.port), 2)
    given = TakeFromPool.Input(
        volumes=Volumes(items=(DISK,)), minion=kept, power=Power.ON
    )
    second = TakeFromPool().run(work, given).minion
    assert second.id == first.id
    assert second.agent is not None
    new = msgspec.json.decode(
        work.secret(second.agent.credentials), type=Certificates
    )
    assert new.ca != old.ca
    assert new.server_key != old.server_key
    give(work, second)
    assert not agent.exists()


def test_what_leaves_something_begins_anew(
    work: Any, cloud: Machines, agent: pathlib.Path
) -> None:
    minion = lent(work)
    assert minion.ssh is not None
    left = pathlib.Path('/run/coriolis-left-over-test')
    left.mkdir(exist_ok=True)
    try:
        after = give(work, minion).minion
    finally:
        left.rmdir()
    assert after is not None
    assert after.ssh is not None
    assert any('cannot be kept as it is' in note for note in work.notes)
    assert f'renew {minion.id}' in cloud.log
    assert after.ssh.key != minion.ssh.key
    assert minion.ssh.key not in work.kept
    # Who comes next waits for it, and knows it.
    changed = GiveBack().apply(row(minion), GiveBack.Output(minion=after))
    assert changed.power is Power.UNKNOWN
    assert again(work, after, changed.power).id == minion.id


def test_one_in_which_a_guest_ran_begins_anew(
    work: Any, cloud: Machines
) -> None:
    minion = made(work)
    cloud.plugged[minion.id] = ['v1']
    after = give(work, minion, guest_ran=True).minion
    assert after is not None
    assert cloud.plugged[minion.id] == []
    assert cloud.log[-1] == f'renew {minion.id}'
    assert after.ssh != minion.ssh
    assert hostname(work, again(work, after, Power.UNKNOWN))


def test_one_that_hangs_begins_anew(work: Any, cloud: Machines) -> None:
    minion = made(work)
    cloud.running[minion.id].kill()
    assert not pooled.cleared(work, minion, SOON)
    cloud.plugged[minion.id] = ['v1']
    after = give(work, minion, guest_ran=True).minion
    assert after is not None
    assert cloud.plugged[minion.id] == []


def test_nothing_is_given_back_of_one_that_is_gone(
    work: Any, cloud: Machines
) -> None:
    minion = made(work)
    cloud.lose(minion.id)
    assert give(work, minion) == GiveBack.Output()
    assert cloud.log == ['make m0']


def test_one_that_somebody_switched_off_begins_anew(
    work: Any, cloud: Machines
) -> None:
    minion = made(work)
    cloud.stop(minion)
    assert give(work, minion).minion is not None
    assert cloud.log == ['make m0', 'renew m0']


def test_one_that_is_idle_goes_off(work: Any, cloud: Machines) -> None:
    minion = made(work)
    kept = row(minion)
    given = StopMachine().renew(kept, StopMachine.Input())
    StopMachine().run(work, given)
    assert cloud.check(minion) is Power.OFF
    off = StopMachine().apply(kept, StopMachine.Output())
    assert off.power is Power.OFF
    assert off.minion == minion
