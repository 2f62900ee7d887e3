# SPDX-License-Identifier: Apache-2.0
"""The service's own processes as operators see them."""

from __future__ import annotations

import platform
import socket

from coriolis_ng import version
from coriolis_ng.api.schemas import services as schema
from coriolis_ng.api.views import providers, words
from coriolis_ng.objects.service import Service


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
    """What its row tells of a process elsewhere."""
    return schema.Diagnostics(
        application=value.binary,
        hostname=value.host,
        ip_addresses=[],
        packages=[f'coriolis-ng {value.release}'],
        os_info='',
        architecture='',
    )


def own_diagnostics() -> schema.Diagnostics:
    """What this process runs on."""
    return schema.Diagnostics(
        application='coriolis-api',
        hostname=socket.gethostname(),
        ip_addresses=[],
        packages=[f'coriolis-ng {version.release()}'],
        os_info=platform.platform(),
        architecture=platform.machine(),
    )
