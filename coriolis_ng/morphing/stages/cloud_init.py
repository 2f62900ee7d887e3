# SPDX-License-Identifier: Apache-2.0
"""cloud-init, so that the destination can talk to the guest, and quietly:
the guest stays the machine that it was."""

from __future__ import annotations

from coriolis_ng import errors
from coriolis_ng.morphing import packages
from coriolis_ng.morphing.guest import Guest
from coriolis_ng.morphing.root import Root
from coriolis_ng.morphing.stages.base import Stage
from coriolis_ng.morphing.target import Target

PATH = '/etc/cloud/cloud.cfg.d/99_coriolis.cfg'
DOWNLOAD_SECONDS = 300.0

# The new platform is a new instance to cloud-init, which would make host
# keys, users, a host name and package sources anew.
CONFIG = """\
# Written when this machine was moved to another cloud: it keeps its identity.
datasource_list: [ {sources} ]
preserve_hostname: true
manage_etc_hosts: false
ssh_deletekeys: false
disable_root: false
users: []
locale: false
apt:
  preserve_sources_list: true
grub_dpkg:
  enabled: false
growpart:
  mode: 'off'
resize_rootfs: false
network:
  config: disabled
"""


class CloudInit(Stage):
    """Install cloud-init where a package source answers quickly, and write
    /etc/cloud/cloud.cfg.d/99_coriolis.cfg.

    Without a package source the guest is left without cloud-init, and a
    note says so. Optional: nothing that is needed to boot.
    """

    name = 'cloud_init'
    optional = True

    @classmethod
    def applies(cls, guest: Guest, target: Target) -> bool:
        """Where cloud-init is installed, or may be."""
        can = target.install_cloud_init and guest.package_tool == 'apt'
        return guest.is_linux and (bool(guest.cloud_init) or can)

    def run(self, root: Root, guest: Guest, target: Target) -> None:
        """Installs it where a package source answers, and writes our one file;
        a guest without sources stays without it, with a note."""
        if not guest.cloud_init and not self._installed(root, target):
            return
        root.write(PATH, CONFIG.format(sources=', '.join(target.datasources)))
        if root.exists('/etc/cloud/cloud-init.disabled'):
            self.note('cloud-init is disabled in the guest and stays so.')
        self.note(
            'cloud-init looks at '
            f'{", ".join(target.datasources)} and keeps the identity.'
        )

    def _installed(self, root: Root, target: Target) -> bool:
        reachable = target.package_source
        if reachable is None:
            reachable = packages.source_reachable(root, target.probe_seconds)
        if not reachable:
            self.note(
                'No package source of the guest is reachable: cloud-init is '
                'not installed, the other stages configure the guest.'
            )
            return False
        try:
            packages.install(root, ('cloud-init',), DOWNLOAD_SECONDS)
        except (errors.Canceled, errors.Unreachable):
            raise
        except errors.CoriolisError as error:
            self.note(
                f'cloud-init could not be installed ({error.message}); the '
                'other stages configure the guest.'
            )
            return False
        self.note('Installed cloud-init.')
        return True
