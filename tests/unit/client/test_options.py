# SPDX-License-Identifier: Apache-2.0
"""What becomes of the options of commands on their way to the service."""

from __future__ import annotations

import json
import pathlib

import pytest

from tests.unit.client.shell import ENDPOINT, TRANSFER, Shell


def test_an_endpoint_that_does_not_work_is_not_created(
    shell: Shell, tmp_path: pathlib.Path
) -> None:
    service, id = shell.service, ENDPOINT['id']
    access = tmp_path / 'access.json'
    access.write_text('{}')
    create = (
        *('endpoint', 'create', '--name', 'x', '--provider', 'memory'),
        *('--connection-file', str(access)),
    )
    actions = f'/endpoints/{id}/actions'
    service.says('POST', '/endpoints', {'endpoint': ENDPOINT})
    service.says('DELETE', f'/endpoints/{id}', b'', status=204)
    dead = {'validate-connection': {'valid': False, 'message': 'No route.'}}
    service.says('POST', actions, dead)
    code, out, err = shell(*create)
    assert (code, out) == (1, '')
    assert err.startswith('The cloud does not let us in: No route.\nNo ')
    assert '--skip-validation' in err
    assert service.asked[-1][:2] == ('DELETE', f'/endpoints/{id}')
    # Nobody could even look.
    service.says('POST', actions, {'error': {'message': 'So.'}}, status=503)
    code, _, err = shell(*create)
    assert (code, 'So.' in err) == (1, True)
    assert service.asked[-1][:2] == ('DELETE', f'/endpoints/{id}')
    # What cannot be taken back is told.
    service.says('POST', actions, dead)
    told = {'error': {'message': 'In use.'}}
    service.says('DELETE', f'/endpoints/{id}', told, status=409)
    code, _, err = shell(*create)
    assert code == 1
    assert f'endpoint delete {id}' in err
    service.asked.clear()
    code, out, err = shell(*create, '--skip-validation', '-f', 'json')
    assert (code, json.loads(out)['id']) == (0, id), err
    assert [one[:2] for one in service.asked] == [('POST', '/endpoints')]


def test_all_that_the_api_takes_can_be_said(shell: Shell) -> None:
    """Options that say what is said nowhere else."""
    service = shell.service
    transfer, endpoint = TRANSFER['id'], ENDPOINT['id']
    service.says('POST', '/transfers', {'transfer': {'id': 't1'}})
    service.says('PUT', f'/transfers/{transfer}', {'transfer': TRANSFER})
    service.says('POST', '/replicas', {'replica': {'id': 'r1'}})
    service.says('POST', '/deployments', {'deployment': {'id': 'd1'}})
    ends = (
        *('--origin-endpoint', endpoint),
        *('--destination-endpoint', endpoint),
    )
    kept = {
        'keep_hourly': 24, 'keep_daily': 7, 'keep_weekly': 0,
        'clone_disks': False, 'skip_os_morphing': True,
    }  # fmt: skip
    for words, wanted in (
        (
            ('transfer', 'create', *ends, '--instance', 'a')
            + ('--keep-hourly', '24', '--keep-daily', '7')
            + ('--keep-weekly', '0', '--no-clone-disks')
            + ('--skip-os-morphing',),
            kept,
        ),
        (
            ('transfer', 'update', transfer, '--keep-hourly', '24')
            + ('--keep-daily', '7', '--keep-weekly', '0')
            + ('--no-clone-disks', '--skip-os-morphing'),
            kept,
        ),
        (
            ('transfer', 'update', transfer, '--no-skip-os-morphing')
            + ('--clone-disks',),
            {'clone_disks': True, 'skip_os_morphing': False},
        ),
        (('transfer', 'update', transfer, '--notes', 'n'), {'notes': 'n'}),
        (
            ('replica', 'create', *ends, '--instance', 'a')
            + ('--skip-os-morphing',),
            {'skip_os_morphing': True},
        ),
        (
            ('deployment', 'create', transfer, '--no-set-dhcp'),
            {'set_dhcp': False},
        ),
        (
            ('deployment', 'create', transfer, '--set-dhcp'),
            {'set_dhcp': True},
        ),
    ):
        code, _, err = shell(*words)
        assert code == 0, err
        [sent] = (service.asked[-1][2] or {}).values()
        options = {*kept, 'set_dhcp', 'notes'} & set(sent)
        assert {name: sent[name] for name in options} == wanted


@pytest.mark.parametrize(
    ('words', 'asked'),
    [
        (
            ('deployment', 'list', '--status', 'CANCELLING'),
            '/deployments?limit=100&status=CANCELLING',
        ),
        (
            ('transfer', 'execution', 'list', TRANSFER['id'])
            + ('--status', 'ERROR'),
            f'/transfers/{TRANSFER["id"]}/executions?limit=100&status=ERROR',
        ),
        (
            ('endpoint', 'instance', 'list', ENDPOINT['id'], '--refresh'),
            f'/endpoints/{ENDPOINT["id"]}/instances?limit=100&refresh=True',
        ),
        (
            ('endpoint', 'list', '--limit', '2', '--marker', 'e1'),
            '/endpoints?limit=2&marker=e1',
        ),
        (
            ('replica', 'list', '--limit', '2', '--marker', 'r1'),
            '/replicas?limit=2&marker=r1',
        ),
        (
            ('migration', 'list', '--limit', '2', '--marker', 'm1'),
            '/migrations?limit=2&marker=m1',
        ),
        (('service', 'list'), '/services?limit=100'),
    ],
)
def test_what_a_list_asks_for(
    shell: Shell, words: tuple[str, ...], asked: str
) -> None:
    noun = asked.split('?', maxsplit=1)[0].rsplit('/', maxsplit=1)[-1]
    shell.service.says('GET', asked, {noun: []})
    code, out, err = shell(*words, '-f', 'json')
    assert (code, json.loads(out)) == (0, []), err
    assert [one[1] for one in shell.service.asked] == [asked]
