# SPDX-License-Identifier: Apache-2.0
"""A cleanup drops what the ledger or the cloud shows, and nothing owned."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator
from typing import Any

import pytest

from coriolis_ng.objects.minion import MinionKeys, Purpose
from coriolis_ng.objects.resource import Resource, ResourceKind, Side
from coriolis_ng.objects.transfer import StorageMappings
from coriolis_ng.objects.vm import Disk, Vm
from coriolis_ng.objects.volume import Volumes
from coriolis_ng.providers import registry, testing
from coriolis_ng.providers.memory.provider import Provider
from coriolis_ng.tasks.cleanup import CleanTarget
from tests.beds import memory

TAG = 'coriolis:e:t'
KEYS = MinionKeys(user_key='', host_key='')
MACHINE = Vm(
    id='v',
    name='v',
    cpus=1,
    memory=1 << 28,
    disks=(Disk(id='disk0', size=1 << 20),),
)


class Bench:
    """As much of ``Work`` as a cleanup sees, on a real cloud."""

    def __init__(self, target: Any) -> None:
        self.target = target
        self.leftovers: tuple[Resource, ...] = ()
        self.cleaned_tags: tuple[str, ...] = (TAG,)
        self.owned: frozenset[str] = frozenset()
        self.gone: list[str] = []

    def dropped(self, resource: Resource) -> None:
        self.gone.append(resource.id)

    def note(self, *_: Any) -> None:
        """Nobody reads it here."""


@pytest.fixture
def cloud(tmp_path: pathlib.Path) -> Iterator[memory.MemoryCloud]:
    with memory.started(tmp_path) as running:
        yield running


def test_a_machine_that_landed_late_is_found_by_its_tag(
    cloud: memory.MemoryCloud,
) -> None:
    work = Bench(registry.connect(Provider(), cloud.connection_info))
    watch = testing.RecordingWatch(TAG, Side.TARGET)
    imports = work.target.imports
    volumes = imports.make_volumes(
        MACHINE, Volumes(), StorageMappings(), options={}, watch=watch
    )
    minion = imports.make_minion(
        volumes.items, Purpose.WRITE, KEYS, options={}, watch=watch
    )
    # The ledger forgot it: its creation landed after the first cleanup.
    assert CleanTarget().run(work, None).dropped == 1
    assert work.gone == [minion.id]
    # The volumes carry the same tag and belong to a replica.
    assert cloud.left() == {'volumes': [volumes.items[0].id]}


def test_what_is_owned_stays(cloud: memory.MemoryCloud) -> None:
    work = Bench(registry.connect(Provider(), cloud.connection_info))
    watch = testing.RecordingWatch(TAG, Side.TARGET)
    minion = work.target.imports.make_minion(
        (), Purpose.MORPH, KEYS, options={}, watch=watch
    )
    work.owned = frozenset({minion.id})
    assert CleanTarget().run(work, None).dropped == 0
    assert cloud.left() == {'machines': [minion.id]}
    work.owned = frozenset()
    work.leftovers = tuple(
        r for r in watch.resources if r.kind is ResourceKind.VM
    )
    assert CleanTarget().run(work, None).dropped == 1
    assert cloud.left() == {}
