/** Why a guest was refused, for the hypervisor's log: Xen's words, headed by the vCPU that asked. */
import type { Machine } from "../machine.ts";

export function warn(machine: Machine, text: string): void {
  const { current } = machine;
  machine.log(current === undefined ? text : `d${current.domain.domid}v${current.id} ${text}`);
}

export const hex = (n: number): string => n.toString(16);

/** A 64-bit entry given as two halves. */
export const hex64 = (low: number, high: number): string =>
  (high >>> 0).toString(16).padStart(8, "0") + (low >>> 0).toString(16).padStart(8, "0");

/** `%05lx` of a frame number. */
export const hexMfn = (mfn: number): string => mfn.toString(16).padStart(5, "0");
