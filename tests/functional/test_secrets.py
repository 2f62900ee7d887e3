# SPDX-License-Identifier: Apache-2.0
"""A cloud's password is nowhere but in the cloud."""

from __future__ import annotations

import base64
import pathlib
import subprocess
import time

import sqlalchemy as sa

from tests.beds.coriolis import Service
from tests.beds.memory import PASSWORD
from tests.functional.world import MIB, World

FORMS = (
    PASSWORD.encode(),
    base64.b64encode(PASSWORD.encode()),
    PASSWORD.encode().hex().encode(),
)


def family(service: Service) -> set[int]:
    """The processes of the service and all that descend from them."""
    out = subprocess.run(
        ['ps', '-eo', 'pid=,ppid=,sid='],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    rows = [[int(part) for part in line.split()] for line in out.splitlines()]
    found = {server.pid for server in service.running.values()}
    while True:
        more = {pid for pid, parent, _ in rows if parent in found} - found
        if not more:
            return found
        found |= more


def dump(service: Service) -> bytes:
    """Every value of every row."""
    engine = sa.create_engine(service.database_url)
    try:
        found = []
        for table in sa.inspect(engine).get_table_names():
            for row in service.query(f'SELECT * FROM {table}'):
                found += [
                    v if isinstance(v, bytes) else str(v).encode() for v in row
                ]
        return b'\n'.join(found)
    finally:
        engine.dispose()


def test_a_password_is_nowhere(world: World) -> None:
    name = world.machine('secret', 4 * MIB)
    world.fill(name, 0, 0, 4 * MIB)
    transfer = world.transfer(name)
    world.source.call('test_delay', call='read', seconds=1)
    execution = world.start(transfer)
    seen = b''
    children = 0
    while world.client.executions.of(transfer).get(execution)['status'] in (
        'RUNNING',
        'PENDING',
    ):
        running = family(world.service)
        children = max(children, len(running))
        for pid in running:
            for what in ('cmdline', 'environ'):
                try:
                    seen += pathlib.Path(f'/proc/{pid}/{what}').read_bytes()
                except OSError:
                    continue  # it ended in between
        time.sleep(0.2)
    assert world.ended(transfer, execution)['status'] == 'COMPLETED'
    assert children > len(world.service.running)
    assert b'coriolis' in seen
    rows = dump(world.service)
    assert execution.encode() in rows
    logs = world.service.logs().encode()
    assert execution.encode() in logs
    files = b''.join(
        path.read_bytes()
        for path in world.service.folder.rglob('*')
        if path.is_file() and path.stat().st_size < 64 * MIB
    )
    for form in FORMS:
        for where, what in (
            ('processes', seen),
            ('rows', rows),
            ('logs', logs),
            ('files', files),
        ):
            assert form not in what, where
