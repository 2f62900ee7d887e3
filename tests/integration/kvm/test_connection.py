# SPDX-License-Identifier: Apache-2.0
"""Credentials and addresses that are wrong are said clearly.

libvirt's own test driver asks for a password as a real daemon does; no user
may name it, so these tests allow it to themselves.
"""

import re

import pytest

from coriolis_ng import errors
from coriolis_ng.providers import registry
from coriolis_ng.providers.kvm.connection import Access
from coriolis_ng.providers.kvm.inventory import Inventory
from coriolis_ng.providers.kvm.provider import Provider

NODE = """<node>
<domain type='test'><name>web1</name>
<uuid>004b96e1-2d78-c30f-5aa5-f03c87d21e69</uuid>
<memory>524288</memory><vcpu>2</vcpu><os><type>hvm</type></os></domain>
<auth><user password='right'>astrid</user></auth>
</node>"""
RIGHT = {'username': 'astrid', 'password': 'right'}


@pytest.fixture
def uri(tmp_path):
    path = tmp_path / 'node.xml'
    path.write_text(NODE)
    return f'test://{path}'


class TestDriver(Access):
    """A connection to libvirt's test driver."""

    __test__ = False
    uris = re.compile('test:///.*')


def connect(**info):
    return registry.connect(Provider(), info)


def test_the_right_password(uri):
    access = TestDriver({'uri': uri, **RIGHT})
    access.ping()
    assert Inventory(access).get_vm('web1').memory == 512 << 20
    access.close()


@pytest.mark.parametrize(
    'info',
    [
        {'username': 'astrid', 'password': 'wrong'},
        {'username': 'nobody', 'password': 'right'},
        {'username': 'astrid'},
        {},
    ],
)
def test_wrong_credentials(uri, info):
    with pytest.raises(errors.AuthFailed) as caught:
        TestDriver({'uri': uri, **info}).ping()
    assert 'credentials' in caught.value.message
    assert '$.connection_info.password' in caught.value.message
    assert 'right' not in str(caught.value.__dict__)


@pytest.mark.parametrize(
    'uri',
    [
        'qemu+unix:///system?socket=/nowhere/libvirt-sock',
        'qemu+tcp://127.0.0.1:1/system',
    ],
)
def test_nobody_is_there(uri):
    with pytest.raises(errors.Unreachable) as caught:
        connect(uri=uri).ping()
    assert uri in caught.value.message


def test_the_schema_names_the_field():
    with pytest.raises(errors.InvalidInput, match="'uri'") as caught:
        connect(username='x')
    assert caught.value.field == '$.connection_info'


def test_a_missing_machine(uri):
    access = TestDriver({'uri': uri, **RIGHT})
    inventory = Inventory(access)
    for name in ('web2', 'a/b', 'ü 1', '', '004b96e1'):
        with pytest.raises(errors.NotFound, match='no machine'):
            inventory.get_vm(name)
    access.close()


def test_pages_of_machines(uri):
    access = TestDriver({'uri': uri, **RIGHT})
    inventory = Inventory(access)
    every = inventory.list_vms(marker=None, limit=None, name=None)
    assert [vm.name for vm in every] == ['web1']
    assert not inventory.list_vms(marker='web1', limit=None, name=None)
    assert not inventory.list_vms(marker=None, limit=0, name=None)
    assert not inventory.list_vms(marker=None, limit=None, name='db')
    access.close()
