# SPDX-License-Identifier: Apache-2.0
"""DHCP on all interfaces, for whoever configures the guest's network."""

from __future__ import annotations

from coriolis_ng.morphing.guest import Guest, Stack
from coriolis_ng.morphing.root import Root
from coriolis_ng.morphing.stages.base import Stage
from coriolis_ng.morphing.stages.network_texts import (
    IFUPDOWN_TEXT,
    NETPLAN_TEXT,
    NETWORKD_TEXT,
    NETWORKMANAGER_TEXT,
)
from coriolis_ng.morphing.target import Target

INTERFACES = '/etc/network/interfaces'
NETPLAN = '/etc/netplan'
NETWORKD = '/etc/systemd/network'
CONNECTIONS = '/etc/NetworkManager/system-connections'
UDEV_RULES = (
    '/etc/udev/rules.d/70-persistent-net.rules',
    '/etc/udev/rules.d/75-persistent-net-generator.rules',
)
OURS = 'coriolis-dhcp'
DHCP_CLIENTS = ('/sbin/dhclient', '/sbin/dhcpcd', '/sbin/udhcpc')


class NetworkDhcp(Stage):
    """Every wired interface by DHCP, in the files of each network stack
    that the guest uses. What was there stays beside it as ``.bak``; rules
    of udev that bind names to the old machine's cards too."""

    name = 'network_dhcp'

    @classmethod
    def applies(cls, guest: Guest, target: Target) -> bool:
        """Where the user did not switch ``set_dhcp`` off."""
        return guest.is_linux and target.set_dhcp

    def run(
        self,
        root: Root,
        guest: Guest,
        target: Target,  # noqa: ARG002
    ) -> None:
        """Writes one file for each network stack, and puts aside what would
        contradict it."""
        for rules in UDEV_RULES:
            if root.kind(rules) == 'file':
                _put_aside(root, rules)
                self.note(f'{rules} is put aside.')
        writers = {
            Stack.NETPLAN: _netplan,
            Stack.NETWORKMANAGER: _networkmanager,
            Stack.NETWORKD: _networkd,
            Stack.IFUPDOWN: self._ifupdown,
        }
        for stack in guest.network:
            # netplan writes the files of its renderers by itself.
            if Stack.NETPLAN in guest.network and stack in (
                Stack.NETWORKD,
                Stack.NETWORKMANAGER,
            ):
                continue
            writers[stack](root)
            self.note(f'{stack.value}: all interfaces by DHCP.')
        if not guest.network:
            self.note('The guest has no network configuration we know.')

    def _ifupdown(self, root: Root) -> None:
        if root.text(INTERFACES) != IFUPDOWN_TEXT:
            _put_aside(root, INTERFACES)
            root.write(INTERFACES, IFUPDOWN_TEXT)
        if not any(
            root.exists(path) or root.exists('/usr' + path)
            for path in DHCP_CLIENTS
        ):
            self.note('ifupdown has no DHCP client in this guest.')


def _netplan(root: Root) -> None:
    renderer = ''
    for name in root.list(NETPLAN):
        if not name.endswith('.yaml') or OURS in name:
            continue
        path = f'{NETPLAN}/{name}'
        for line in root.text(path).splitlines():
            if line.startswith('  renderer:'):
                renderer = line + '\n'
        _put_aside(root, path)
    path = f'{NETPLAN}/90-{OURS}.yaml'
    if not root.exists(path):
        root.write(path, NETPLAN_TEXT.format(renderer=renderer), 0o600)


def _networkd(root: Root) -> None:
    for name in root.list(NETWORKD):
        if name.endswith('.network') and OURS not in name:
            _put_aside(root, f'{NETWORKD}/{name}')
    root.write(f'{NETWORKD}/10-{OURS}.network', NETWORKD_TEXT)


def _networkmanager(root: Root) -> None:
    for name in root.list(CONNECTIONS):
        path = f'{CONNECTIONS}/{name}'
        if name.startswith((OURS, '.')):
            continue
        if 'ethernet' in _connection_type(root.text(path)):
            # Hidden: NetworkManager reads files with any other ending.
            root.rename(path, f'{CONNECTIONS}/.{name}.bak')
    root.write(
        f'{CONNECTIONS}/{OURS}.nmconnection', NETWORKMANAGER_TEXT, 0o600
    )


def _connection_type(text: str) -> str:
    for line in text.splitlines():
        if line.startswith('type='):
            return line.removeprefix('type=')
    return ''


def _put_aside(root: Root, path: str) -> None:
    """Keep a file as ``.bak``, beside any that the user has already."""
    if root.kind(path) is None:
        return
    number = 0
    kept = path + '.bak'
    while root.kind(kept) is not None:
        number += 1
        kept = f'{path}.bak{number}'
    root.rename(path, kept)
