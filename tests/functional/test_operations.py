# SPDX-License-Identifier: Apache-2.0
"""What an operator sees of one run: figures, lines of logs, who did it."""

from __future__ import annotations

import json
import pathlib
import re
import signal
from typing import Any

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from coriolis_ng.client import ApiError
from tests.beds.coriolis import Service
from tests.beds.memory import PASSWORD
from tests.functional.world import MIB, World, wait_until

Series = dict[tuple[str, frozenset[tuple[str, str]]], float]
ROOT = pathlib.Path(__file__).parents[2]


def scrape(service: Service, kind: str = '') -> Series:
    """The sum over all processes whose name begins so; of what the rows
    say, which all conductors tell alike, the largest."""
    found: Series = {}
    for name, port in service.metrics_ports.items():
        if name != 'allinone' and not name.startswith(kind):
            continue
        text = requests.get(
            f'http://127.0.0.1:{port}/metrics', timeout=30
        ).text
        for family in text_string_to_metric_families(text):
            for one in family.samples:
                key = one.name, frozenset(one.labels.items())
                before = found.get(key, 0)
                more = before + one.value
                rows = kind == 'conductor' and family.type == 'gauge'
                found[key] = max(before, one.value) if rows else more
    return found


def value(series: Series, name: str, **labels: str) -> float:
    return series.get((name, frozenset(labels.items())), 0)


def audited(service: Service) -> list[dict[str, Any]]:
    text = service.audit_file.read_text()
    return [json.loads(line) for line in text.splitlines()]


def test_figures_of_a_run(world: World) -> None:
    service = world.service
    name = world.machine('counted', 4 * MIB)
    world.fill(name, 0, 0, 4 * MIB)
    transfer = world.transfer(name)
    ids = {'project': service.url.rsplit('/', 1)[1], 'transfer': transfer}

    conductors = scrape(service, 'conductor')
    lag = 'coriolis_transfer_lag_seconds'
    assert value(conductors, lag, **ids) == float('inf')
    done = value(conductors, 'coriolis_executions', state='done')
    workers = scrape(service, 'worker')

    world.run(transfer)

    after = scrape(service, 'conductor')
    assert value(after, 'coriolis_database_up') == 1
    assert value(after, 'coriolis_executions', state='done') == done + 1
    assert 0 < value(after, lag, **ids) < 200
    [point] = world.points(transfer)
    for figure in ('read', 'sent', 'written'):
        copied = value(
            after,
            'coriolis_transfer_last_copy_bytes',
            **ids,
            figure=figure,
        )
        assert copied == point[f'bytes_{figure}'], figure
    assert value(after, 'coriolis_transfer_last_copy_bytes', **ids,
                 figure='read') == 4 * MIB  # fmt: skip
    up = [v for (n, _), v in after.items() if n == 'coriolis_service_up']
    assert up
    assert value(after, 'coriolis_transfers') >= 1

    seen = scrape(service, 'worker')

    def more(name: str, **labels: str) -> float:
        return value(seen, name, **labels) - value(workers, name, **labels)

    seconds = 'coriolis_worker_task_seconds'
    copy = {'task': 'CopyDisks', 'outcome': 'done'}
    assert more(f'{seconds}_count', **copy) == 1
    assert more(f'{seconds}_sum', **copy) > 0
    read = more('coriolis_worker_copied_bytes_total', figure='read')
    assert read == 4 * MIB
    moved = more('coriolis_worker_progress_bytes_total', task='CopyDisks')
    assert moved == 4 * MIB

    api = scrape(service, 'api')
    asked = {
        'method': 'POST',
        'route': '/v1/{project_id}/transfers',
        'status': '200',
    }
    assert value(api, 'coriolis_api_requests_total', **asked) >= 1


def test_only_the_page_is_served(world: World) -> None:
    for port in world.service.metrics_ports.values():
        base = f'http://127.0.0.1:{port}'
        assert requests.get(f'{base}/v1', timeout=30).status_code == 404


