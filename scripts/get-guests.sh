#!/usr/bin/env bash
# Obtains a real Linux guest with Debian's own tools and without root: the cloud kernel and a busybox initramfs.
#
#   scripts/get-guests.sh [DIRECTORY]      default: guests-cache/ beside this script's folder
#
# Needs apt-get (with package lists: `apt-get update` once), dpkg-deb, cpio. Leaves vmlinuz-cloud, initrd.img, versions.txt
# and prints the directory. What stands already is kept; remove the directory to start anew.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
out=${1:-$here/guests-cache}
mkdir -p "$out"
out=$(cd "$out" && pwd)

for tool in apt-get apt-cache dpkg-deb cpio gzip; do
  command -v "$tool" >/dev/null || { echo "get-guests: $tool is missing; this script needs a Debian or Ubuntu machine" >&2; exit 1; }
done

if [ -s "$out/vmlinuz-cloud" ] && [ -s "$out/initrd.img" ]; then
  echo "$out"
  exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

kernel_package() { # the package that the meta package linux-image-cloud-amd64 points to
  apt-cache depends linux-image-cloud-amd64 | sed -n 's/^ *Depends: \(linux-image-[0-9][^ ]*\)$/\1/p' | head -n 1
}
package=$(kernel_package)
[ -n "$package" ] || { echo "get-guests: apt knows no linux-image-cloud-amd64; run 'apt-get update' first" >&2; exit 1; }
echo "get-guests: downloading $package, busybox-static" >&2
apt-get download -q "$package" busybox-static >&2
mkdir kernel busybox
dpkg-deb -x "$package"_*.deb kernel
dpkg-deb -x busybox-static_*.deb busybox
cp kernel/boot/vmlinuz-* "$out/vmlinuz-cloud.part"

"$here/scripts/make-initramfs.sh" busybox/bin/busybox "$out/initrd.img.part"
mv "$out/vmlinuz-cloud.part" "$out/vmlinuz-cloud"
mv "$out/initrd.img.part" "$out/initrd.img"
ls *.deb > "$out/versions.txt"
echo "$out"
