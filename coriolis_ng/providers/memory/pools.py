# SPDX-License-Identifier: Apache-2.0
"""Worker machines of the memory cloud that are kept ready."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import msgspec

from coriolis_ng.objects.minion import Minion, MinionKeys
from coriolis_ng.objects.minion_pool import Power
from coriolis_ng.objects.network import Option
from coriolis_ng.objects.resource import ResourceKind
from coriolis_ng.objects.volume import Volume
from coriolis_ng.providers import errors
from coriolis_ng.providers.base import Watch
from coriolis_ng.providers.memory.client import Client
from coriolis_ng.providers.pools import Options

MEMORY_MIB = (256, 512, 1024)

SCHEMA = {
    'type': 'object',
    'properties': {
        'memory': {
            'type': 'integer',
            'enum': [*MEMORY_MIB],
            'default': MEMORY_MIB[0],
            'description': 'Memory of a worker machine, in MiB.',
        },
    },
    'additionalProperties': False,
}
SCHEMAS = {'source_pool': SCHEMA, 'destination_pool': SCHEMA}


class MemoryPools:
    """Machines without disks of their own; volumes come and go."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def options(
        self, side: str, names: Sequence[str] | None
    ) -> Sequence[Option]:
        """The sizes of machines."""
        known = [
            Option(name='memory', values=MEMORY_MIB, default=MEMORY_MIB[0])
        ]
        return [one for one in known if names is None or one.name in names]

    def make(
        self, keys: MinionKeys, *, options: Options, watch: Watch
    ) -> Minion:
        """Made and on; nobody logs in."""
        id = f'pooled-{watch.tag}'
        watch.record(ResourceKind.VM, id)
        self._client.call(
            'make_machine',
            id=id,
            name=id,
            cpus=1,
            memory=options.get('memory', MEMORY_MIB[0]) << 20,
            volumes=[],
            nics=[],
            tag=watch.tag,
        )
        return Minion(id=id)

    def check(self, minion: Minion) -> Power | None:
        """Whether there is such a machine, and on."""
        try:
            found = self._client.call('get_machine', name=minion.id)
        except errors.NotFound:
            return None
        return Power.ON if found['power'] == 'on' else Power.OFF

    def start(
        self, minion: Minion, *, options: Options, watch: Watch
    ) -> Minion:
        """On at once."""
        self._client.call('start_machine', name=minion.id)
        return minion

    def stop(self, minion: Minion) -> None:
        """Off at once."""
        with contextlib.suppress(errors.NotFound):
            self._client.call('stop_machine', name=minion.id)

    def renew(
        self, minion: Minion, keys: MinionKeys, *, options: Options
    ) -> None:
        """It has no system in which anything could stay."""
        self.detach(minion)
        self._client.call('start_machine', name=minion.id)

    def attach(
        self, minion: Minion, volumes: Sequence[Volume], *, watch: Watch
    ) -> Minion:
        """Its disks are named like the volumes."""
        self._client.call(
            'attach_volumes', id=minion.id, volumes=[v.id for v in volumes]
        )
        disks = {volume.disk_id: volume.id for volume in volumes}
        return msgspec.structs.replace(minion, disks=disks)

    def detach(self, minion: Minion) -> None:
        """Without any disk."""
        self._client.call('detach_volumes', id=minion.id)

    def drop(self, minion: Minion) -> None:
        """Its volumes stay."""
        self._client.call('drop_machine', id=minion.id)
