# SPDX-License-Identifier: Apache-2.0
"""Files that ask for DHCP on all wired interfaces, one per network stack."""

# interfaces(5), "PATTERN MATCHING INTERFACES": every interface that the
# kernel has at boot, whatever the new machine's slots make of its name.
IFUPDOWN_TEXT = """\
# All interfaces by DHCP: written when this machine was moved to another
# cloud. The file before that is interfaces.bak.
auto lo
iface lo inet loopback

auto /e*=coriolis-dhcp
iface coriolis-dhcp inet dhcp
"""
NETWORKD_TEXT = """\
# All interfaces by DHCP: written when this machine was moved to another
# cloud. What was here before ends in .bak.
[Match]
Name=en* eth*

[Network]
DHCP=yes

[DHCPv4]
ClientIdentifier=mac
"""
NETPLAN_TEXT = """\
# All interfaces by DHCP: written when this machine was moved to another
# cloud. What was here before ends in .bak.
network:
  version: 2
{renderer}  ethernets:
    coriolis-dhcp:
      match:
        name: "e*"
      dhcp4: true
      dhcp-identifier: mac
"""
NETWORKMANAGER_TEXT = """\
[connection]
id=coriolis-dhcp
type=ethernet
autoconnect=true
multi-connect=3

[ipv4]
method=auto

[ipv6]
method=auto
"""
