#!/bin/sh
# Builds the stub domain in C (src/guests/c-hello) with a plain gcc for x86-64: scripts/build-c-hello.sh [OUTPUT [SOURCE.c]]
# Another source gets the same start code and linker script: see docs/stub-domains.md.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
sources=$here/src/guests/c-hello
output=${1:-$here/build/hello-c.elf}
main=${2:-$sources/main.c}
mkdir -p "$(dirname "$output")"
exec "${CC:-gcc}" -m64 -O2 -Wall -ffreestanding -nostdlib -static -no-pie -fno-pie -fno-stack-protector \
	-fno-asynchronous-unwind-tables -fcf-protection=none -mcmodel=kernel -mno-red-zone -mgeneral-regs-only \
	-Wl,--build-id=none -Wl,-z,noexecstack -Wl,--no-warn-rwx-segments -Wl,-T,"$sources/hello.lds" \
	-o "$output" "$sources/start.S" "$main"
