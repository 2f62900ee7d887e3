# SPDX-License-Identifier: Apache-2.0
"""Networks of new machines: mapped ones, and an isolated one for tests."""

from __future__ import annotations

import contextlib
import hashlib
import ipaddress
import xml.etree.ElementTree as ET  # noqa: S405  # we write it
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import libvirt

from coriolis_ng.objects.vm import Vm
from coriolis_ng.providers import errors
from coriolis_ng.providers.kvm import domainxml
from coriolis_ng.providers.kvm.build import NewNic
from coriolis_ng.providers.kvm.connection import Access, parse, told

ROLE = 'isolated'
# RFC 2544's range for tests of devices: nobody routes it.
RANGE = ipaddress.IPv4Network('198.18.0.0/15')
TRIES = 16


def mapped(
    access: Access, vm: Vm, network_map: Mapping[str, Any]
) -> tuple[NewNic, ...]:
    """The cards of a new machine on the networks that the map names.

    A value is a name, or ``{"network": NAME}``, or ``{"bridge": NAME}`` for
    a bridge that libvirt does not look after.
    """
    found = []
    for nic in vm.nics:
        wanted = network_map.get(nic.network)
        if wanted is None:
            raise errors.InvalidInput(
                f'The network map has no entry for {nic.network!r}, which '
                f'{vm.name!r} is attached to.',
                field=f'$.network_map.{nic.network}',
            )
        if isinstance(wanted, str):
            wanted = {'network': wanted}
        if 'bridge' in wanted:
            found.append(
                NewNic(mac=nic.mac, network=wanted['bridge'], bridge=True)
            )
            continue
        network = access.network(str(wanted.get('network')))
        found.append(NewNic(mac=nic.mac, network=network.name()))
    return tuple(found)


def name_of(tag: str) -> str:
    """The isolated network of the machine that the task of that tag makes."""
    return f'coriolis-{domainxml.short(tag)}'


def make_isolated(access: Access, tag: str) -> str:
    """A network that nothing but this host and its machines can reach.

    Gives its name; one that is there already is adopted.
    """
    name = name_of(tag)
    with told('making an isolated network'):
        conn = access.conn
        if name in conn.listNetworks():
            return name
        last: libvirt.libvirtError | None = None
        for subnet in _subnets(tag):
            try:
                # Not defined: it must not come back by itself.
                conn.networkCreateXML(_description(name, tag, subnet))
                return name
            except libvirt.libvirtError as error:
                last = error
        assert last is not None
        raise last


def _subnets(tag: str) -> Iterator[ipaddress.IPv4Network]:
    count = 1 << (24 - RANGE.prefixlen)
    first = int(hashlib.sha256(tag.encode()).hexdigest()[:8], 16)
    for step in range(TRIES):
        start = int(RANGE.network_address) + ((first + step) % count) * 256
        yield ipaddress.IPv4Network((start, 24))


def _description(name: str, tag: str, subnet: ipaddress.IPv4Network) -> str:
    root = ET.Element('network')
    ET.SubElement(root, 'name').text = name
    root.append(domainxml.metadata(tag, ROLE))
    # The name of an interface may have 15 characters.
    ET.SubElement(root, 'bridge', {'name': f'cng{domainxml.short(tag)}'})
    ip = ET.SubElement(
        root,
        'ip',
        {'address': str(subnet[1]), 'netmask': str(subnet.netmask)},
    )
    dhcp = ET.SubElement(ip, 'dhcp')
    ET.SubElement(
        dhcp, 'range', {'start': str(subnet[10]), 'end': str(subnet[250])}
    )
    return ET.tostring(root, encoding='unicode')


def drop(access: Access, name: str) -> None:
    """Removes an isolated network of ours; silent when it is gone."""
    with told(f'removing network {name}'):
        if name not in access.conn.listNetworks():
            return
        network = access.conn.networkLookupByName(name)
        if domainxml.tag_of(parse(network.XMLDesc()))[1] != ROLE:
            raise errors.Conflict(f'The network {name} is not ours.')
        network.destroy()


def tagged(access: Access, tag: str) -> Iterator[tuple[str, str]]:
    """(name, tag) of all isolated networks whose tag begins so."""
    with told('listing networks'):
        for network in access.conn.listAllNetworks():
            found, role = domainxml.tag_of(parse(network.XMLDesc()))
            if role == ROLE and found.startswith(tag):
                yield network.name(), found


def address(domain: libvirt.virDomain, sources: Sequence[int]) -> str | None:
    """The first IPv4 address that one of the sources knows, else an IPv6
    one that is not link-local."""
    found: list[ipaddress.IPv4Address | ipaddress.IPv6Address] = []
    for source in sources:
        with contextlib.suppress(libvirt.libvirtError):
            cards = domain.interfaceAddresses(source)
            for name, card in sorted(cards.items()):
                if name == 'lo':
                    continue
                for entry in card['addrs'] or ():
                    ip = ipaddress.ip_address(entry['addr'])
                    if not ip.is_link_local and not ip.is_loopback:
                        found.append(ip)
        if found:
            return str(min(found, key=lambda ip: ip.version))
    return None
