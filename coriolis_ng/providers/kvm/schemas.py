# SPDX-License-Identifier: Apache-2.0
"""What users can say about a KVM endpoint and its two environments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DIALECT = 'https://json-schema.org/draft/2020-12/schema'
# Whoever may name a URI must not get more by it than a connection: libvirt
# starts the programs that its parameters command, netcat and keyfile and the
# transport ext name, and its driver test reads files. A host begins with a
# letter or a digit, so ssh cannot take it for an option.
URI = (
    '^qemu(\\+unix:///(system|session)'
    '([?]socket=/[A-Za-z0-9._/~+:@-]+)?'
    '|([+](tls|ssh|tcp))?://'
    '(([A-Za-z0-9_][A-Za-z0-9_.-]*@)?'
    '([A-Za-z0-9][A-Za-z0-9.-]*|\\[[0-9A-Fa-f:.]+\\])(:[0-9]{1,5})?)?'
    '/(system|session))$'
)
SCRATCH = '/var/tmp/coriolis'  # noqa: S108  # survives a reboot, on purpose


def _object(
    title: str, properties: dict[str, Any], required: tuple[str, ...] = ()
) -> dict[str, Any]:
    return {
        '$schema': DIALECT,
        'title': title,
        'type': 'object',
        'properties': properties,
        'required': list(required),
        'additionalProperties': False,
    }


CONNECTION = _object(
    'KVM connection',
    {
        'uri': {
            'type': 'string',
            'pattern': URI,
            'title': 'libvirt URI',
            'description': 'Where libvirt is, such as qemu:///system. Disks '
            'are read and written by the worker itself, so the worker runs '
            'on the host that it names. The transports unix, tls, ssh and '
            'tcp may be used, and of the parameters only socket with unix.',
        },
        'username': {
            'type': 'string',
            'title': 'User name',
            'description': 'For a libvirt that asks (SASL).',
        },
        'password': {
            'type': 'string',
            'format': 'password',
            'writeOnly': True,
            'title': 'Password',
            'description': 'For a libvirt that asks (SASL).',
        },
    },
    ('uri',),
)

SOURCE = _object(
    'KVM as a source',
    {
        'quiesce': {
            'type': 'string',
            'enum': ['auto', 'require', 'never'],
            'default': 'auto',
            'title': 'Quiesce',
            'description': 'Whether the guest agent freezes the file '
            'systems for the moment of the snapshot. auto falls back to a '
            'crash-consistent one and says why; require fails instead.',
        },
        'quiesce_timeout_seconds': {
            'type': 'integer',
            'minimum': 1,
            'maximum': 60,
            'default': 10,
            'title': 'Quiesce timeout',
            'description': 'How long the guest agent may take to answer.',
        },
        'scratch_dir': {
            'type': 'string',
            'pattern': '^/',
            'maxLength': 60,
            'default': SCRATCH,
            'title': 'Scratch directory',
            'description': 'On the source host: what the guest overwrites '
            'during a copy is kept here, and the sockets that the disks '
            'are read from. Needs room for as much as the guest writes '
            'meanwhile, and a path that the host lets QEMU use.',
        },
    },
)

TARGET = _object(
    'KVM as a destination',
    {
        'storage_pool': {
            'type': 'string',
            'default': 'default',
            'title': 'Storage pool',
            'description': 'A directory pool; replicas and worker VMs lie '
            'here where no storage mapping says otherwise.',
        },
        'network': {
            'type': 'string',
            'default': 'default',
            'title': 'Network of worker VMs',
            'description': 'A libvirt network with DHCP, which the worker '
            'reaches.',
        },
        'worker_image': {
            'type': 'string',
            'minLength': 1,
            'title': 'Worker image',
            'description': 'A cloud image of Linux with cloud-init and '
            'python3: a path on the host, or a volume of the storage pool.',
        },
        'worker_memory': {
            'type': 'integer',
            'minimum': 256,
            'default': 512,
            'title': 'Memory of worker VMs',
            'description': 'In MiB.',
        },
        'worker_vcpus': {
            'type': 'integer',
            'minimum': 1,
            'default': 2,
            'title': 'CPUs of worker VMs',
        },
        'worker_timeout_seconds': {
            'type': 'integer',
            'minimum': 30,
            'default': 600,
            'title': 'Worker timeout',
            'description': 'How long a worker VM may take to get its address.',
        },
        'set_dhcp': {
            'type': 'boolean',
            'default': True,
            'title': 'Use DHCP',
            'description': 'Set the network cards of the new machine to DHCP.',
        },
        'domain_type': {
            'type': 'string',
            'enum': ['auto', 'kvm', 'qemu'],
            'default': 'auto',
            'title': 'Virtualisation',
            'description': 'qemu emulates: slow, but it runs anywhere. '
            'auto takes kvm where libvirt has it and a probe shows that it '
            'runs; a host whose kvm is broken in other ways needs qemu.',
        },
        'machine_type': {
            'type': 'string',
            'default': 'q35',
            'title': 'Machine type',
            'description': 'Of worker VMs and new machines; "source" keeps '
            'the family of the source machine.',
        },
        'cpu_mode': {
            'type': 'string',
            'enum': ['auto', 'host-model', 'host-passthrough', 'maximum'],
            'default': 'auto',
            'title': 'CPU mode',
            'description': 'auto is host-model with kvm; without it a small '
            'model (Nehalem), with which a guest starts sooner.',
        },
        'disk_bus': {
            'type': 'string',
            'enum': ['virtio', 'scsi', 'sata'],
            'default': 'virtio',
            'title': 'Disk bus of new machines',
        },
        'console_log': {
            'type': 'boolean',
            'default': True,
            'title': 'Console log',
            'description': 'Keep what a new machine prints on its serial '
            'console in a file beside its disks, removed with the machine.',
        },
        'detach_clones': {
            'type': 'boolean',
            'default': False,
            'title': 'Detach clones',
            'description': 'Copy what a new machine shares with its '
            'recovery point while it already runs, so that the point can '
            'be deleted. Not done for test deployments. QEMU 7.2 was seen '
            'to crash when this begins while the firmware still runs.',
        },
    },
    ('worker_image',),
)


# What of a destination's environment is about its worker VMs.
POOL = _object(
    'KVM worker VMs that are kept ready',
    {
        name: TARGET['properties'][name]
        for name in (
            'storage_pool',
            'network',
            'worker_image',
            'worker_memory',
            'worker_vcpus',
            'worker_timeout_seconds',
            'domain_type',
            'machine_type',
            'cpu_mode',
        )
    },
    ('worker_image',),
)
# A source's disks are read by the worker itself.
POOLS = {'destination_pool': POOL}


def option(
    schema: Mapping[str, Any], options: Mapping[str, Any], name: str
) -> Any:
    """An option as the user gave it, else its default."""
    value = options.get(name)
    if value is None:
        return schema['properties'][name].get('default')
    return value


def source(options: Mapping[str, Any], name: str) -> Any:
    """An option of the source environment, or its default."""
    return option(SOURCE, options, name)


def target(options: Mapping[str, Any], name: str) -> Any:
    """An option of the destination environment, or its default."""
    return option(TARGET, options, name)
