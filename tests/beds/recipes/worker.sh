#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# mmdebstrap hook: the temporary worker machine. Any cloud image with
# cloud-init would do; this one is trimmed, because under emulation every
# module of cloud-init and every unit costs a second or more.
set -eu
root=$1

echo worker >"$root/etc/hostname"
printf '127.0.0.1 localhost\n127.0.1.1 worker\n' >"$root/etc/hosts"
echo '/dev/vda1 / ext4 errors=remount-ro 0 1' >"$root/etc/fstab"

cat >"$root/etc/cloud/cloud.cfg.d/90_dpkg.cfg" <<X
datasource_list: [NoCloud, None]
X
# Naming the one data source spares ds-identify its search.
echo 'policy: search,found=first,maybe=none,notfound=disabled' \
    >"$root/etc/cloud/ds-identify.cfg"
cat >"$root/etc/cloud/cloud.cfg.d/95_fast.cfg" <<X
locale: false
package_update: false
package_upgrade: false
manage_etc_hosts: false
ssh_genkeytypes: [ed25519]
no_ssh_fingerprints: true
ssh: {emit_keys_to_console: false}
apt: {preserve_sources_list: true}
cloud_init_modules: [bootcmd, write-files, set_hostname, users-groups, ssh]
cloud_config_modules: [runcmd]
cloud_final_modules: [scripts-user]
X
cat >"$root/etc/default/grub" <<X
GRUB_DEFAULT=0
GRUB_TIMEOUT=0
GRUB_DISTRIBUTOR=Debian
GRUB_CMDLINE_LINUX_DEFAULT="quiet loglevel=3 systemd.show_status=false"
GRUB_CMDLINE_LINUX="console=ttyS0,115200 net.ifnames=0 mitigations=off nokaslr audit=0 apparmor=0 tsc=reliable random.trust_cpu=on"
GRUB_TERMINAL=console
GRUB_DISABLE_OS_PROBER=true
X
printf 'MODULES=list\nCOMPRESS=lz4\n' >"$root/etc/initramfs-tools/conf.d/fast"
printf '%s\n' virtio_pci virtio_blk virtio_scsi virtio_net sd_mod ext4 \
    crc32c_generic >>"$root/etc/initramfs-tools/modules"
chroot "$root" update-initramfs -u >/dev/null

# Where the seed says nothing of the network, all of it is DHCP.
mkdir -p "$root/etc/systemd/network"
cat >"$root/etc/systemd/network/99-dhcp.network" <<X
[Match]
Type=ether

[Network]
DHCP=ipv4
LinkLocalAddressing=no
IPv6AcceptRA=no
X

# The agent is reached by address; nothing here resolves names.
chroot "$root" systemctl -q enable systemd-networkd ssh
rm -f "$root"/etc/ssh/ssh_host_*
for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer \
    e2scrub_all.timer e2scrub_reap.service fstrim.timer man-db.timer \
    getty@tty1.service serial-getty@ttyS0.service apparmor.service \
    lvm2-monitor.service lvm2-lvmpolld.socket dm-event.socket \
    systemd-pstore.service systemd-binfmt.service \
    systemd-update-utmp.service systemd-update-utmp-runlevel.service \
    systemd-networkd-wait-online.service systemd-timesyncd.service \
    systemd-random-seed.service kmod-static-nodes.service \
    modprobe@drm.service modprobe@fuse.service modprobe@efi_pstore.service \
    modprobe@configfs.service sys-kernel-debug.mount \
    sys-kernel-tracing.mount dev-hugepages.mount dev-mqueue.mount \
    sys-fs-fuse-connections.mount sys-kernel-config.mount \
    systemd-logind.service systemd-user-sessions.service \
    cloud-init-hotplugd.socket; do
    ln -sf /dev/null "$root/etc/systemd/system/$unit"
done
# Import time is most of cloud-init's time; keep the compiled modules.
chroot "$root" python3 -m compileall -q /usr/lib/python3/dist-packages \
    /usr/lib/python3.11 || :
# Nobody is kept out while the machine still starts.
ln -sf /dev/null "$root/etc/tmpfiles.d/systemd-nologin.conf"
: >"$root/etc/machine-id"
