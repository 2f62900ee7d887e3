# SPDX-License-Identifier: Apache-2.0
"""One libvirtd for the tests of a module, with small helpers around it."""

import hashlib
import itertools

import pytest

from coriolis_ng.objects.resource import ResourceKind, Side
from coriolis_ng.providers import registry, testing
from coriolis_ng.providers.kvm.provider import Provider
from coriolis_ng.transport.extents import Kind
from tests.beds import libvirt as bed

MIB = 1 << 20


@pytest.fixture(scope='module')
def libvirtd():
    with bed.Cloud('provider') as running:
        yield running


@pytest.fixture
def connection(libvirtd):
    opened = registry.connect(Provider(['/']), {'uri': libvirtd.uri})
    yield opened
    opened.close()


class Copies:
    """Takes snapshots of one machine and keeps a copy up to date."""

    def __init__(self, connection, name, scratch):
        self.exports = connection.exports
        self.inventory = connection.inventory
        self.name = name
        self.options = {'scratch_dir': str(scratch)}
        self.disks = {}
        self._numbers = itertools.count()

    def watch(self):
        tag = f'coriolis:{self.name}:{next(self._numbers)}'
        return testing.RecordingWatch(tag, Side.SOURCE)

    def snapshot(self, since=None, watch=None):
        watch = watch or self.watch()
        snapshot = self.exports.make_snapshot(
            self.inventory.get_vm(self.name),
            since=since,
            options=self.options,
            watch=watch,
        )
        return snapshot, watch

    def copy(self, snapshot):
        """Bytes read; checks that the copy then equals the snapshot."""
        total = 0
        for disk in snapshot.disks:
            reader = self.exports.open(snapshot, disk.disk_id)
            mine = self.disks.setdefault(disk.disk_id, bytearray())
            mine.extend(bytes(reader.size - len(mine)))
            for extent in reader.extents(disk.since):
                span = slice(extent.start, extent.end)
                mine[span] = bytes(extent.length)
                if extent.kind is Kind.DATA:
                    total += extent.length
                    mine[span] = read(reader, extent.start, extent.length)
            whole = read(reader, 0, reader.size)
            reader.close()
            assert hashlib.sha256(mine).digest() == (
                hashlib.sha256(whole).digest()
            )
        return total

    def drop(self, watch, *kinds):
        for resource in watch.resources:
            if not kinds or resource.kind in kinds:
                self.exports.drop(resource)

    def cycle(self, since=None):
        """(snapshot, bytes read), with nothing left but the checkpoint."""
        snapshot, watch = self.snapshot(since)
        try:
            return snapshot, self.copy(snapshot)
        finally:
            self.drop(watch, ResourceKind.SNAPSHOT)


def read(reader, offset, length):
    data = bytearray(length)
    view = memoryview(data)
    for start in range(0, length, MIB):
        reader.readinto(offset + start, view[start : start + MIB])
    return data
