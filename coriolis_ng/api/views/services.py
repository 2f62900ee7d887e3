# SPDX-License-Identifier: Apache-2.0
"""The service's own processes as operators see them."""

from __future__ import annotations

import socket

from coriolis_ng import host
from coriolis_ng.api.schemas import services as schema
from coriolis_ng.api.views import providers, words
from coriolis_ng.objects.service import Facts, Service


def service(value: Service) -> schema.Service:
    """One process."""
    return schema.Service(
        id=value.id,
        host=value.host,
        binary=value.binary,
        topic=value.topic or value.binary.replace('-', '_'),
        enabled=value.enabled,
        status='UP' if value.alive else 'DOWN',
        providers={
            info.name: {'types': providers.provider(info).types}
            for info in value.providers
        },
        specs={
            'release': value.release,
            'load': value.load,
            'capacity': value.capacity,
            'alive_at': words.time(value.alive_at),
        },
        mapped_regions=list(value.mapped_regions),
        created_at=words.time(value.created_at),
        updated_at=words.time(value.updated_at),
    )


def diagnostics(value: Service) -> schema.Diagnostics:
    """What a process elsewhere told of itself when it started; of an older
    release, which tells less, only that."""
    shown = _diagnostics(value.binary, value.host, value.facts)
    if not shown.packages:
        shown.packages.append(f'coriolis-ng {value.release}')
    return shown


def own_diagnostics() -> schema.Diagnostics:
    """What this process runs on."""
    return _diagnostics('coriolis-api', socket.gethostname(), host.facts())


def _diagnostics(
    application: str, hostname: str, told: Facts
) -> schema.Diagnostics:
    return schema.Diagnostics(
        application=application,
        hostname=hostname,
        ip_addresses=[*told.ip_addresses],
        packages=[*told.packages],
        os_info=told.os_info,
        architecture=told.architecture,
    )
