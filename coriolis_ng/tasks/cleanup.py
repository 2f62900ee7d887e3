# SPDX-License-Identifier: Apache-2.0
"""Remove what other tasks made and nothing needs any more.

What is to go comes from the ledger, which names everything before it is made;
the cloud is asked for the tags as well, because a creation may land after its
task was given up and its entry was dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from coriolis_ng import errors
from coriolis_ng.engine.task import Cleanup, Side, Work
from coriolis_ng.objects import Value
from coriolis_ng.objects.resource import Resource, ResourceKind
from coriolis_ng.objects.task import Level

Drop = Callable[[Resource], None]

# What hangs on something else goes before it.
ORDER = (
    ResourceKind.SNAPSHOT,
    ResourceKind.CHECKPOINT,
    ResourceKind.VM,
    ResourceKind.PORT,
    ResourceKind.FILE,
    ResourceKind.VOLUME,
    ResourceKind.VOLUME_SNAPSHOT,
    ResourceKind.IMAGE,
    ResourceKind.KEYPAIR,
    ResourceKind.SECRET,
)


# What is dropped because its tag was seen. Volumes and their snapshots are
# dropped by the ledger only: files of a chain belong to more than one point.
LISTED = (
    ResourceKind.VM,
    ResourceKind.PORT,
    ResourceKind.SNAPSHOT,
    ResourceKind.CHECKPOINT,
)


def drop_all(work: Work, resources: Sequence[Resource], drop: Drop) -> int:
    """Drops all of them, the newest of each kind first.

    One that fails does not keep the others; the first error is raised at
    the end, and what is left stays in the ledger.
    """
    first: errors.CoriolisError | None = None
    gone = 0
    newest_first = list(reversed(resources))
    for resource in sorted(newest_first, key=lambda r: ORDER.index(r.kind)):
        try:
            if resource.kind is ResourceKind.SECRET:
                work.forget(resource.id)
            else:
                drop(resource)
            work.dropped(resource)
            gone += 1
        except (errors.Stale, errors.Canceled):
            raise
        except errors.CoriolisError as error:
            first = first or error
            work.note(
                f'{resource.kind} {resource.id} is left over: {error.message}',
                Level.WARNING,
            )
    if first is not None:
        raise first
    return gone


def at_target(
    work: Work, kind: ResourceKind, id: str, parent: str
) -> Resource:
    """Names something at the destination that is to go."""
    return Resource(
        kind=kind, id=id, tag=work.tag, side=Side.TARGET, parent=parent
    )


class _Clean(Cleanup):
    # Removing a file of a chain may merge many gigabytes.
    silent_seconds = 6 * 3600

    class Output(Value):
        dropped: int = 0

    def _end(self, work: Work) -> Any:
        raise NotImplementedError

    def _listed(
        self, work: Work, end: Any, known: Sequence[Resource]
    ) -> list[Resource]:
        """No more than a second look: a cloud that is out of reach keeps
        nothing of what the ledger knows from being called gone."""
        stay = work.owned | {resource.id for resource in known}
        try:
            return [
                found
                for tag in work.cleaned_tags
                for found in end.list_tagged(tag)
                if found.kind in LISTED and found.id not in stay
            ]
        except errors.CoriolisError as error:
            work.note(
                f'could not look for more leftovers: {error.message}',
                Level.WARNING,
            )
            return []

    def run(self, work: Work, given: Any) -> Output:
        end = self._end(work)
        mine = [r for r in work.leftovers if r.side is self.side]
        gone = drop_all(
            work, [*mine, *self._listed(work, end, mine)], end.drop
        )
        if gone:
            work.note(f'{gone} leftovers removed')
        return self.Output(dropped=gone)


class CleanSource(_Clean):
    """Leave the source as it was found, but for what the replica owns."""

    side = Side.SOURCE
    needs = ('exports',)

    def _end(self, work: Work) -> Any:
        return work.source.exports


class CleanTarget(_Clean):
    """Remove worker VMs, their keys and half-made things."""

    side = Side.TARGET
    needs = ('imports',)

    def _end(self, work: Work) -> Any:
        return work.target.imports
