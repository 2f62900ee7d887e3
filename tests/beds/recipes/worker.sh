#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# RECIPE ROOT: make of the packages in ROOT the temporary worker machine. Any
# cloud image with cloud-init would do; this one is trimmed, because under
# emulation every process that starts before SSH costs a good part of a
# second, and each stage of cloud-init several.
set -eu
root=$1

echo worker >"$root/etc/hostname"
printf '127.0.0.1 localhost\n127.0.1.1 worker\n' >"$root/etc/hosts"
# Mounted writable by the kernel, and never twice: it lives for an hour.
echo '/dev/vda1 / ext4 defaults 0 0' >"$root/etc/fstab"

# cloud-init: the seed is read once, by the stage that also makes users and
# keys. The stage before it (init-local) is for networks that the seed
# describes; here all of them are DHCP. The stages after it run commands that
# a seed may ask for; ours asks for none, and the agent comes over SSH.
cat >"$root/etc/cloud/cloud.cfg.d/90_dpkg.cfg" <<X
datasource_list: [NoCloud, None]
X
echo 'policy: enabled' >"$root/etc/cloud/ds-identify.cfg"
cat >"$root/etc/cloud/cloud.cfg.d/95_fast.cfg" <<X
network: {config: disabled}
locale: false
package_update: false
package_upgrade: false
manage_etc_hosts: false
ssh_genkeytypes: [ed25519]
no_ssh_fingerprints: true
ssh: {emit_keys_to_console: false}
cloud_init_modules: [bootcmd, write-files, set_hostname, users-groups, ssh]
cloud_config_modules: []
cloud_final_modules: []
X
# Without it cloud-init says that it skips the check of its own schema.
rm -rf "$root/usr/lib/python3/dist-packages/jsonschema"

mkdir -p "$root/etc/systemd/network"
cat >"$root/etc/systemd/network/99-dhcp.network" <<X
[Match]
Type=ether

[Network]
DHCP=ipv4
LinkLocalAddressing=no
IPv6AcceptRA=no

[DHCPv4]
UseHostname=no
UseTimezone=no
SendHostname=no
X

cat >"$root/etc/default/grub" <<X
GRUB_DEFAULT=0
GRUB_TIMEOUT=0
GRUB_DISTRIBUTOR=Debian
GRUB_CMDLINE_LINUX_DEFAULT="quiet loglevel=3 systemd.show_status=false rw fsck.mode=skip"
GRUB_CMDLINE_LINUX="console=ttyS0,115200 net.ifnames=0 mitigations=off nokaslr audit=0 apparmor=0 tsc=reliable random.trust_cpu=on cryptomgr.notests"
GRUB_TERMINAL=console
GRUB_DISABLE_OS_PROBER=true
X

# An initrd of five modules and one script: no udev, no search.
mkdir -p "$root/etc/initramfs-tools/conf.d"
cat >"$root/usr/local/sbin/small-initrd" <<'X'
#!/bin/sh
set -eu
version=$1
tree=$(mktemp -d)
mkdir -p "$tree/bin" "$tree/mnt" "$tree/proc" "$tree/sys" "$tree/dev"
cp /bin/busybox "$tree/bin/busybox"
n=0
for name in virtio_pci virtio_blk virtio_scsi sd_mod crc32c_generic ext4; do
    modprobe -S "$version" --show-depends "$name" | while read -r _ path _; do
        [ -f "$path" ] || continue
        grep -qxF "$path" "$tree/list" 2>/dev/null || echo "$path" >>"$tree/list"
    done
done
while read -r path; do
    n=$((n + 1))
    cp "$path" "$tree/$(printf %02d $n).ko"
done <"$tree/list"
rm "$tree/list"
cat >"$tree/init" <<'I'
#!/bin/busybox sh
b=/bin/busybox
$b mount -t devtmpfs dev /dev
$b mount -t proc proc /proc
for module in /*.ko; do $b insmod $module; done
n=0
while ! $b mount -t ext4 /dev/vda1 /mnt 2>/dev/null; do
    n=$((n + 1))
    [ $n -lt 200 ] || exec $b sh
    $b sleep 0.1
done
$b umount /proc
$b mount --move /dev /mnt/dev
exec $b switch_root /mnt /sbin/init
I
chmod 755 "$tree/init"
(cd "$tree" && find . | cpio --quiet -o -H newc) | lz4 -l -9 -q >"/boot/initrd.img-$version"
rm -rf "$tree"
X
chmod 755 "$root/usr/local/sbin/small-initrd"
for path in "$root"/lib/modules/*; do
    chroot "$root" /usr/local/sbin/small-initrd "${path##*/}"
