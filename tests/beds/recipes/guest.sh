#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# RECIPE ROOT: make of the packages in ROOT the guest that is replicated. It
# is as somebody else would have left it: disks named by device, network bound
# to one interface name, no cloud-init, a hypervisor's tools installed; so
# morphing has work.
set -eu
root=$1

echo guest >"$root/etc/hostname"
printf '127.0.0.1 localhost\n127.0.1.1 guest\n' >"$root/etc/hosts"
cat >"$root/etc/fstab" <<X
/dev/vda1 / ext4 errors=remount-ro 0 1
/dev/vdb /data ext4 defaults 0 2
X
mkdir -p "$root/data"
mkdir -p "$root/etc/systemd/network"
cat >"$root/etc/systemd/network/10-lan.network" <<X
[Match]
Name=enp1s0

[Network]
DHCP=ipv4
LinkLocalAddressing=no
IPv6AcceptRA=no
X
install -d -m 700 "$root/root/.ssh"
install -m 600 "$LAB_KEY.pub" "$root/root/.ssh/authorized_keys"

cat >"$root/etc/default/grub" <<X
GRUB_DEFAULT=0
GRUB_TIMEOUT=0
GRUB_DISTRIBUTOR=Debian
GRUB_CMDLINE_LINUX_DEFAULT="quiet"
GRUB_CMDLINE_LINUX="console=ttyS0,115200 mitigations=off cryptomgr.notests"
GRUB_TERMINAL=console
GRUB_DISABLE_LINUX_UUID=true
GRUB_DISABLE_OS_PROBER=true
X

# Writes all the time, to both disks: one numbered line, then fsync.
cat >"$root/usr/local/sbin/ticker" <<'X'
#!/bin/sh
n=0
[ ! -s /data/ticker.log ] || n=$(tail -n 1 /data/ticker.log | cut -d' ' -f1)
while :; do
    n=$((n + 1))
    line="$n $(date +%s.%N)"
    for file in /data/ticker.log /var/lib/ticker.log; do
        echo "$line" >>$file
        sync $file
    done
    sleep 0.5
done
X
chmod 755 "$root/usr/local/sbin/ticker"
cat >"$root/etc/systemd/system/ticker.service" <<X
[Unit]
Description=Write a line to both disks twice a second
RequiresMountsFor=/data

[Service]
ExecStart=/usr/local/sbin/ticker
Restart=always

[Install]
WantedBy=multi-user.target
X
# Under emulation the post-quantum key exchange takes a second of each login.
echo 'KexAlgorithms curve25519-sha256' \
    >"$root/etc/ssh/sshd_config.d/emulated.conf"
chroot "$root" systemctl -q enable ticker systemd-networkd ssh

# A stand-in for another hypervisor's tools: the name is what is looked for.
mkdir -p "$root/tmp/tools/DEBIAN"
cat >"$root/tmp/tools/DEBIAN/control" <<X
Package: open-vm-tools
Version: 2:12.0~standin
Architecture: all
Maintainer: nobody <nobody@example.org>
Description: empty stand-in for tests
X
chroot "$root" dpkg-deb -b /tmp/tools /tmp/tools.deb >/dev/null
chroot "$root" dpkg -i /tmp/tools.deb >/dev/null
rm -rf "$root/tmp/tools" "$root/tmp/tools.deb"

for unit in apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer \
    e2scrub_reap.service dpkg-db-backup.timer man-db.timer fstrim.timer; do
    ln -sf /dev/null "$root/etc/systemd/system/$unit"
done
: >"$root/etc/machine-id"
