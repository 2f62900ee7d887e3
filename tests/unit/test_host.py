# SPDX-License-Identifier: Apache-2.0
"""What a process tells of the machine that it runs on is true."""

from __future__ import annotations

import importlib.metadata
import ipaddress
import json
import os
import subprocess

from coriolis_ng import host, version


def test_the_facts_are_those_of_this_machine() -> None:
    told = host.facts()
    assert told.architecture == os.uname().machine
    assert os.uname().release in told.os_info
    with open('/etc/os-release', encoding='utf-8') as file:
        lines = dict(
            line.rstrip().split('=', 1) for line in file if '=' in line
        )
    assert told.os_info.startswith(lines['PRETTY_NAME'].strip('"'))


def test_packages_are_installed_in_that_release() -> None:
    first, *others = host.facts().packages
    assert first == f'coriolis-ng {version.release()}'
    known = dict(one.split(' ') for one in others)
    assert known['msgspec'] == importlib.metadata.version('msgspec')
    assert known['SQLAlchemy'] == importlib.metadata.version('SQLAlchemy')
    assert 'pytest' not in known
    assert len(known) == len(others)


def test_addresses_are_those_that_others_may_reach() -> None:
    told = host.facts().ip_addresses
    for text in told:
        one = ipaddress.ip_address(text)
        assert not one.is_loopback
        assert not one.is_link_local
    out = subprocess.run(
        ['ip', '-j', 'addr'], capture_output=True, text=True, check=True
    ).stdout
    there = {
        address['local']
        for link in json.loads(out)
        for address in link['addr_info']
        if address['scope'] == 'global'
    }
    assert set(told) <= there
    assert bool(told) == bool(there)
