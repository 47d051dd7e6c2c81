#!/usr/bin/env bash
# Makes a disk image with a full Debian 12: debootstrap's minbase with systemd, Debian's cloud kernel with the initrd that
# its own tools make, the grub.cfg that grub-mkconfig writes, one ext4 partition behind an MBR. root's password is "xlab".
#
#   scripts/make-debian-image.sh [DIRECTORY]      default: guests-cache/ beside this script's folder
#
# Needs root (debootstrap unpacks with chroot; nothing is mounted), debootstrap, e2fsprogs, sfdisk, and some minutes for
# 80 MB from Debian's archive. Leaves debian.img, debian-vmlinuz, debian-initrd.img and prints the directory; what stands
# already is kept. ROOT=DIRECTORY uses a tree that debootstrap has made.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
out=${1:-$here/guests-cache}
mkdir -p "$out"
out=$(cd "$out" && pwd)
if [ -s "$out/debian.img" ]; then echo "$out"; exit 0; fi
for tool in debootstrap mkfs.ext4 sfdisk chroot; do
  command -v "$tool" >/dev/null || { echo "make-debian-image: $tool is missing" >&2; exit 1; }
done

PACKAGES=systemd,systemd-sysv,dbus,udev,login,passwd,e2fsprogs,initramfs-tools,linux-image-cloud-amd64,grub-common
MIB=1024 # of the disk; the partition begins at 1 MiB
FS_UUID=5d0c2a52-6a5c-4c7e-9d5b-786c61620012
DISK_ID=0x786c6162

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=${ROOT:-$work/root}
if [ ! -x "$root/sbin/init" ]; then
  debootstrap --variant=minbase --include="$PACKAGES" bookworm "$root" http://deb.debian.org/debian >&2
fi
rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
echo xlab > "$root/etc/hostname"
echo "root:xlab" | chroot "$root" chpasswd
echo "UUID=$FS_UUID / ext4 errors=remount-ro 0 1" > "$root/etc/fstab"
mkdir -p "$root/boot/grub" "$root/etc/default"
cat > "$root/etc/default/grub" <<'CONF'
GRUB_DEFAULT=0
GRUB_TIMEOUT=5
GRUB_DISTRIBUTOR=`lsb_release -i -s 2> /dev/null || echo Debian`
GRUB_CMDLINE_LINUX_DEFAULT="quiet"
GRUB_CMDLINE_LINUX="console=hvc0"
CONF

# grub-mkconfig asks grub-probe about the disk that / lies on. Nothing is mounted, so the answers are given from what the
# disk will be; what grub-mkconfig makes of them is left as it is.
probe="$root/usr/sbin/grub-probe"
mv "$probe" "$probe.real"
cat > "$probe" <<PROBE
#!/bin/sh
for word; do case \$word in --target=*) target=\${word#--target=} ;; -t) target=next ;; *) [ "\$target" = next ] && target=\$word ;; esac; done
case \$target in
  device) echo /dev/xvda1 ;;
  disk) echo /dev/xvda ;;
  fs) echo ext2 ;;
  fs_uuid) echo $FS_UUID ;;
  partuuid) echo ${DISK_ID#0x}-01 ;;
  partmap) echo msdos ;;
  abstraction) ;;
  hints_string) echo "--hint-bios=hd0,msdos1 --hint-efi=hd0,msdos1 --hint-baremetal=ahci0,msdos1" ;;
  compatibility_hint) echo hd0,msdos1 ;;
  *) exit 1 ;;
esac
PROBE
chmod 755 "$probe"
chroot "$root" grub-mkconfig -o /boot/grub/grub.cfg >&2
mv "$probe.real" "$probe"

cp "$(ls "$root"/boot/vmlinuz-* | tail -n 1)" "$out/debian-vmlinuz"
cp "$(ls "$root"/boot/initrd.img-* | tail -n 1)" "$out/debian-initrd.img"
truncate -s $((MIB - 1))M "$work/partition"
mkfs.ext4 -q -U "$FS_UUID" -L debian -d "$root" "$work/partition"
truncate -s ${MIB}M "$work/disk"
printf 'label: dos\nlabel-id: %s\nstart=2048, type=83, bootable\n' "$DISK_ID" | sfdisk -q "$work/disk"
dd if="$work/partition" of="$work/disk" bs=1M seek=1 conv=notrunc,sparse status=none
mv "$work/disk" "$out/debian.img.part"
mv "$out/debian.img.part" "$out/debian.img"
echo "$out"
