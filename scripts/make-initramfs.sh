#!/usr/bin/env bash
# Makes a small initramfs around a static busybox: mounts what a shell wants, starts one on the Xen console.
#
#   scripts/make-initramfs.sh BUSYBOX OUTPUT
#
# Built without root: /dev/console comes from a cpio header written by hand, as mknod would need privileges.
set -euo pipefail
busybox=$1
output=$2
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree"/{bin,dev,proc,sys,tmp,etc}
install -m755 "$busybox" "$tree/bin/busybox"
for applet in sh mount; do ln -s busybox "$tree/bin/$applet"; done
printf 'xlab\n' > "$tree/etc/known"
for i in $(seq 1 2000); do echo "line $i of a file whose md5sum is known"; done >> "$tree/etc/known"
cat > "$tree/init" <<'INIT'
#!/bin/sh
/bin/busybox mkdir -p /usr/bin /usr/sbin /sbin
/bin/busybox --install -s
exec /sbin/init
INIT
cat > "$tree/etc/inittab" <<'INIT'
::sysinit:/etc/rc
hvc0::respawn:-/bin/sh
INIT
cat > "$tree/etc/rc" <<'INIT'
#!/bin/sh
# run=SCRIPT on the kernel's command line, in base64, is run once before the shell.
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
hostname xlab
for word in $(cat /proc/cmdline); do
  case $word in run=*) echo "${word#run=}" | base64 -d | sh ;; esac
done
echo
echo "busybox on Linux $(uname -r); 'poweroff' ends the domain"
INIT
chmod 755 "$tree/init" "$tree/etc/rc"

# newc header of an empty entry: a directory or a device node
entry() { # mode name major minor inode
  local name=$2 size=$((${#2} + 1))
  printf '070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X' \
    "$5" $(($1)) 0 0 1 0 0 0 0 "$3" "$4" "$size" 0
  printf '%s\0' "$name"
  local pad=$(((4 - (110 + size) % 4) % 4))
  head -c "$pad" /dev/zero
}
{
  entry 0040755 dev 0 0 900000
  entry 0020600 dev/console 5 1 900001
  entry 0020600 dev/hvc0 229 0 900002
  (cd "$tree" && find . -exec touch -h -d @1 {} + && find . -mindepth 1 ! -path ./dev -print0 | LC_ALL=C sort -z |
    cpio --quiet --null -o -H newc --owner 0:0 --reproducible)
} > "$output"
