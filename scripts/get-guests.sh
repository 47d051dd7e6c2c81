#!/usr/bin/env bash
# Obtains real Linux guests with Debian's own tools and without root: the cloud kernel (packed with LZ4), the generic one
# (xz), a busybox initramfs that both boot, and the same with the cloud kernel's block front end (a module) in it.
#
#   scripts/get-guests.sh [DIRECTORY]      default: guests-cache/ beside this script's folder
#
# Needs apt-get (with package lists: `apt-get update` once), dpkg-deb, cpio. Leaves vmlinuz-cloud,
# vmlinuz-generic, initrd.img, initrd-blk.img, versions.txt and prints the directory. What stands already is kept; remove the directory to
# start anew.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
out=${1:-$here/guests-cache}
mkdir -p "$out"
out=$(cd "$out" && pwd)

for tool in apt-get apt-cache dpkg-deb tar cpio gzip; do
  command -v "$tool" >/dev/null || { echo "get-guests: $tool is missing; this script needs a Debian or Ubuntu machine" >&2; exit 1; }
done

if [ -s "$out/vmlinuz-cloud" ] && [ -s "$out/vmlinuz-generic" ] && [ -s "$out/initrd.img" ] &&
  [ -s "$out/initrd-blk.img" ]; then
  echo "$out"
  exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

kernel_package() { # META: the package that a meta package points to
  local package
  package=$(apt-cache depends "$1" | sed -n 's/^ *Depends: \(linux-image-[0-9][^ ]*\)$/\1/p' | head -n 1)
  [ -n "$package" ] || { echo "get-guests: apt knows no $1; run 'apt-get update' first" >&2; return 1; }
  echo "$package"
}
cloud=$(kernel_package linux-image-cloud-amd64)
generic=$(kernel_package linux-image-amd64)
echo "get-guests: downloading $cloud, $generic, busybox-static" >&2
apt-get download -q "$cloud" "$generic" busybox-static >&2

take_kernel() { # PACKAGE OUTPUT: of hundreds of megabytes of modules only the kernel is written
  mkdir "$1"
  dpkg-deb --fsys-tarfile "$1"_*.deb | tar -x -C "$1" --wildcards './boot/vmlinuz-*'
  mv "$1"/boot/vmlinuz-* "$2.part"
}
take_kernel "$cloud" "$out/vmlinuz-cloud"
take_kernel "$generic" "$out/vmlinuz-generic"
mkdir busybox
dpkg-deb -x busybox-static_*.deb busybox
"$here/scripts/make-initramfs.sh" busybox/bin/busybox "$out/initrd.img.part"
mkdir -p module blk/lib/modules
dpkg-deb --fsys-tarfile "$cloud"_*.deb | tar -x -C module --wildcards './lib/modules/*/xen-blkfront.ko'
find module -name xen-blkfront.ko -exec mv {} blk/lib/modules/ \;
# The kernel unpacks one archive after another.
{
  cat "$out/initrd.img.part"
  (cd blk && find . -exec touch -d @1 {} + && find . -mindepth 1 -print0 | LC_ALL=C sort -z |
    cpio --quiet --null -o -H newc --owner 0:0 --reproducible)
} > "$out/initrd-blk.img.part"
for file in vmlinuz-cloud vmlinuz-generic initrd.img initrd-blk.img; do mv "$out/$file.part" "$out/$file"; done
ls *.deb > "$out/versions.txt"
echo "$out"
