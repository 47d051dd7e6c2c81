/** memory_op: maps of memory, the guest's pseudo-physical one and the M2P's place. */
import { ERRNO } from "../../abi/errno.ts";
import {
  E820_ENTRY_SIZE,
  type E820Entry,
  machphysMapping as mappingLayout,
  memoryMap as memoryMapLayout,
  machphysMfnList as mfnListLayout,
} from "../../abi/memory.ts";
import { MACH2PHYS_MAX_MFN, MACH2PHYS_VIRT_END, MACH2PHYS_VIRT_START } from "../../abi/mmu.ts";
import type { Call } from "../hypercall/context.ts";
import { readGuest, writeGuest, writeGuestU64 } from "./guest-access.ts";
import { domainByAnyId, mayActOn } from "./privilege.ts";

const MAX_E820 = 1024;

/** XENMEM_memory_map: -ENOSYS until the toolstack has set one. */
export function memoryMap(call: Call): number {
  const { machine, domain } = call;
  const bytes = new Uint8Array(memoryMapLayout.size);
  const view = new DataView(bytes.buffer);
  if (!readGuest(machine, call.args[1], bytes)) return -ERRNO.EFAULT;
  const map = domain.memory.memoryMap;
  if (map === undefined || map.length === 0) return -ERRNO.ENOSYS;
  const { nrEntries, buffer } = memoryMapLayout.field;
  const n = Math.min(nrEntries.get(view, 0), map.length);
  const entries = new Uint8Array(n * E820_ENTRY_SIZE);
  const out = new DataView(entries.buffer);
  map.slice(0, n).forEach((entry, i) => {
    out.setBigUint64(i * E820_ENTRY_SIZE, entry.addr, true);
    out.setBigUint64(i * E820_ENTRY_SIZE + 8, entry.size, true);
    out.setUint32(i * E820_ENTRY_SIZE + 16, entry.type, true);
  });
  if (!writeGuest(machine, buffer.get(view, 0), entries)) return -ERRNO.EFAULT;
  nrEntries.set(view, 0, n);
  return writeGuest(machine, call.args[1], bytes) ? 0 : -ERRNO.EFAULT;
}

/** XENMEM_set_memory_map: `struct xen_foreign_memory_map` { domid, map at 8 }. */
export function setMemoryMap(call: Call): number {
  const { machine, domain: caller } = call;
  const bytes = new Uint8Array(8 + memoryMapLayout.size);
  const view = new DataView(bytes.buffer);
  if (!readGuest(machine, call.args[1], bytes)) return -ERRNO.EFAULT;
  const { nrEntries, buffer } = memoryMapLayout.read(view, 8);
  if (nrEntries > MAX_E820) return -ERRNO.EINVAL;
  const domain = domainByAnyId(machine, caller, view.getUint16(0, true));
  if (domain === undefined) return -ERRNO.ESRCH;
  if (!mayActOn(caller, domain)) return -ERRNO.EPERM;
  const entries = new Uint8Array(nrEntries * E820_ENTRY_SIZE);
  if (!readGuest(machine, buffer, entries)) return -ERRNO.EFAULT;
  const read = new DataView(entries.buffer);
  const map: E820Entry[] = [];
  for (let at = 0; at < entries.length; at += E820_ENTRY_SIZE) {
    map.push({
      addr: read.getBigUint64(at, true),
      size: read.getBigUint64(at + 8, true),
      type: read.getUint32(at + 16, true),
    });
  }
  domain.memory.memoryMap = map;
  return 0;
}

/** XENMEM_machphys_mapping */
export function machphysMapping(call: Call): number {
  const bytes = new Uint8Array(mappingLayout.size);
  mappingLayout.write(new DataView(bytes.buffer), 0, {
    vStart: MACH2PHYS_VIRT_START,
    vEnd: MACH2PHYS_VIRT_END,
    maxMfn: MACH2PHYS_MAX_MFN,
  });
  return writeGuest(call.machine, call.args[1], bytes) ? 0 : -ERRNO.EFAULT;
}

/** XENMEM_machphys_mfn_list: the frame at each 2 MiB of the table. */
export function machphysMfnList(call: Call): number {
  const { machine } = call;
  const { m2p } = machine.frames;
  const bytes = new Uint8Array(mfnListLayout.size);
  const view = new DataView(bytes.buffer);
  if (!readGuest(machine, call.args[1], bytes)) return -ERRNO.EFAULT;
  const { maxExtents, extentStart, nrExtents } = mfnListLayout.field;
  const n = Math.min(maxExtents.get(view, 0), Math.ceil(m2p.frames / 512));
  for (let i = 0; i < n; i++) {
    const at = BigInt.asUintN(64, extentStart.get(view, 0) + BigInt(i) * 8n);
    if (!writeGuestU64(machine, at, BigInt(m2p.first + i * 512))) return -ERRNO.EFAULT;
  }
  nrExtents.set(view, 0, n);
  return writeGuest(machine, call.args[1], bytes) ? 0 : -ERRNO.EFAULT;
}
