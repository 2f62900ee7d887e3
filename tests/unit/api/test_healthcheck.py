# SPDX-License-Identifier: Apache-2.0
"""What load balancers are told: little, and to everybody."""

from __future__ import annotations

import pathlib

import pytest
import webtest
from oslo_config import cfg
from oslo_middleware.healthcheck import opts

from coriolis_ng import auth, errors
from coriolis_ng.api import healthcheck
from coriolis_ng.db.session import Database
from coriolis_ng.wsgi.api import make_application
from tests.unit.api.conftest import World
from tests.unit.api.scripted import Conductor


def test_good_in_words_and_in_json(world: World) -> None:
    app = webtest.TestApp(world.plain)
    answer = app.get('/healthcheck')
    assert (answer.content_type, answer.text.strip()) == (
        'text/plain',
        'OK\nOK',
    )
    told = app.get('/healthcheck', headers={'Accept': 'application/json'})
    assert told.json == {'detailed': False, 'reasons': ['OK', 'OK']}
    assert app.head('/healthcheck').status_int == 204


def test_a_bus_that_is_away(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = webtest.TestApp(
        make_application(
            world.database, world.conductor, auth=auth.LocalAuth(tokens=[])
        )
    )
    world.conductor.refusals['reachable'] = errors.Unreachable('bus-host-7')
    answer = app.get('/healthcheck', status=503)
    assert answer.text.split('\n')[-2:] == ['OK', 'messaging is not reachable']
    assert 'bus-host-7' not in answer.text
    assert app.head('/healthcheck', status=503).body == b''


def test_a_database_that_is_away(tmp_path: pathlib.Path) -> None:
    database = Database(f'sqlite:///{tmp_path}/none/rows.sqlite')
    app = webtest.TestApp(
        make_application(
            database, Conductor(database), auth=auth.LocalAuth(tokens=[])
        )
    )
    answer = app.get('/healthcheck', status=503)
    assert 'database is not reachable' in answer.text
    assert str(tmp_path) not in answer.text


def test_an_operator_takes_it_out_with_a_file(
    world: World, tmp_path: pathlib.Path
) -> None:
    conf = cfg.ConfigOpts()
    conf([], default_config_files=[], default_config_dirs=[])
    conf.register_opts(opts.HEALTHCHECK_OPTS, 'healthcheck')
    conf.register_opts(opts.DISABLE_BY_FILE_OPTS, 'healthcheck')
    off = tmp_path / 'off'
    conf.set_override('backends', ['disable_by_file'], 'healthcheck')
    conf.set_override('disable_by_file_path', str(off), 'healthcheck')
    app = webtest.TestApp(
        make_application(
            world.database,
            world.conductor,
            auth=auth.LocalAuth(tokens=[]),
            policy_conf=conf,
        )
    )
    app.get('/healthcheck', status=200)
    off.touch()
    answer = app.get('/healthcheck', status=503)
    assert 'DISABLED BY FILE' in answer.text


def test_it_is_asked_once_in_a_while() -> None:
    asked: list[int] = []

    def check() -> bool:
        asked.append(1)
        return True

    checked = healthcheck.Checked(check)
    assert checked()
    assert checked()
    assert len(asked) == 1
