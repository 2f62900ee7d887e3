# SPDX-License-Identifier: Apache-2.0
"""Freezes a guest's file systems for a moment, and always thaws them."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import libvirt
import libvirt_qemu

from coriolis_ng.objects.snapshot import Consistency
from coriolis_ng.providers import errors
from coriolis_ng.providers.kvm.connection import Access

# libvirt's own default: wait as long as it takes.
_FOREVER = libvirt.VIR_DOMAIN_AGENT_RESPONSE_TIMEOUT_BLOCK
_WATCHER_SECONDS = 30.0


class Quiesced:
    """What the snapshot that was taken inside will be."""

    consistency = Consistency.CRASH
    reason = ''

    def ended(self, thawed: int | None, mode: str) -> None:
        """After ``thawed`` file systems were thawed, None for unknown.

        None of them frozen any more means that the guest, which does so by
        itself after some seconds, or our watcher was faster, perhaps before
        the snapshot; ``Conflict`` where it must be a quiesced one.
        """
        if thawed or self.consistency is not Consistency.APPLICATION:
            return
        self.consistency = Consistency.CRASH
        self.reason = 'the guest was thawed before the snapshot was complete'
        if thawed is None:
            self.reason = 'the guest agent did not say that it was frozen'
        if mode == 'require':
            raise errors.Conflict(
                f'The guest cannot be quiesced: {self.reason}.'
            )


@contextlib.contextmanager
def quiesced(
    access: Access, domain: libvirt.virDomain, mode: str, seconds: int
) -> Iterator[Quiesced]:
    """Inside, the guest's file systems are frozen, as far as they can be.

    ``mode`` is that of the option ``quiesce``. Where the guest cannot be
    frozen the answer says why, or ``Conflict`` is raised if it must be.
    """
    found = Quiesced()
    found.reason = _obstacle(domain, mode, seconds)
    if found.reason:
        if mode == 'require':
            raise errors.Conflict(
                f'The guest cannot be quiesced: {found.reason}.'
            )
        yield found
        return
    watcher = _watch(access, domain)
    try:
        domain.agentSetResponseTimeout(seconds, 0)
        found.reason = _freeze(domain)
        if found.reason and mode == 'require':
            raise errors.Conflict(
                f'The guest cannot be quiesced: {found.reason}.'
            )
        if not found.reason:
            found.consistency = Consistency.APPLICATION
        yield found
    finally:
        thawed = _thaw(domain)
        _dismiss(watcher, thawed is not None or not domain.isActive())
    found.ended(thawed, mode)


def _obstacle(domain: libvirt.virDomain, mode: str, seconds: int) -> str:
    """Why the guest cannot be frozen; '' when it can be tried."""
    if mode == 'never':
        return 'quiescing is switched off by the option quiesce'
    if domain.state()[0] == libvirt.VIR_DOMAIN_PAUSED:
        return 'the machine is paused'
    try:
        libvirt_qemu.qemuAgentCommand(
            domain, '{"execute":"guest-ping"}', seconds, 0
        )
    except libvirt.libvirtError as error:
        return f'no guest agent: {error.get_error_message()}'
    return ''


def _freeze(domain: libvirt.virDomain) -> str:
    """'' when file systems are frozen, else why none is."""
    try:
        frozen = domain.fsFreeze()
    except libvirt.libvirtError as error:
        return f'the guest agent failed: {error.get_error_message()}'
    return '' if frozen else 'the guest agent froze no file system'


def _thaw(domain: libvirt.virDomain) -> int | None:
    """How many file systems were thawed, None where that failed.

    Also after a freeze that failed: it may have frozen some.
    """
    try:
        return int(domain.fsThaw())
    except libvirt.libvirtError:
        return None
    finally:
        with contextlib.suppress(libvirt.libvirtError):
            domain.agentSetResponseTimeout(_FOREVER, 0)


def _watch(access: Access, domain: libvirt.virDomain) -> Any:
    watcher = subprocess.Popen(
        [sys.executable, '-m', 'coriolis_ng.providers.kvm.thaw'],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        # Not in our group: a kill of the group must not reach it.
        start_new_session=True,
    )
    assert watcher.stdin is not None
    assert watcher.stdout is not None
    given = {'info': access.info, 'domain': domain.UUIDString()}
    watcher.stdin.write(json.dumps(given) + '\n')
    watcher.stdin.flush()
    if watcher.stdout.readline().strip() != 'ready':
        watcher.kill()
        watcher.wait()
        raise errors.Conflict(
            'The guest was not frozen: the process that would thaw it after '
            'a crash did not start.'
        )
    return watcher


def _dismiss(watcher: Any, thawed: bool) -> None:
    """Without ``done`` it thaws by itself, over a connection of its own."""
    with contextlib.suppress(OSError):
        if thawed:
            watcher.stdin.write('done\n')
        watcher.stdin.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        watcher.wait(_WATCHER_SECONDS)
    watcher.stdout.close()
