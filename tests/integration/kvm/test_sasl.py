# SPDX-License-Identifier: Apache-2.0
"""A real libvirtd that asks for a user name and a password by SASL."""

import pytest

from coriolis_ng import errors
from coriolis_ng.providers import registry
from coriolis_ng.providers.kvm.provider import Provider
from tests.beds import libvirt as bed

LOGIN = ('astrid', 'pippi långstrump')


@pytest.fixture(scope='module')
def asking():
    with bed.Cloud('sasl', login=LOGIN) as running:
        yield running


def connect(cloud, **info):
    return registry.connect(Provider(), {'uri': cloud.uri, **info})


def test_the_right_password(asking):
    opened = connect(asking, username=LOGIN[0], password=LOGIN[1])
    opened.ping()
    found = opened.inventory.list_storage()
    assert [pool.name for pool in found] == ['default']
    # Another connection is made when the first was closed.
    opened.close()
    opened.ping()
    opened.close()


@pytest.mark.parametrize(
    ('info', 'said', 'unsaid'),
    [
        (
            {'username': LOGIN[0], 'password': 'wrong-pass'},
            ['refused', 'username', 'password'],
            [],
        ),
        (
            {'username': 'nobody', 'password': LOGIN[1]},
            ['refused', 'username', 'password'],
            [],
        ),
        ({'username': LOGIN[0]}, ['asks', 'password'], ['username']),
        ({'password': LOGIN[1]}, ['asks', 'username'], ['password']),
        ({}, ['asks', 'username', 'password'], []),
    ],
)
def test_wrong_credentials(asking, info, said, unsaid):
    with pytest.raises(errors.AuthFailed) as caught:
        connect(asking, **info).ping()
    text = caught.value.message
    assert asking.uri in text
    for word in said:
        field = word in {'username', 'password'}
        assert (f'$.connection_info.{word}' if field else word) in text
    for word in unsaid:
        assert f'$.connection_info.{word}' not in text
    everything = f'{text} {caught.value.detail}'
    assert 'wrong-pass' not in everything
    assert LOGIN[1] not in everything
