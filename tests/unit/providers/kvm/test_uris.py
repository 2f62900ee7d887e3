# SPDX-License-Identifier: Apache-2.0
"""A URI of libvirt gives a connection, and nothing else, to who names it."""

import pytest

from coriolis_ng import errors
from coriolis_ng.providers import registry
from coriolis_ng.providers.kvm.connection import Access
from coriolis_ng.providers.kvm.provider import Provider


@pytest.mark.parametrize(
    'uri',
    [
        'qemu:///system',
        'qemu:///session',
        'qemu+unix:///system',
        'qemu+unix:///system?socket=/run/x/libvirt-sock',
        'qemu://host/system',
        'qemu+tls://host.example.org:16514/system',
        'qemu+tcp://127.0.0.1:1/system',
        'qemu+tcp://[fe80::1]:1/system',
        'qemu+ssh://root@host/system',
    ],
)
def test_allowed(uri):
    registry.connect(Provider(), {'uri': uri}).close()


def test_ssh_never_asks():
    access = Access({'uri': 'qemu+ssh://host/system'})
    assert access.uri == 'qemu+ssh://host/system?no_tty=1'


@pytest.mark.parametrize(
    'uri',
    [
        '',
        'qemu+ext:///system?command=/bin/sh',
        'qemu+ssh://h/system?command=/bin/sh',
        'qemu+ssh://h/system?netcat=/bin/sh',
        'qemu+ssh://h/system?keyfile=/etc/shadow',
        'qemu+ssh://h/system?no_verify=1',
        'qemu+ssh://h/system?socket=/x',
        'qemu+ssh://-oProxyCommand=x/system',
        'qemu+ssh://-oProxyCommand=x@h/system',
        'qemu+ssh://%2doProxyCommand=x/system',
        'qemu+libssh2://h/system',
        'qemu+libssh://h/system',
        'qemu+tls://h/system?pkipath=/tmp/x',
        'qemu+tls://h/system?no_verify=1',
        'qemu+unix:///system?socket=x',
        'qemu+unix:///system?socket=',
        'qemu+unix:///system?socket=/x&command=/bin/sh',
        'qemu+unix:///system?socket=/x%26command=/bin/sh',
        'qemu+unix:///system?command=/bin/sh',
        'qemu+unix:///system?socket=/x;command=/bin/sh',
        'qemu+unix:///system?socket=/x#y',
        'qemu+unix://h/system?socket=/x',
        'qemu:///system?socket=/x',
        'qemu:///embed?root=/',
        'qemu:///nonsense',
        'QEMU:///system',
        'qemu:///system\n',
        ' qemu:///system',
        'test:///default',
        'test:///etc/passwd',
        'test+ext:///default?command=/bin/sh',
        'esx://h/?no_verify=1',
        'xen+ssh://h/',
        'nonsense://x/',
    ],
)
def test_refused(uri):
    for connect in (Access, lambda i: registry.connect(Provider(), i)):
        with pytest.raises(errors.InvalidInput) as caught:
            connect({'uri': uri})
        assert caught.value.field == '$.connection_info.uri'
