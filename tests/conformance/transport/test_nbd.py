# SPDX-License-Identifier: Apache-2.0
"""NBD exports of qemu-nbd and of nbdkit as reader and as sink."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from coriolis_ng.transport import (
    Certificates,
    FileReader,
    Kind,
    NbdReader,
    NbdSink,
    copy,
)
from coriolis_ng.transport.errors import NoChangeTracking, TransportError
from coriolis_ng.transport.extents import total
from coriolis_ng.transport.sinks.file import FileSink
from coriolis_ng.transport.testing import ReaderConformance, SinkConformance
from tests.beds.process import free_port
from tests.conformance.transport.servers import listening, nbdkit, qemu_nbd


class TestNbdReaderOfQemu(ReaderConformance):
    @pytest.fixture
    def reader(self, disk: Path, tmp_path: Path) -> Iterator[NbdReader]:
        with qemu_nbd(disk, tmp_path, '--read-only') as uri:
            reader = NbdReader(uri)
            yield reader
            reader.close()

    def test_holes_are_seen(self, reader: NbdReader) -> None:
        assert total(reader.extents(None), Kind.HOLE) > 4 << 20


class TestNbdReaderOfNbdkit(ReaderConformance):
    @pytest.fixture
    def reader(self, disk: Path, tmp_path: Path) -> Iterator[NbdReader]:
        with nbdkit(disk, tmp_path, '-r') as uri:
            reader = NbdReader(uri)
            yield reader
            reader.close()


class TestNbdReaderWithoutStructuredReplies(ReaderConformance):
    @pytest.fixture
    def reader(self, disk: Path, tmp_path: Path) -> Iterator[NbdReader]:
        with nbdkit(disk, tmp_path, '-r', '--no-sr') as uri:
            reader = NbdReader(uri)
            yield reader
            reader.close()

    def test_everything_is_data(self, reader: NbdReader) -> None:
        assert total(reader.extents(None), Kind.DATA) == reader.size


class TestNbdReaderOverTls(ReaderConformance):
    @pytest.fixture
    def reader(
        self, disk: Path, tmp_path: Path, certificates: Certificates
    ) -> Iterator[NbdReader]:
        for name, data in {
            'ca-cert.pem': certificates.ca,
            'server-cert.pem': certificates.server_cert,
            'server-key.pem': certificates.server_key,
        }.items():
            (tmp_path / name).write_bytes(data)
        port, pid = free_port(), tmp_path / 'pid'
        argv = ['nbdkit', '-f', '-r', f'--port={port}', '--ipaddr=127.0.0.1']
        argv += ['--tls=require', '--tls-verify-peer', '-P', str(pid)]
        argv += [f'--tls-certificates={tmp_path}', 'file', str(disk)]
        with listening(argv, pid):
            reader = NbdReader(
                f'nbd://127.0.0.1:{port}/', tls=certificates.client_context()
            )
            yield reader
            reader.close()


def test_a_read_only_export_is_no_sink(disk: Path, tmp_path: Path) -> None:
    with (
        qemu_nbd(disk, tmp_path, '--read-only') as uri,
        pytest.raises(TransportError, match='cannot be written'),
    ):
        NbdSink(uri)


class TestNbdSinkOfQemu(SinkConformance):
    @pytest.fixture
    def sink(self, disk: Path, tmp_path: Path) -> Iterator[NbdSink]:
        with qemu_nbd(disk, tmp_path) as uri:
            sink = NbdSink(uri)
            yield sink
            sink.close()


class TestNbdSinkWithoutZeroes(SinkConformance):
    """Neither WRITE_ZEROES nor several connections at once."""

    @pytest.fixture
    def sink(self, disk: Path, tmp_path: Path) -> Iterator[NbdSink]:
        filters = ('--filter=nozero', '--filter=multi-conn')
        mode = ('zeromode=none', 'multi-conn-mode=disable')
        with nbdkit(disk, tmp_path, *filters, settings=mode) as uri:
            sink = NbdSink(uri)
            yield sink
            sink.close()


class TestDirtyBitmap:
    """What changed since a point, as qemu's persistent bitmaps tell it."""

    @pytest.fixture
    def image(self, disk: Path, tmp_path: Path) -> Path:
        path = tmp_path / 'disk.qcow2'
        run = subprocess.check_call
        run(
            ['qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2']
            + [str(disk), str(path)]
        )
        run(['qemu-img', 'bitmap', '--add', str(path), 'point'])
        with qemu_nbd(path, tmp_path, '--format=qcow2') as uri:
            sink = NbdSink(uri)
            sink.write(3 << 20, memoryview(b'changed' * 100))
            sink.discard(1 << 20, 1 << 20)
            sink.flush()
            sink.close()
        return path

    def test_only_what_changed_is_copied(
        self, disk: Path, image: Path, tmp_path: Path
    ) -> None:
        with qemu_nbd(
            image, tmp_path, '--format=qcow2', '-r', '-B', 'point'
        ) as uri:
            reader = NbdReader(uri, bitmap='point')
            changed = list(reader.extents('point'))
            copied = copy(reader, FileSink(disk), changed)
            whole = bytearray(reader.size)
            reader.readinto(0, memoryview(whole))
            reader.close()
        assert disk.read_bytes() == whole
        assert whole[3 << 20 :].startswith(b'changed')
        kinds = {extent.start: extent.kind for extent in changed}
        assert kinds[1 << 20] is Kind.HOLE
        assert kinds[3 << 20] is Kind.DATA
        assert copied.bytes_changed == (1 << 20) + 65536
        # Of the cluster of 64 KiB only the part with data in it is sent.
        assert 700 <= copied.bytes_sent <= 65536
        assert copied.bytes_zeroed == copied.bytes_changed - copied.bytes_sent

    def test_bitmap_named_late(self, image: Path, tmp_path: Path) -> None:
        with qemu_nbd(
            image, tmp_path, '--format=qcow2', '-r', '-B', 'point'
        ) as uri:
            reader = NbdReader(uri)
            assert total(reader.extents('point')) == (1 << 20) + 65536
            with pytest.raises(NoChangeTracking):
                reader.extents('another')
            reader.close()

    def test_file_has_no_points(self, disk: Path) -> None:
        with pytest.raises(NoChangeTracking):
            FileReader(disk).extents('point')
