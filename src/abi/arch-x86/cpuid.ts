/** public/arch-x86/cpuid.h: where Xen's leaves lie. */
export const XEN_CPUID_FIRST_LEAF = 0x4000_0000;
export const XEN_CPUID_SIGNATURE_EBX = 0x566e_6558; // "XenV"
export const XEN_CPUID_SIGNATURE_ECX = 0x6558_4d4d; // "MMXe"
export const XEN_CPUID_SIGNATURE_EDX = 0x4d4d_566e; // "nVMM"
export const XEN_CPUID_MAX_NUM_LEAVES = 5;
