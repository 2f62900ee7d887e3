# SPDX-License-Identifier: Apache-2.0
"""Who and what has room for more tasks: a picture made of rows, in which
starts are booked as they are decided."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec

from coriolis_ng.objects.service import Service
from coriolis_ng.scheduler import slots
from coriolis_ng.scheduler.filters import FILTERS, Needs
from coriolis_ng.scheduler.pick import pick, why_none

WORKER = 'worker'  # the key of what all workers have together


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocked:
    """Why something is not started. ``key`` names what it waits for a slot
    of; None: no slot would help, whatever ends."""

    text: str
    key: str | None = None


class Room:
    """A start that is found here may still lose: the rows count again."""

    def __init__(
        self, services: Iterable[Service], used: Mapping[str, int]
    ) -> None:
        self._services = {one.id: one for one in services}
        self._used = dict(used)

    def find(self, needs: Needs) -> Service | None:
        """The best worker for it, where all that it needs has room."""
        if needs.slot and self._full(needs) is not None:
            return None
        return pick(self._services.values(), needs)

    def take(self, service: Service, needs: Needs) -> None:
        """Books what a task takes from now on."""
        now = self._services[service.id]
        self._services[service.id] = msgspec.structs.replace(
            now, load=now.load + 1, used=now.used + needs.slot
        )
        if needs.slot:
            for scope in needs.scopes:
                self._used[scope.key] = self._used.get(scope.key, 0) + 1

    def reserve(self, needs: Needs) -> None:
        """Keeps what is free of what it needs from all that come after, so
        that one that needs several things at once gets them some time."""
        if not self._fit(needs):
            return
        for scope in needs.scopes:
            if not self._is_full(scope):
                self._used[scope.key] = self._used.get(scope.key, 0) + 1
        service = pick(self._services.values(), needs)
        if service is not None:
            self._services[service.id] = msgspec.structs.replace(
                service, used=service.used + needs.slot
            )

    def why(self, needs: Needs) -> Blocked:
        """What stands against a start, as a sentence for users."""
        fit = self._fit(needs)
        if not fit or not needs.slot:
            why = why_none(self._services.values(), needs)
            return Blocked(text=f'Waiting: {why}')
        full = self._full(needs)
        if full is not None:
            used = self._used.get(full.key, 0)
            return Blocked(
                text=f'Waits for a free slot of {full.name} '
                f'({used} of {full.limit} used).',
                key=full.key,
            )
        used = sum(service.used for service in fit)
        capacity = sum(service.capacity for service in fit)
        return Blocked(
            text='Waits for a free slot of a worker '
            f'({used} of {capacity} used).',
            key=WORKER,
        )

    def _full(self, needs: Needs) -> slots.Scope | None:
        for scope in needs.scopes:
            if self._is_full(scope):
                return scope
        return None

    def _is_full(self, scope: slots.Scope) -> bool:
        return self._used.get(scope.key, 0) >= scope.limit

    def _fit(self, needs: Needs) -> list[Service]:
        """Workers that would do if they had a free slot."""
        rules = [rule for _, rule in FILTERS[:-1]]
        return [
            service
            for service in self._services.values()
            if all(rule(service, needs) for rule in rules)
        ]
