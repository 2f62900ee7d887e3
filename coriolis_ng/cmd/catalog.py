# SPDX-License-Identifier: Apache-2.0
"""``coriolis-manage catalog register``: the service in Keystone's catalog.

It speaks as the operator whom ``OS_*`` variables or ``clouds.yaml`` name.
"""

from __future__ import annotations

import argparse
from typing import Any

from keystoneauth1 import exceptions
from oslo_config import cfg

from coriolis_ng import errors

TYPE = 'migration'
NAME = 'coriolis'
DESCRIPTION = 'Replicates virtual machines between clouds'
INTERFACES = ('public', 'internal', 'admin')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What can be said about the URLs."""
    parser.description = (
        'Makes the service of type migration and its endpoints, or corrects '
        'their URLs; may be repeated. Example: coriolis-manage catalog '
        'register --os-cloud admin --region RegionOne --public-url '
        'https://api.example.org:7667'
    )
    parser.add_argument('--os-cloud', help='a cloud of clouds.yaml')
    parser.add_argument('--region', required=True)
    parser.add_argument(
        '--public-url',
        required=True,
        help='where users reach the API, without /v1',
    )
    for interface in INTERFACES[1:]:
        parser.add_argument(
            f'--{interface}-url', help='as the public one when not given'
        )


def register(conf: cfg.ConfigOpts, given: argparse.Namespace) -> None:
    """One line for each thing that was made, changed or there already."""
    import openstack
    from openstack import exceptions as sdk

    try:
        identity = openstack.connect(cloud=given.os_cloud).identity
        service = _service(identity)
        _region(identity, given.region)
        for interface in INTERFACES:
            url = getattr(given, f'{interface}_url') or given.public_url
            _endpoint(identity, service, given.region, interface, _full(url))
    except (sdk.SDKException, exceptions.ClientException) as error:
        raise errors.Unreachable(f'Keystone does not do it: {error}') from None


def _full(url: str) -> str:
    # Keystone fills the project in.
    return f'{url.rstrip("/").removesuffix("/v1")}/v1/%(project_id)s'


def _service(identity: Any) -> str:
    for one in identity.services(type=TYPE):
        print(f'service {one.id} is there')
        return str(one.id)
    made = identity.create_service(
        type=TYPE, name=NAME, description=DESCRIPTION
    )
    print(f'service {made.id} made')
    return str(made.id)


def _region(identity: Any, region: str) -> None:
    if region not in {one.id for one in identity.regions()}:
        identity.create_region(id=region)
        print(f'region {region} made')


def _endpoint(
    identity: Any, service: str, region: str, interface: str, url: str
) -> None:
    for one in identity.endpoints(service_id=service, interface=interface):
        if one.region_id != region:
            continue
        if one.url == url:
            print(f'{interface} {url} is there')
        else:
            identity.update_endpoint(one.id, url=url)
            print(f'{interface} {url} corrected')
        return
    identity.create_endpoint(
        service_id=service, interface=interface, region_id=region, url=url
    )
    print(f'{interface} {url} made')
