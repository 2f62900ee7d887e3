# SPDX-License-Identifier: Apache-2.0
"""A life of a transfer, typed; the same with the words of before."""

from __future__ import annotations

import json
import pathlib
import subprocess

import pytest

from coriolis_ng.client import Conflict
from tests.functional.cli.conftest import BIN, Shell
from tests.functional.world import MIB, World

Names = tuple[str, str]


def test_a_life_by_commands(
    world: World, shell: Shell, endpoints: Names
) -> None:
    machine = world.machine('web 1/ž', 8 * MIB)
    listed = shell.json('endpoint', 'instance', 'list', endpoints[0])
    assert [one['Name'] for one in listed] == [machine]
    shown = shell.json('endpoint', 'instance', 'show', endpoints[0], machine)
    assert shown['devices']['disks'][0]['size_bytes'] == 8 * MIB
    csv = shell.run('endpoint', 'export', 'inventory', endpoints[0]).stdout
    assert machine in csv
    assert shell.run('endpoint', 'validate', 'connection', endpoints[1])

    made = shell.json(
        'transfer', 'create', '--origin-endpoint', endpoints[0],
        '--destination-endpoint', endpoints[1], '--instance', machine,
        '--skip-os-morphing', '--notes', 'the shop',
    )  # fmt: skip
    done = shell.run('transfer', 'preflight', 'the shop')
    assert 'Nothing speaks against it.' in done.stderr

    done = shell.run('transfer', 'execute', machine, '--wait', '-f', 'json')
    execution = json.loads(done.stdout)
    assert execution['status'] == 'COMPLETED'
    lines = done.stderr.splitlines()
    assert lines[-1].partition('  ')[2].strip()
    assert 'COMPLETED after' in lines[-1]
    assert any('MiB sent' in line for line in lines)
    assert '\x1b' not in done.stderr

    [point] = shell.json('recovery', 'point', 'list', machine)
    assert point['Mode'] == 'full'
    pinned = shell.json('recovery', 'point', 'pin', point['ID'])
    assert pinned['pinned'] is True
    shell.run('recovery', 'point', 'unpin', point['ID'])
    again = shell.json('transfer', 'execution', 'show', made['id'], 'last')
    assert again['id'] == execution['id']
    assert again == shell.json(
        'transfer', 'execution', 'show', 'the shop', '1'
    )

    deployed = shell.json(
        'deployment', 'create', made['id'], '--test', '--wait'
    )
    assert deployed['last_execution_status'] == 'COMPLETED'
    [one] = shell.json('deployment', 'list', '--transfer', 'the shop')
    assert one['Status'] == 'COMPLETED'
    shell.run('deployment', 'delete', deployed['id'])
    world.undeployed(deployed['id'])
    shell.run('transfer', 'delete', 'the shop', '--with-disks')
    assert shell.json('transfer', 'list') == []
    events = shell.json('event', 'list', '--transfer', made['id'])
    assert events[0]['Name'] == 'transfer_execution'


def test_a_failure_says_why_and_how_to_go_on(
    world: World, shell: Shell, endpoints: Names
) -> None:
    machine = world.machine('web1', 4 * MIB)
    world.destination.call(
        'test_fail', call='write', error='QuotaExceeded',
        message='The pool is full.',
    )  # fmt: skip
    made = shell.json(
        'transfer', 'create', '--origin-endpoint', endpoints[0],
        '--destination-endpoint', endpoints[1], '--instance', machine,
        '--skip-os-morphing', '--execution-retries', '2',
    )  # fmt: skip
    assert made['execution_retries'] == 2
    shell.run('transfer', 'update', machine, '--execution-retries', '0')
    shown = shell.json('transfer', 'show', machine)
    assert shown['execution_retries'] == 0
    done = shell.run('transfer', 'execute', machine, '--wait', wanted=1)
    assert done.stdout == ''
    [run, _] = shell.json('transfer', 'execution', 'list', machine)
    assert done.stderr.splitlines()[-4:] == [
        'It failed.',
        '  web1: The pool is full.',
        '  to see every step: coriolis transfer execution show '
        f'{made["id"]} {run["ID"]}',
        f'  to try again:      coriolis transfer execute {made["id"]} '
        '--retry-of last --wait',
    ]
    done = shell.run('transfer', 'execution', 'watch', machine, 'last',
                     wanted=1)  # fmt: skip
    assert 'The pool is full.' in done.stderr
    again = shell.json(
        'transfer', 'execute', machine, '--retry-of', 'last', '--wait'
    )
    assert again['retry_of'] == run['ID']


