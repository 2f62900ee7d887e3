#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# disk.sh PACKAGES.tar.zst RECIPE DISK.qcow2 SIZE: a bootable disk (BIOS, MBR,
# GRUB, one ext4 partition) from a root file system that RECIPE makes a
# machine of.
#
# Not every kernel reads partition tables of loop devices, so partx tells it;
# nothing here needs nbd or the device mapper.
set -euo pipefail
tree=$1 recipe=$2 out=$3 size=$4
raw=$out.raw
rm -f "$raw"
truncate -s "$size" "$raw"
echo 'start=2048,type=83,bootable' | sfdisk -q --label dos "$raw"

loop=$(losetup -f --show "$raw")
mnt=$(mktemp -d)
cleanup() {
    umount "$mnt/dev" "$mnt/proc" "$mnt/sys" 2>/dev/null || :
    umount "$mnt" 2>/dev/null || :
    partx -d "$loop" 2>/dev/null || :
    losetup -d "$loop"
    rmdir "$mnt" || :
    rm -f "$raw"
}
trap cleanup EXIT
partx -a "$loop"
mke2fs -q -t ext4 -L root "${loop}p1"
mount "${loop}p1" "$mnt"
zstd -dcq "$tree" | tar -C "$mnt" -x --numeric-owner --xattrs
for dir in dev proc sys; do mount --bind "/$dir" "$mnt/$dir"; done
"$recipe" "$mnt"
chroot "$mnt" grub-install --target=i386-pc "$loop" >/dev/null 2>&1
chroot "$mnt" update-grub >/dev/null 2>&1
# GRUB wrote down the loop device, for want of /dev/disk/by-uuid.
uuid=$(blkid -p -s UUID -o value "${loop}p1")
root=UUID=$uuid
! grep -q '^GRUB_DISABLE_LINUX_UUID=true' "$mnt/etc/default/grub" ||
    root=/dev/vda1
sed -i "s#root=${loop}p1#root=$root#; s#'hostdisk//dev/loop[0-9]*,#'hd0,#" \
    "$mnt/boot/grub/grub.cfg"
if grep "${loop##*/}" "$mnt/boot/grub/grub.cfg"; then exit 1; fi
umount "$mnt/dev" "$mnt/proc" "$mnt/sys" "$mnt"
qemu-img convert -f raw -O qcow2 -o compat=1.1 "$raw" "$out"
