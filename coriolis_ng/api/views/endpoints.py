# SPDX-License-Identifier: Apache-2.0
"""Endpoints, and what lies behind them, as clients see it."""

from __future__ import annotations

from coriolis_ng.api.schemas import endpoints as schema
from coriolis_ng.api.views import bandwidth, words
from coriolis_ng.objects.endpoint import Endpoint
from coriolis_ng.objects.network import Network, Option, Storage
from coriolis_ng.objects.vm import Disk, Nic, Vm

MASK = '***'


def endpoint(value: Endpoint) -> schema.Endpoint:
    """A Barbican reference is shown, it opens nothing by itself; of what
    is in the built-in store nothing is shown at all."""
    if value.secret.startswith(('http://', 'https://')):
        shown = {'secret_ref': value.secret}
    else:
        shown = {'stored': MASK}
    return schema.Endpoint(
        id=value.id,
        name=value.name,
        type=value.type,
        description=value.description,
        connection_info=shown,
        mapped_regions=list(value.mapped_regions),
        slots=value.slots,
        bandwidth_limit=bandwidth.bandwidth(value.bandwidth),
        user_id=value.user_id,
        project_id=value.project_id,
        created_at=words.time(value.created_at),
        updated_at=words.time(value.updated_at),
    )


def instance(vm: Vm) -> schema.Instance:
    """A machine in a list."""
    return schema.Instance(
        id=vm.id,
        name=vm.name,
        instance_name=vm.name,
        num_cpu=vm.cpus,
        memory_mb=vm.memory // 2**20,
        os_type=vm.os_type,
        firmware_type=vm.firmware.upper(),
        power_state=vm.power.value,
    )


def instance_detail(vm: Vm) -> schema.InstanceDetail:
    """A machine with its devices."""
    buses = list(dict.fromkeys(disk.bus for disk in vm.disks))
    return schema.InstanceDetail(
        id=vm.id,
        name=vm.name,
        instance_name=vm.name,
        num_cpu=vm.cpus,
        memory_mb=vm.memory // 2**20,
        os_type=vm.os_type,
        firmware_type=vm.firmware.upper(),
        power_state=vm.power.value,
        secure_boot=vm.secure_boot,
        guest_agent=vm.guest_agent,
        machine=vm.machine,
        devices=schema.InstanceDevices(
            disks=[_disk(disk, n) for n, disk in enumerate(vm.disks)],
            nics=[_nic(nic, n) for n, nic in enumerate(vm.nics)],
            controllers=[
                schema.InstanceController(id=bus, type=bus, bus_number=n)
                for n, bus in enumerate(buses)
            ],
        ),
    )


def _disk(disk: Disk, position: int) -> schema.InstanceDisk:
    return schema.InstanceDisk(
        id=disk.id,
        size_bytes=disk.size,
        format=disk.format,
        path=disk.path,
        controller_id=disk.bus,
        unit_number=position,
        storage_backend_identifier=disk.backend,
        shareable=disk.shareable,
        tracked=disk.tracked,
        untracked_reason=disk.untracked_reason,
    )


def _nic(nic: Nic, position: int) -> schema.InstanceNic:
    return schema.InstanceNic(
        id=f'nic{position}',
        name=f'nic{position}',
        mac_address=nic.mac or None,
        network_name=nic.network,
        network_id=nic.network_id,
        model=nic.model,
        ip_addresses=list(nic.ip_addresses),
    )


def network(value: Network) -> schema.Network:
    """A network."""
    return schema.Network(id=value.id, name=value.name, bridge=value.bridge)


def storage(values: list[Storage]) -> schema.Storage:
    """All storage backends, and which one is the default."""
    default = next((one.name for one in values if one.default), None)
    return schema.Storage(
        storage_backends=[
            schema.StorageBackend(
                id=one.id,
                name=one.name,
                additional_provider_properties={
                    'capacity': one.capacity,
                    'available': one.available,
                },
            )
            for one in values
        ],
        config_default=default,
    )


def option(value: Option) -> schema.Option:
    """An option with the values that can be offered."""
    return schema.Option(
        name=value.name,
        values=list(value.values),
        config_default=value.default,
    )
