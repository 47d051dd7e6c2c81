import { expect, test } from "vitest";
import { GTF_permit_access, GTF_reading, GTF_writing } from "../../../src/abi/grant-table.ts";
import { type Domid, Gfn, Gref } from "../../../src/abi/types.ts";
import { gnttabCalls } from "../../../src/xen/gnttab/gate.ts";
import { addDomain, counts, destroy, makeGuest, makeMachine } from "../test-machine.ts";

const ONE = 1 as Domid;
const ZERO = 0 as Domid;

function setUp() {
  const t = makeMachine();
  const dom0 = addDomain(t.machine, 0, { privileged: true });
  const guest = makeGuest(t, 1);
  const gate = gnttabCalls(t.machine, dom0);
  const flags = (ref: number): number =>
    t.engine.mem.view.getUint16(
      t.engine.mem.readAddress(guest.domain.grants.frames[0] as number) + ref * 8,
      true,
    );
  return { t, dom0, guest, gate, flags };
}

test("a seeded grant is mapped by its peer, and by nobody else", () => {
  const { t, guest, gate, flags } = setUp();
  const mfn = guest.mfns[20] as number;
  expect(gate.seed(ONE, Gref(1), ZERO, Gfn(mfn)).ok).toBe(true);
  const mapped = gate.map(ONE, Gref(1), "write");
  if (!mapped.ok) throw new Error(mapped.errno);
  expect(flags(1)).toBe(GTF_permit_access | GTF_reading | GTF_writing);
  mapped.value.setUint32(8, 99);
  expect(guest.get(20, 8)).toBe(99n);
  mapped.value.unmap();
  expect(flags(1)).toBe(GTF_permit_access);
  expect(counts(t.machine, mfn)).toMatchObject({ count: 2, typeCount: 1 });
  const stranger = gnttabCalls(t.machine, addDomain(t.machine, 2));
  expect(stranger.map(ONE, Gref(1), "read")).toEqual({ ok: false, errno: "EINVAL" });
  expect(stranger.seed(ONE, Gref(2), ZERO, Gfn(mfn))).toEqual({ ok: false, errno: "EPERM" });
  expect(gate.map(ONE, Gref(5000), "read")).toEqual({ ok: false, errno: "EINVAL" });
  expect(gate.map(9 as Domid, Gref(1), "read")).toEqual({ ok: false, errno: "ESRCH" });
  expect(gate.seed(ONE, Gref(512), ZERO, Gfn(mfn))).toEqual({ ok: false, errno: "EINVAL" });
});

test("bytes are copied out of and into a grant", () => {
  const { guest, gate, flags } = setUp();
  gate.seed(ONE, Gref(1), ZERO, Gfn(guest.mfns[20] as number));
  guest.put(20, [0x0807_0605_0403_0201n]);
  const out = gate.copyFrom(ONE, Gref(1), 2, 4);
  expect(out.ok && [...out.value]).toEqual([3, 4, 5, 6]);
  expect(gate.copyTo(ONE, Gref(1), 4094, Uint8Array.of(7, 8)).ok).toBe(true);
  expect(guest.get(20, 4088) >> 48n).toBe(0x0807n);
  expect(gate.copyTo(ONE, Gref(1), 4095, Uint8Array.of(7, 8))).toEqual({ ok: false, errno: "EINVAL" });
  expect(gate.copyFrom(ONE, Gref(2), 0, 1)).toEqual({ ok: false, errno: "EINVAL" });
  expect(flags(1)).toBe(GTF_permit_access);
});

test("the guest dies while dom0 has its ring: the frame stays, then goes", () => {
  const { t, guest, gate } = setUp();
  gate.seed(ONE, Gref(1), ZERO, Gfn(guest.mfns[20] as number));
  const mapped = gate.map(ONE, Gref(1), "write");
  if (!mapped.ok) throw new Error(mapped.errno);
  destroy(t, guest.domain);
  expect(guest.domain.memory.totPages).toBe(1);
  mapped.value.setUint8(0, 1);
  mapped.value.unmap();
  expect(guest.domain.memory.totPages).toBe(0);
});

test("a TypeScript domain that dies gives back what it had mapped", () => {
  const { t, guest } = setUp();
  const stub = addDomain(t.machine, 2);
  const dom0 = gnttabCalls(t.machine, t.machine.domains.get(ZERO) as never);
  dom0.seed(ONE, Gref(1), 2 as Domid, Gfn(guest.mfns[20] as number));
  expect(gnttabCalls(t.machine, stub).map(ONE, Gref(1), "write").ok).toBe(true);
  expect(counts(t.machine, guest.mfns[20] as number).count).toBe(3);
  destroy(t, stub);
  expect(counts(t.machine, guest.mfns[20] as number).count).toBe(2);
  expect(guest.domain.grants.active.size).toBe(0);
});
