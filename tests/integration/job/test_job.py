# SPDX-License-Identifier: Apache-2.0
"""The whole service between two KVM clouds: a failover without the source,
and a migration that switches it off. The demo shows the rest."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Iterator
from typing import Any

import libvirt
import pytest

from tests.beds import guest as guests
from tests.beds import libvirt as bed
from tests.functional.world import wait_until
from tools.demo.job import Job
from tools.demo.proof import Proof
from tools.demo.shell import AllInOne, finished

pytestmark = [
    pytest.mark.guest,
    pytest.mark.slow,
    pytest.mark.thorough,
    pytest.mark.timeout(2400),
]
HOST = 'cat /root/last /data/last'


@pytest.fixture
def job(tmp_path: pathlib.Path) -> Iterator[Job]:
    coriolis = AllInOne(tmp_path)
    with bed.two_clouds() as (source, target):
        try:
            made = Job(source, target, coriolis, Proof())
            made.prepare()
            made.describe()
            yield made
        finally:
            coriolis.stop()


def deployed(job: Job, made: dict[str, Any]) -> str:
    """What the new machine has in its last files."""
    address = made['deployed'][0]['address']
    wait_until(lambda: guests.answers(address), 'SSH', seconds=300)
    return guests.ssh(address, HOST)


def remove_machine(job: Job) -> None:
    """As its new owner does it."""
    with job.target.connection() as conn:
        domain = conn.lookupByName('web1')
        domain.destroy()
        domain.undefineFlags(libvirt.VIR_DOMAIN_UNDEFINE_NVRAM)


def test_failover_without_the_source_then_a_migration(job: Job) -> None:
    job.guest_writes(4)
    job.execute('before the disaster', checksum=False)
    job.source.stop_daemon()
    making = job.coriolis.begin(
        'deployment', 'create', job.transfer, '--skip-os-morphing', '--wait'
    )
    made = finished(making, 'the failover')
    assert deployed(job, made).split() == [job.written] * 2
    job.coriolis.show('deployment', 'delete', made['id'])
    remove_machine(job)
    job.source.start_daemon()

    job.guest_writes(4)
    environment = job.coriolis.ask('transfer', 'show', job.transfer)
    moving = job.coriolis.ask(
        *('transfer', 'create', '--instance', 'web1'),
        *('--scenario', 'live_migration', '--skip-os-morphing'),
        *('--origin-endpoint', 'here', '--destination-endpoint', 'there'),
        *('--destination-environment', _environment(environment)),
        *('--network-map', '{"default": "default"}'),
    )
    job.coriolis.show('transfer', 'execute', moving['id'], '--wait')
    modes = [
        point['Mode']
        for point in job.coriolis.ask(
            'recovery', 'point', 'list', moving['id']
        )
    ]
    assert modes == ['delta', 'full']
    with job.source.connection() as conn:
        assert not conn.lookupByName('web1').isActive()
    made = wait_until(
        lambda: _completed(job, moving['id']), 'the final one', seconds=600
    )
    assert made['purpose'] == 'final'
    assert deployed(job, made).split() == [job.written] * 2


def _environment(transfer: dict[str, Any]) -> str:
    given = dict(transfer['destination_environment'])
    for copied in ('network_map', 'storage_mappings'):
        given.pop(copied, None)
    return json.dumps(given)


def _completed(job: Job, transfer: str) -> dict[str, Any] | None:
    for one in job.coriolis.ask('deployment', 'list', '--transfer', transfer):
        if one['Status'] == 'COMPLETED':
            found: dict[str, Any] = job.coriolis.ask(
                'deployment', 'show', one['ID']
            )
            return found
    return None