def test_every_series_is_documented(world: World) -> None:
    page = ROOT / 'doc' / 'source' / 'admin' / 'metrics.rst'
    told = set(re.findall(r'``(coriolis_\w+)``', page.read_text()))
    world.run(world.transfer(world.machine('told', MIB)))
    found: set[str] = set()
    for port in world.service.metrics_ports.values():
        text = requests.get(
            f'http://127.0.0.1:{port}/metrics', timeout=30
        ).text
        found |= {
            family.name + ('_total' if family.type == 'counter' else '')
            for family in text_string_to_metric_families(text)
            if family.name.startswith('coriolis_')
        }
    assert found == told


def test_a_request_is_named_in_every_log(world: World) -> None:
    name = world.machine('traced', MIB)
    transfer = world.transfer(name)
    service = world.service
    answer = requests.post(
        f'{service.url}/transfers/{transfer}/executions',
        json={'execution': {}},
        headers={'X-Auth-Token': service.token},
        timeout=60,
    )
    execution = answer.json()['execution']['id']
    request = answer.headers['X-Openstack-Request-Id']
    world.ended(transfer, execution)
    project = service.url.rsplit('/', 1)[1]
    head = re.escape(f'[{request} ') + r'\S+ ' + re.escape(f'{project}] ')
    line = re.compile(
        rf'coriolis_ng\.worker\.runner {head}execution={execution} '
        r'task=\S+ attempt=1 (.*)'
    )

    def told() -> bool:
        said = line.findall(service.logs())
        return 'began CopyDisks' in said and 'ended done ' in said

    wait_until(told, 'lines of the worker', 30)
    conductor = re.compile(
        rf'coriolis_ng\.conductor\.endings {head}execution={execution} '
    )
    assert conductor.search(service.logs())


def test_who_did_what(world: World) -> None:
    begin = len(audited(world.service))
    transfer = world.transfer(world.machine('audited', MIB))
    execution = world.start(transfer)
    world.ended(transfer, execution)
    with pytest.raises(ApiError):
        world.client.executions.cancel(transfer, execution)
    with pytest.raises(ApiError):
        world.service.client(token='wrong').transfers.delete(transfer)
    lines = audited(world.service)[begin:]
    told = [
        (
            line['target']['typeURI'].rsplit('/', 1)[1],
            line['action'],
            line['target']['id'],
            line['outcome'],
            line['reason']['reasonCode'],
        )
        for line in lines
    ]
    assert ('transfers', 'create', transfer, 'success', '200') in told
    assert ('executions', 'create', execution, 'success', '200') in told
    assert ('executions', 'cancel', execution, 'failure', '409') in told
    assert told[-1][1:] == ('delete', 'unknown', 'failure', '401')
    [made] = [x for x in lines if x['target']['id'] == transfer]
    assert made['initiator']['id'] in {'admin', 'tester'}
    assert made['initiator']['host']['address'] == '127.0.0.1'
    assert made['request_id'].startswith('req-')
    assert lines[-1]['initiator']['id'] == 'unknown'
    text = world.service.audit_file.read_text()
    assert PASSWORD not in text
    assert world.service.token not in text
    assert world.service.audit_file.stat().st_mode & 0o007 == 0


def test_a_report_is_written_when_asked_for(world: World) -> None:
    service = world.service
    for name, server in service.running.items():
        log = service.folder / f'{name}.out.log'
        server.tell(signal.SIGUSR2)

        def written(log: pathlib.Path = log) -> bool:
            return 'database:' in log.read_text(errors='replace').lower()

        wait_until(written, f'a report of {name}', 30)
        text = log.read_text(errors='replace')
        assert 'Guru Meditation' in text
        assert 'coriolis_ng' in text
        assert service.token not in text
        assert 'mysql+pymysql://' not in text
        assert server.running
