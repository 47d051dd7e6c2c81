/** Virtual addresses of x86-64 as Xen divides them. Unsigned 64-bit bigints. */

/** Xen's own: PML4 slots 256..271 (public/arch-x86/xen-x86_64.h). */
const HYPERVISOR_VIRT_START = 0xffff_8000_0000_0000n;
const HYPERVISOR_VIRT_END = 0xffff_8800_0000_0000n;

const LOW_END = 0x0000_8000_0000_0000n;
const TOP = 1n << 64n;

/** Why a guest cannot have [from, to) mapped; undefined: it can. `to` may be 2^64. */
export function notMappable(from: bigint, to: bigint): string | undefined {
  if (to < from) return "ends before it starts";
  if (to > TOP) return "wraps past the top of the address space";
  if (from < LOW_END && to <= LOW_END) return undefined;
  if (from < HYPERVISOR_VIRT_START) return "is not canonical (48-bit addresses, sign extended)";
  if (from < HYPERVISOR_VIRT_END)
    return "lies in the range that Xen keeps for itself (0xffff800000000000 to 0xffff87ffffffffff)";
  return undefined;
}
