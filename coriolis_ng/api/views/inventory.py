# SPDX-License-Identifier: Apache-2.0
"""Machines as CSV: a header, then a line for each, in the order of ids."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any

from coriolis_ng.objects.vm import Vm

MEDIA = 'text/csv'

COLUMNS = (
    'id',
    'name',
    'os_type',
    'num_cpu',
    'memory_mb',
    'firmware_type',
    'secure_boot',
    'power_state',
    'guest_agent',
    'disk_count',
    'disk_size_bytes',
    'disks',
    'storage_backends',
    'nic_count',
    'mac_addresses',
    'networks',
    'ip_addresses',
)


def table(machines: Iterable[Vm]) -> str:
    """Several values in one field are separated by semicolons; sizes of
    disks are bytes, lines end as RFC 4180 says."""
    text = io.StringIO()
    rows = csv.DictWriter(text, COLUMNS)
    rows.writeheader()
    for vm in sorted(machines, key=lambda one: one.id):
        rows.writerow({name: _safe(value) for name, value in _row(vm).items()})
    return text.getvalue()


def _row(vm: Vm) -> dict[str, Any]:
    return {
        'id': vm.id,
        'name': vm.name,
        'os_type': vm.os_type,
        'num_cpu': vm.cpus,
        'memory_mb': vm.memory // 2**20,
        'firmware_type': vm.firmware.upper(),
        'secure_boot': vm.secure_boot,
        'power_state': vm.power.value,
        'guest_agent': vm.guest_agent,
        'disk_count': len(vm.disks),
        'disk_size_bytes': sum(disk.size for disk in vm.disks),
        'disks': _several(f'{disk.id}={disk.size}' for disk in vm.disks),
        'storage_backends': _several(disk.backend for disk in vm.disks),
        'nic_count': len(vm.nics),
        'mac_addresses': _several(nic.mac for nic in vm.nics),
        'networks': _several(nic.network for nic in vm.nics),
        'ip_addresses': _several(
            address for nic in vm.nics for address in nic.ip_addresses
        ),
    }


def _several(values: Iterable[str]) -> str:
    return ';'.join(dict.fromkeys(value for value in values if value))


def _safe(value: Any) -> Any:
    """Spreadsheets run what begins like this as a formula, and the names
    of machines are anybody's."""
    if isinstance(value, str) and value.startswith(('=', '+', '-', '@')):
        return f"'{value}"
    return value
