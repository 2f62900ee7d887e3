# SPDX-License-Identifier: Apache-2.0
"""Worker VMs: started, reached over a pinned SSH key, given the agent.

Keys and certificates are made here, for one machine each; they rest in the
secret store, so that a resumed attempt on another worker can go on, and the
cleanup drops them with the machine.
"""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Callable, Sequence

import msgspec

from coriolis_ng import errors
from coriolis_ng.engine.task import Side, Task, Work
from coriolis_ng.objects import Value
from coriolis_ng.objects.minion import Agent, Minion, MinionKeys, Purpose, Ssh
from coriolis_ng.objects.volume import ClonedVolumes, Volume, Volumes
from coriolis_ng.remote.keys import make_keypair
from coriolis_ng.remote.push import start_program
from coriolis_ng.remote.ssh import Ssh as Connected
from coriolis_ng.remote.ssh import wait_for_ssh
from coriolis_ng.tasks import watch
from coriolis_ng.transport.agent import agent_program
from coriolis_ng.transport.certificates import make_certificates
from coriolis_ng.transport.ratelimit import Clock

LOG = logging.getLogger(__name__)

AGENT = 'coriolis-agent'
# How often a worker VM that is waited for is looked at.
LOOK_SECONDS = 10.0
BOOT_SECONDS = 600
# The agent ends when nobody wrote for so long: longer than any lease.
AGENT_SILENT_SECONDS = 1800


def cause(work: Work, minion: Minion) -> errors.CoriolisError | None:
    """Why the worker VM cannot work on; None where it can, or where nobody
    can tell."""
    try:
        work.target.imports.check_minion(minion)
    except errors.Unreachable as error:
        # The error that made us ask says more than that we may not ask.
        LOG.warning('%s (%s)', error.message, error.detail)
    except errors.CoriolisError as error:
        return error
    return None


class Guard:
    """Says whether to stop, for whoever waits for a worker VM; raises why
    the VM cannot go on, which its silence alone would not tell."""

    def __init__(
        self,
        work: Work,
        minion: Minion,
        seconds: float = LOOK_SECONDS,
        clock: Clock = time,
    ) -> None:
        self._work, self._minion = work, minion
        self._seconds, self._clock = seconds, clock
        self._looked = clock.monotonic()

    def __call__(self) -> bool:
        if self._work.stopping:
            return True
        now = self._clock.monotonic()
        if now - self._looked >= self._seconds:
            self._looked = now
            if (error := cause(self._work, self._minion)) is not None:
                raise error
        return False


def reach(
    work: Work,
    ssh: Ssh,
    stop: Callable[[], bool],
    seconds: float = BOOT_SECONDS,
) -> Connected:
    """An SSH session; waits for a machine that is still booting."""
    return wait_for_ssh(
        ssh.host,
        ssh.port,
        ssh.user,
        work.secret(ssh.key).decode(),
        ssh.host_key,
        timeout_seconds=seconds,
        stop=stop,
    )


@dataclasses.dataclass(frozen=True)
class Pin:
    """Fresh keys of one worker VM: ``given`` is what it gets; ``key`` refers
    to the user's private key, ``host_key`` is the public line to expect."""

    given: MinionKeys
    key: str
    host_key: str

    def on(self, minion: Minion) -> Minion:
        """The machine as it is reached with them; one without SSH as it
        is."""
        if minion.ssh is None:
            return minion
        ssh = msgspec.structs.replace(
            minion.ssh, key=self.key, host_key=self.host_key
        )
        return msgspec.structs.replace(minion, ssh=ssh)


def new_keys(work: Work) -> Pin:
    """The private key is in the secret store when it returns."""
    private, public = make_keypair('coriolis')
    host_private, host_public = make_keypair()
    return Pin(
        given=MinionKeys(user_key=public, host_key=host_private),
        key=work.keep(private.encode()),
        host_key=host_public,
    )


def _boot(work: Work, volumes: Sequence[Volume], purpose: Purpose) -> Minion:
    keys = new_keys(work)
    minion: Minion = keys.on(
        work.target.imports.make_minion(
            volumes,
            purpose,
            keys.given,
            options=work.target_options,
            watch=watch.target(work),
        )
    )
    answered(work, minion)
    return minion


def answered(work: Work, minion: Minion) -> None:
    """Waits for a machine that was started just now, with lines for the
    user; nothing of one without SSH."""
    if minion.ssh is None:
        return
    work.note(f'worker VM {minion.id} starts at {minion.ssh.host}')
    reach(work, minion.ssh, Guard(work, minion)).close()
    work.note('worker VM answers')


class MakeWriter(Task):
    """A worker VM with the replica's volumes and the agent in it."""

    side = Side.TARGET
    needs = ('imports',)
    silent_seconds = 900

    class Input(Value):
        volumes: Volumes

    class Output(Value):
        minion: Minion

    def run(self, work: Work, given: Input) -> Output:
        minion = _boot(work, given.volumes.items, Purpose.WRITE)
        if minion.ssh is None:
            return self.Output(minion=minion)
        return self.Output(
            minion=msgspec.structs.replace(
                minion, agent=start_agent(work, minion, minion.ssh)
            )
        )


def start_agent(work: Work, minion: Minion, ssh: Ssh) -> Agent:
    """The agent for the machine's disks, with certificates that are as old
    as this call; one that ran before is ended."""
    pem = make_certificates([ssh.host])
    ref = work.keep(msgspec.json.encode(pem))
    guard = Guard(work, minion)
    with reach(work, ssh, guard) as connected:
        program = start_program(
            connected,
            AGENT,
            agent_program(),
            {
                'listen': ssh.host,
                'port': 0,
                'cert': pem.server_cert.decode(),
                'key': pem.server_key.decode(),
                'ca': pem.ca.decode(),
                'disks': {
                    disk: {'serial': serial}
                    for disk, serial in minion.disks.items()
                },
                'lease_seconds': AGENT_SILENT_SECONDS,
            },
            stop=guard,
        )
    port = program.ready.get('port')
    if not isinstance(port, int):
        raise errors.Unreachable(
            'The agent on the worker VM did not say where it listens.'
        )
    work.note(f'agent listens on {ssh.host}:{port}')
    return Agent(host=ssh.host, port=port, credentials=ref)


class MakeMorpher(Task):
    """A worker VM with a deployment's own volumes attached.

    It takes ``ClonedVolumes``: the replica's disks cannot be handed to it.
    """

    side = Side.TARGET
    needs = ('imports',)
    silent_seconds = 900

    class Input(Value):
        volumes: ClonedVolumes

    class Output(Value):
        minion: Minion

    def run(self, work: Work, given: Input) -> Output:
        return self.Output(
            minion=_boot(work, given.volumes.items, Purpose.MORPH)
        )
