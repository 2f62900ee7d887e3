# SPDX-License-Identifier: Apache-2.0
"""Users that go on with their work while the service is being killed.

A user tries again what found nobody, takes what is busy as the run whose
answer was lost, and compares each replica with its source.
"""

from __future__ import annotations

import contextlib
import random
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any, TypeVar

from coriolis_ng.client import Client, Conflict, NotFound, Unavailable
from tests.functional.world import MIB, RUNNING, World, told

T = TypeVar('T')
Json = dict[str, Any]

AWAY_SECONDS = 120.0  # for so long nobody may answer
RUN_SECONDS = 400.0
LOOK_SECONDS = 0.5


class Lost(AssertionError):
    """Something took longer than any recovery may."""


def patiently(call: Callable[[], T], seconds: float = AWAY_SECONDS) -> T:
    """What it answers, once somebody does; any other refusal is raised,
    and so is an error of the service itself."""
    until = time.monotonic() + seconds
    while True:
        try:
            return call()
        except Unavailable as error:
            if time.monotonic() > until:
                raise Lost(f'nobody answered for {seconds} s') from error
        time.sleep(0.2)


class User(threading.Thread):
    """Looks after one transfer: lets its guests write, executes, cancels,
    deploys, until told that it is enough.

    ``faults`` is what should not have happened, ``ends`` counts how runs
    ended, ``tries`` how many of them were tried again by the service.
    """

    def __init__(
        self,
        world: World,
        transfer: str,
        machines: dict[str, list[int]],
        chance: random.Random,
        *,
        restless: bool = False,
        deploys: bool = True,
        seconds: float = RUN_SECONDS,
    ) -> None:
        super().__init__(name=f'user of {transfer}', daemon=True)
        self._world = world
        self._client: Client = world.service.client()
        self.transfer = transfer
        self.machines = machines
        self._chance = chance
        # A guest that writes while it is copied is compared at the end only.
        self._restless = restless
        self._deploys = deploys
        self._seconds = seconds
        self._enough = threading.Event()
        self.faults: list[str] = []
        self.ends: dict[str, int] = {}
        self.compared = 0

    def enough(self) -> None:
        """Begin nothing new."""
        self._enough.set()

    def run(self) -> None:
        while not self._enough.is_set():
            try:
                self._round()
            except Exception:
                self.faults.append(
                    f'{self.transfer}: {traceback.format_exc()}'
                )
                return
            self._enough.wait(self._chance.uniform(0, 1))

    def _round(self) -> None:
        chance = self._chance
        self._write()
        self._begin(checksum=chance.random() < 0.3)
        if chance.random() < 0.15:
            time.sleep(chance.uniform(0, 3))
            self._cancel(force=chance.random() < 0.4)
        if self._restless:
            self._write()
        last = self._ended()
        self._count(last['status'])
        if last['status'] == 'COMPLETED' and not self._restless:
            self._compare()
        if self._deploys and chance.random() < 0.3:
            self._deploy()

    def _count(self, status: str) -> None:
        self.ends[status] = self.ends.get(status, 0) + 1

    # --- the guest ----------------------------------------------------------
    def _write(self) -> None:
        for name, sizes in self.machines.items():
            for disk, size in enumerate(sizes):
                if self._chance.random() < 0.3:
                    continue
                at = self._chance.randrange(size // MIB) * MIB
                if self._chance.random() < 0.2:
                    self._world.source.call(
                        'test_zero',
                        machine=name,
                        disk=f'disk{disk}',
                        offset=at,
                        length=MIB,
                    )
                else:
                    self._world.fill(name, disk, at, MIB)

    # --- executions ---------------------------------------------------------
    def _begin(self, **spec: Any) -> None:
        """One more run; the one whose answer was lost will do."""
        executions = self._client.executions.of(self.transfer)
        try:
            patiently(lambda: executions.create(**spec))
        except Conflict as error:
            if 'busy' not in error.message:
                raise

    def _cancel(self, *, force: bool) -> None:
        executions = self._client.executions.of(self.transfer)
        for one in self._running():
            # It may have ended, or have been asked already.
            with contextlib.suppress(Conflict):
                patiently(lambda one=one: executions.cancel(one['id'], force))

    def _running(self) -> list[Json]:
        executions = self._client.executions.of(self.transfer)
        found = patiently(lambda: executions.list(limit=1000))
        return [one for one in found if one['status'] in RUNNING]

    def _ended(self) -> Json:
        """The last run, once nothing runs nor will be tried again."""
        until = time.monotonic() + self._seconds
        while running := self._running():
            if time.monotonic() > until:
                id = running[0]['id']
                raise Lost(f'{id} does not end: {told(self._shown(id))}')
            time.sleep(LOOK_SECONDS)
        executions = self._client.executions.of(self.transfer)
        found = patiently(lambda: executions.list(limit=1000))
        last = max(found, key=lambda one: one['number'])
        return self._shown(last['id'])

    def _shown(self, id: str) -> Json:
        executions = self._client.executions.of(self.transfer)
        return patiently(lambda: executions.get(id))

    def _compare(self) -> None:
        points = patiently(
            lambda: self._client.recovery_points.of(self.transfer)
        )
        for name in self.machines:
            newest = next(p for p in points if p['instance'] == name)
            check_same(self._world, newest, name)
            self.compared += 1

    # --- deployments --------------------------------------------------------
    def _deploy(self) -> None:
        before = self._deployments()
        try:
            patiently(self._deploy_once(set(before)))
        except Conflict as error:
            if 'no recovery point' not in error.message:
                raise
            return
        until = time.monotonic() + self._seconds
        while True:
            mine = [
                one
                for id, one in self._deployments().items()
                if id not in before
            ]
            if mine and all(
                one['last_execution_status'] not in RUNNING for one in mine
            ):
                break
            if time.monotonic() > until:
                raise Lost(f'deployments do not end: {mine}')
            time.sleep(LOOK_SECONDS)
        for one in mine:
            self._count(f'deployment {one["last_execution_status"]}')
            self._undeploy(one['id'])

    def _deploy_once(self, before: set[str]) -> Callable[[], None]:
        """Makes one where the answer to the last request was not lost."""

        def make() -> None:
            if not set(self._deployments()) - before:
                self._client.deployments.create(
                    transfer_id=self.transfer, purpose='test'
                )

        return make

    def _deployments(self) -> dict[str, Json]:
        found = patiently(
            lambda: self._client.deployments.list(
                transfer_id=self.transfer, limit=100
            )
        )
        return {
            one['id']: one
            for one in found
            if one['transfer_id'] == self.transfer
        }

    def _undeploy(self, id: str) -> None:
        until = time.monotonic() + self._seconds
        while True:
            try:
                patiently(lambda: self._client.deployments.delete(id))
            except NotFound:
                return
            except Conflict:
                pass  # its tear-down runs
            if time.monotonic() > until:
                raise Lost(f'deployment {id} is not deleted')
            time.sleep(LOOK_SECONDS)


def check_same(world: World, point: Json, name: str) -> None:
    """All of the point's disks hold what the (idle) machine holds now."""
    for disk in point['disks']:
        there = world.source.call(
            'test_content', kind='machine', id=name, disk=disk['disk_id']
        )
        here = world.destination.call(
            'test_content', kind='volume_snapshot', id=disk['snapshot_id']
        )
        assert there == here, f'{point["id"]} of {name}, {disk["disk_id"]}'
