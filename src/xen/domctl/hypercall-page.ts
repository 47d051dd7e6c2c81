/** The hypercall page of a PV64 guest: 32 bytes a number, `push rcx; push r11; mov eax, N; syscall; pop r11; pop rcx; ret`. */
import type { XenResult } from "../../abi/errno.ts";
import { done, refuse } from "../../abi/errno.ts";
import { HYPERCALL } from "../../abi/hypercall.ts";
import type { Domain } from "../domain/domain.ts";
import type { Machine } from "../machine.ts";
import { getWritableFrame, putWritableFrame } from "../memory/references.ts";

const STUB_BYTES = 32;
const INT3 = 0xcc;

function stub(number: number): number[] {
  const move = [0xb8, number & 0xff, number >>> 8, 0, 0];
  // iret does not return: RCX, R11 and RAX stay on the stack, where it looks for them.
  if (number === HYPERCALL.iret) return [0x51, 0x41, 0x53, 0x50, ...move, 0x0f, 0x05];
  return [0x51, 0x41, 0x53, ...move, 0x0f, 0x05, 0x41, 0x5b, 0x59, 0xc3];
}

/** EACCES: not his, or in use as a page table. */
export function fillHypercallPage(machine: Machine, domain: Domain, mfn: number): XenResult {
  if (!getWritableFrame(machine, mfn, domain.domid)) return refuse("EACCES");
  const { mem } = machine.engine;
  const at = mem.writeAddress(mfn);
  if (at !== 0) {
    mem.u8.fill(INT3, at, at + 4096);
    for (let number = 0; number < 4096 / STUB_BYTES; number++)
      mem.u8.set(stub(number), at + number * STUB_BYTES);
    mem.noteWrite(mfn, 0, 4096);
  }
  putWritableFrame(machine, mfn);
  return at === 0 ? refuse("ENOMEM") : done;
}