def test_the_words_of_before(
    world: World, shell: Shell, tmp_path: pathlib.Path
) -> None:
    """Ends inline, as the first public client gave them."""
    machine = world.machine('VM1', 4 * MIB)
    access = tmp_path / 'access.json'
    access.write_text(json.dumps(world.source.connection_info))
    replica = shell.json(
        'replica', 'create', '--origin-provider', 'memory',
        '--origin-connection', f'@{access}',
        '--destination-provider', 'memory', '--destination-connection', '@-',
        '--instance', machine,
        '--target-environment', '{"network": "green"}',
        stdin=json.dumps(world.destination.connection_info),
    )  # fmt: skip
    assert replica['origin']['type'] == 'memory'
    environment = replica['destination']['target_environment']
    assert environment['network'] == 'green'
    [listed] = shell.json('replica', 'list')
    assert listed['ID'] == replica['id']

    run = shell.json('replica', 'execute', replica['id'], '--wait')
    assert run['status'] == 'COMPLETED'
    shown = shell.json(
        'replica', 'execution', 'show', replica['id'], run['id']
    )
    assert shown == run
    [again] = shell.json('replica', 'execution', 'list', replica['id'])
    assert again['ID'] == run['id']

    migration = shell.json(
        'migration', 'deploy', 'replica', replica['id'], '--skip-os-morphing',
        '--wait',
    )  # fmt: skip
    assert migration['status'] == 'COMPLETED'
    assert [one['ID'] for one in shell.json('migration', 'list')] == [
        migration['id']
    ]
    shell.run('migration', 'delete', migration['id'])
    # Its machine stays, so its user has to remove it.
    [made] = world.destination.left()['machines']
    disks = world.destination.call('get_machine', name=made)['disks']
    world.destination.call('drop_machine', id=made)
    for disk in disks:
        world.destination.call('drop_volume', id=disk['id'])


def test_openstack_runs_the_same_commands(
    world: World, shell: Shell, endpoints: Names
) -> None:
    """The real program; a local token stands for Keystone."""
    machine = world.machine('web1', 4 * MIB)
    shell.program = [
        str(BIN / 'openstack'), '--os-auth-type', 'coriolis_local',
        '--os-endpoint', shell.environment.pop('CORIOLIS_ENDPOINT'),
        '--os-token-file', shell.environment['CORIOLIS_TOKEN_FILE'],
        'migration',
    ]  # fmt: skip
    made = shell.json(
        'transfer', 'create', '--origin-endpoint', endpoints[0],
        '--destination-endpoint', endpoints[1], '--instance', machine,
        '--skip-os-morphing',
    )  # fmt: skip
    assert shell.json('transfer', 'list')[0]['ID'] == made['id']
    done = shell.run('transfer', 'execute', machine)
    assert 'openstack migration transfer execution watch' in done.stderr
    run = shell.json('transfer', 'execution', 'watch', machine, 'last')
    assert run['status'] == 'COMPLETED'
    assert shell.json('list') == []
    done = shell.run('transfer', 'show', 'nothing', wanted=1)
    assert done.stderr.strip() == (
        'There is no transfer "nothing". Say its id, its notes or one of its '
        'machines; see: openstack migration transfer list'
    )


def test_a_plan_says_what_would_be_copied(
    world: World, shell: Shell, endpoints: Names
) -> None:
    machine = world.machine('web1', 4 * MIB)
    transfer = world.transfer(machine)
    done = shell.run('transfer', 'plan', machine, '-f', 'json')
    [disk] = json.loads(done.stdout)
    assert (disk['Disk'], disk['Size'], disk['Mode']) == (
        'disk0',
        4 * MIB,
        'full',
    )
    tasks = shell.json('transfer', 'plan', machine, '--tasks')
    assert f'{len(tasks)} tasks; ' in done.stderr
    assert 'REPLICATE_DISKS' in [one['Task'] for one in tasks]
    assert world.client.executions.of(transfer).list() == []


def test_who_comes_second_is_refused(world: World) -> None:
    transfers = world.client.transfers
    read = transfers.get(world.transfer(world.machine('web1', MIB)))
    transfers.update(read.id, etag=read.etag, notes='first')
    with pytest.raises(Conflict, match='read it again'):
        transfers.update(read.id, etag=read.etag, notes='second')
    assert transfers.get(read.id).notes == 'first'


def test_events_are_followed(
    world: World, shell: Shell, endpoints: Names
) -> None:
    machine = world.machine('web1', 4 * MIB)
    transfer = world.transfer(machine)
    with subprocess.Popen(
        [*shell.program, 'event', 'follow', '--transfer', transfer]
        + ['--marker', '0', '--json'],
        env=shell.environment,
        stdout=subprocess.PIPE,
        text=True,
    ) as follower:
        try:
            world.run(transfer)
            assert follower.stdout is not None
            for line in follower.stdout:
                event = json.loads(line)
                assert event['transfer_id'] == transfer
                if event['status'] == 'COMPLETED' and (
                    event['type'] == 'execution'
                ):
                    break
        finally:
            follower.terminate()
