# SPDX-License-Identifier: Apache-2.0
"""The beds themselves: what they promise to every other test."""

import pathlib

import oslo_messaging
import pytest
import sqlalchemy
from oslo_config import cfg

from tests.beds import mariadb as mariadb_bed
from tests.beds import process
from tests.beds import rabbitmq as rabbitmq_bed

pytestmark = pytest.mark.services


class Echo:
    """An RPC endpoint that gives back what it got."""

    target = oslo_messaging.Target(version='1.0')

    def say(self, context: dict, word: str) -> str:
        return word


def test_mariadb_keeps_a_row(mariadb: mariadb_bed.MariaDB) -> None:
    engine = sqlalchemy.create_engine(mariadb.create('bed'))
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text('CREATE TABLE t (v TEXT)'))
        connection.execute(
            sqlalchemy.text('INSERT INTO t VALUES (:v)'), {'v': 'zwölf ✓'}
        )
    with engine.connect() as connection:
        rows = connection.execute(sqlalchemy.text('SELECT v FROM t')).all()
    engine.dispose()
    assert rows == [('zwölf ✓',)]


def test_rabbitmq_carries_a_call(rabbitmq: rabbitmq_bed.RabbitMQ) -> None:
    cfg.CONF([], project='coriolis-beds')
    transport = oslo_messaging.get_rpc_transport(cfg.CONF, url=rabbitmq.url)
    target = oslo_messaging.Target(topic='bed', server='here')
    server = oslo_messaging.get_rpc_server(transport, target, [Echo()])
    server.start()
    try:
        client = oslo_messaging.get_rpc_client(
            transport, oslo_messaging.Target(topic='bed', version='1.0')
        )
        assert client.call({}, 'say', word='zwölf') == 'zwölf'
    finally:
        server.stop()
        server.wait()
        transport.cleanup()


def test_a_server_leaves_nothing() -> None:
    with mariadb_bed.MariaDB() as server:
        port, base = server.port, server.base
        assert process.listens(port)
    assert not process.listens(port)
    assert not pathlib.Path(base).exists()