done

# sshd as one process: no test run before it, no PAM modules that look for
# mail, news or a seat.
mkdir -p "$root/etc/systemd/system/ssh.service.d"
cat >"$root/etc/systemd/system/ssh.service.d/fast.conf" <<X
[Unit]
After=
After=cloud-init.service
[Service]
Type=exec
ExecStartPre=
X
sed -i '/pam_motd\|pam_mail\|pam_env\|pam_selinux\|pam_keyinit\|pam_limits/d' \
    "$root/etc/pam.d/sshd"
sed -i '/pam_systemd/d' "$root/etc/pam.d/common-session"
# The default exchange is post-quantum and a second of emulated work.
cat >"$root/etc/ssh/sshd_config.d/fast.conf" <<X
KexAlgorithms curve25519-sha256
UseDNS no
X
rm -f "$root"/etc/ssh/ssh_host_*

for name in cryptsetup gpt-auto hibernate-resume integritysetup rc-local run \
    sysv veritysetup getty bless-boot debug system-update; do
    mkdir -p "$root/etc/systemd/system-generators"
    ln -sf /dev/null \
        "$root/etc/systemd/system-generators/systemd-$name-generator"
done
mkdir -p "$root/etc/systemd/journald.conf.d" "$root/etc/modprobe.d"
printf '[Journal]\nStorage=volatile\n' \
    >"$root/etc/systemd/journald.conf.d/fast.conf"
for name in kvm kvm_amd kvm_intel powernow_k8 floppy psmouse pcspkr \
    i2c_piix4 i2c_i801 iTCO_wdt lpc_ich bochs drm button evdev parport \
    parport_pc ppdev joydev serio_raw; do
    echo "install $name /bin/true"
done >"$root/etc/modprobe.d/fast.conf"

chroot "$root" systemctl -q enable systemd-networkd ssh
chroot "$root" systemctl -q set-default multi-user.target
for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer \
    e2scrub_all.timer e2scrub_reap.service fstrim.timer man-db.timer \
    getty@tty1.service serial-getty@ttyS0.service getty.target \
    apparmor.service lvm2-monitor.service lvm2-lvmpolld.socket \
    dm-event.socket blk-availability.service systemd-pstore.service \
    systemd-binfmt.service proc-sys-fs-binfmt_misc.automount \
    systemd-update-utmp.service systemd-update-utmp-runlevel.service \
    systemd-networkd-wait-online.service systemd-timesyncd.service \
    systemd-random-seed.service kmod-static-nodes.service \
    modprobe@drm.service modprobe@fuse.service modprobe@efi_pstore.service \
    modprobe@configfs.service modprobe@dm_mod.service modprobe@loop.service \
    sys-kernel-debug.mount sys-kernel-tracing.mount dev-hugepages.mount \
    dev-mqueue.mount sys-fs-fuse-connections.mount sys-kernel-config.mount \
    systemd-logind.service systemd-user-sessions.service \
    systemd-remount-fs.service systemd-fsck-root.service \
    systemd-fsckd.socket systemd-fsckd.service systemd-initctl.socket \
    systemd-sysusers.service systemd-machine-id-commit.service \
    systemd-journal-flush.service systemd-modules-load.service \
    systemd-network-generator.service systemd-sysctl.service \
    systemd-ask-password-console.path systemd-ask-password-wall.path \
    systemd-tmpfiles-clean.timer systemd-repart.service \
    cloud-init-local.service cloud-init-hotplugd.socket \
    cloud-config.service cloud-final.service; do
    ln -sf /dev/null "$root/etc/systemd/system/$unit"
done
# Nobody is kept out while the machine still starts.
ln -sf /dev/null "$root/etc/tmpfiles.d/systemd-nologin.conf"
: >"$root/etc/machine-id"
