/** event_channel_op, every command, from a guest's registers: who asks, what, and Xen's answer. */
import { beforeEach, describe, expect, test } from "vitest";
import * as abi from "../../../src/abi/event-channel.ts";
import { DOMID_0, DOMID_SELF, Domid, Port } from "../../../src/abi/types.ts";
import { FIRST, makeWorld, must, type TestGuest, type World } from "../support/world.ts";

const ARG = FIRST + 4;
let world: World;
let guest: TestGuest;
let other: TestGuest;

/** Calls with the argument's words; answers RAX and the words as Xen left them. */
function op(who: TestGuest, command: number, ...words: number[]): [number | string, ...number[]] {
  const va = who.words(ARG, ...words);
  const rax = who.hypercall("event_channel_op", command, va);
  return [rax, ...words.map((_, i) => who.peek32(ARG, i * 4))];
}

beforeEach(() => {
  world = makeWorld();
  guest = world.guest({ vcpus: 2 });
  other = world.guest();
  guest.startVcpu(1);
});

describe("alloc_unbound", () => {
  test("the lowest free port of one's own is answered, from 1 on", () => {
    expect(op(guest, abi.EVTCHNOP_alloc_unbound, DOMID_SELF | (0 << 16), 0)).toEqual([0, DOMID_SELF, 1]);
    expect(op(guest, abi.EVTCHNOP_alloc_unbound, DOMID_SELF | (0 << 16), 0)).toEqual([0, DOMID_SELF, 2]);
    expect(op(guest, abi.EVTCHNOP_close, 1)[0]).toBe(0);
    expect(op(guest, abi.EVTCHNOP_alloc_unbound, DOMID_SELF, 0)[2]).toBe(1);
  });
  test.each([
    ["another's port without privilege", () => other.domid as number, "EPERM"],
    ["a domain that is not there", () => 77, "ESRCH"],
  ])("%s", (_, dom, errno) => {
    expect(op(guest, abi.EVTCHNOP_alloc_unbound, dom(), 0)[0]).toBe(errno);
  });
  test("a full table is ENOSPC", () => {
    for (let port = 1; port <= 1023; port++) {
      expect(op(guest, abi.EVTCHNOP_alloc_unbound, DOMID_SELF, 0)[2]).toBe(port);
    }
    expect(op(guest, abi.EVTCHNOP_alloc_unbound, DOMID_SELF, 0)[0]).toBe("ENOSPC");
    expect(op(guest, abi.EVTCHNOP_bind_ipi, 0, 0)[0]).toBe("ENOSPC");
  });
  test("dom0 allocates for a guest", () => {
    expect(must(world.dom0.evtchn.allocUnbound(guest.domid, DOMID_0))).toBe(1);
    expect(world.dom0.evtchn.allocUnbound(Domid(99), DOMID_0)).toEqual({ ok: false, errno: "ESRCH" });
  });
});

describe("bind_interdomain", () => {
  test("a port that waits for me is bound, and mine is pending at once", () => {
    const [, , port] = op(other, abi.EVTCHNOP_alloc_unbound, DOMID_SELF | (guest.domid << 16), 0) as number[];
    expect(op(guest, abi.EVTCHNOP_bind_interdomain, other.domid, port as number, 0)).toEqual([
      0,
      other.domid,
      port,
      1,
    ]);
    expect(guest.shared(0x800)).toBe(1 << 1);
    expect(other.shared(0x800)).toBe(0);
    // Bound once is bound.
    expect(op(guest, abi.EVTCHNOP_bind_interdomain, other.domid, port as number, 0)[0]).toBe("EINVAL");
  });
  test.each([
    [
      "waits for somebody else",
      () => op(other, abi.EVTCHNOP_alloc_unbound, DOMID_SELF, 0)[2] as number,
      "EINVAL",
    ],
    ["is free", () => 9, "EINVAL"],
    ["is no port", () => 0xffff_ffff, "EINVAL"],
  ])("refused when the remote port %s", (_, port, errno) => {
    expect(op(guest, abi.EVTCHNOP_bind_interdomain, other.domid, port(), 0)[0]).toBe(errno);
  });
  test("no such domain", () => {
    expect(op(guest, abi.EVTCHNOP_bind_interdomain, 99, 1, 0)[0]).toBe("ESRCH");
  });
});

describe("bind_virq, bind_ipi, bind_pirq, bind_vcpu", () => {
  test.each([
    ["timer on vCPU 0", [0, 0, 0], 0],
    ["timer on vCPU 1", [0, 1, 0], 0],
    ["a vCPU that is not there", [0, 2, 0], "ENOENT"],
    ["a global one on vCPU 1", [3, 1, 0], "EINVAL"],
    ["no such VIRQ", [24, 0, 0], "EINVAL"],
    ["no such VIRQ by far", [0xffff_ffff, 0, 0], "EINVAL"],
  ])("bind_virq: %s", (_, words, answer) => {
    expect(op(guest, abi.EVTCHNOP_bind_virq, ...words)[0]).toBe(answer);
  });
  test("a VIRQ is bound once a vCPU; closing makes it free", () => {
    expect(op(guest, abi.EVTCHNOP_bind_virq, 0, 0, 0)).toEqual([0, 0, 0, 1]);
    expect(op(guest, abi.EVTCHNOP_bind_virq, 0, 0, 0)[0]).toBe("EEXIST");
    expect(op(guest, abi.EVTCHNOP_close, 1)[0]).toBe(0);
    expect(op(guest, abi.EVTCHNOP_bind_virq, 0, 0, 0)[0]).toBe(0);
  });
  test("bind_ipi", () => {
    expect(op(guest, abi.EVTCHNOP_bind_ipi, 1, 0)).toEqual([0, 1, 1]);
    expect(op(guest, abi.EVTCHNOP_bind_ipi, 2, 0)[0]).toBe("ENOENT");
  });
  test("nobody has physical interrupts", () => {
    expect(op(guest, abi.EVTCHNOP_bind_pirq, 1, 0, 0)[0]).toBe("EPERM");
  });
  test("bind_vcpu moves what may be moved", () => {
    op(guest, abi.EVTCHNOP_alloc_unbound, DOMID_SELF, 0); // 1
    op(guest, abi.EVTCHNOP_bind_virq, 0, 0, 0); // 2
    op(guest, abi.EVTCHNOP_bind_ipi, 0, 0); // 3
    op(guest, abi.EVTCHNOP_bind_virq, 3, 0, 0); // 4: global
    const rows: [number, number, number | string][] = [
      [1, 1, 0],
      [1, 2, "ENOENT"],
      [2, 1, "EINVAL"],
      [3, 1, "EINVAL"],
      [4, 1, 0],
      [9, 1, "EINVAL"],
    ];
    for (const [port, vcpu, answer] of rows)
      expect(op(guest, abi.EVTCHNOP_bind_vcpu, port, vcpu)[0]).toBe(answer);
    expect(op(guest, abi.EVTCHNOP_status, DOMID_SELF, 1, 0, 0, 0, 0)[4]).toBe(1);
  });
});

describe("send", () => {
  test.each([
    ["a free port", 7, "EINVAL"],
    ["port 0", 0, "EINVAL"],
    ["no port", 0xffff_ffff, "EINVAL"],
  ])("%s", (_, port, errno) => {
    expect(op(guest, abi.EVTCHNOP_send, port)[0]).toBe(errno);
  });
  test("an unbound port swallows it, a VIRQ refuses it, an IPI reaches its vCPU", () => {
    op(guest, abi.EVTCHNOP_alloc_unbound, DOMID_SELF, 0);
    op(guest, abi.EVTCHNOP_bind_virq, 0, 0, 0);
    op(guest, abi.EVTCHNOP_bind_ipi, 1, 0);
    expect(op(guest, abi.EVTCHNOP_send, 1)[0]).toBe(0);
    expect(op(guest, abi.EVTCHNOP_send, 2)[0]).toBe("EINVAL");
    expect(op(guest, abi.EVTCHNOP_send, 3)[0]).toBe(0);
    expect(guest.shared(0x800)).toBe(1 << 3);
    expect(guest.shared(64) & 0xff).toBe(1); // vCPU 1's evtchn_upcall_pending
    expect(guest.shared(64 + 8)).toBe(1); // and its selector's word 0
    expect(guest.shared(0) & 0xff).toBe(0);
  });
  test("a closed port cannot be sent to, and its peer is unbound again", () => {
    const [, , port] = op(other, abi.EVTCHNOP_alloc_unbound, DOMID_SELF | (guest.domid << 16), 0) as number[];
    op(guest, abi.EVTCHNOP_bind_interdomain, other.domid, port as number, 0);
    expect(op(guest, abi.EVTCHNOP_close, 1)[0]).toBe(0);
    expect(op(guest, abi.EVTCHNOP_send, 1)[0]).toBe("EINVAL");
    expect(op(other, abi.EVTCHNOP_status, DOMID_SELF, port as number, 0, 0, 0, 0).slice(0, 6)).toEqual([
      0,
      DOMID_SELF,
      port,
      abi.EVTCHNSTAT_unbound,
      0,
      guest.domid,
    ]);
    expect(op(guest, abi.EVTCHNOP_bind_interdomain, other.domid, port as number, 0)[0]).toBe(0);
  });
});

describe("status", () => {
  test("says what a port is bound to", () => {
    op(guest, abi.EVTCHNOP_bind_virq, 3, 0, 0);
    op(guest, abi.EVTCHNOP_bind_ipi, 1, 0);
    const remote = must(world.dom0.evtchn.allocUnbound(DOMID_0, guest.domid));
    op(guest, abi.EVTCHNOP_bind_interdomain, 0, remote, 0);
    const rows: [number, number[]][] = [
      [1, [abi.EVTCHNSTAT_virq, 0, 3]],
      [2, [abi.EVTCHNSTAT_ipi, 1, 0]],
      [3, [abi.EVTCHNSTAT_interdomain, 0, 0, remote]],
      [4, [abi.EVTCHNSTAT_closed]],
    ];
    for (const [port, answer] of rows) {
      const got = op(guest, abi.EVTCHNOP_status, DOMID_SELF, port, 0, 0, 0, 0);
      expect([got[0], ...got.slice(3, 3 + answer.length)]).toEqual([0, ...answer]);
    }
  });
  test.each([
    ["another's", () => other.domid as number, 1, "EPERM"],
    ["nobody's", () => 99, 1, "ESRCH"],
    ["beyond the table", () => DOMID_SELF as number, 5000, "EINVAL"],
  ])("%s", (_, dom, port, errno) => {
    expect(op(guest, abi.EVTCHNOP_status, dom(), port, 0, 0, 0, 0)[0]).toBe(errno);
  });
});

test("unmask delivers what was pending", () => {
  op(guest, abi.EVTCHNOP_bind_ipi, 0, 0);
  guest.setShared(0xa00, 1 << 1);
  op(guest, abi.EVTCHNOP_send, 1);
  expect(guest.shared(0x800)).toBe(1 << 1);
  expect(guest.shared(0) & 0xff).toBe(0);
  expect(op(guest, abi.EVTCHNOP_unmask, 1)[0]).toBe(0);
  expect(guest.shared(0xa00)).toBe(0);
  expect(guest.shared(0) & 0xff).toBe(1);
  expect(op(guest, abi.EVTCHNOP_unmask, 5000)[0]).toBe("EINVAL");
});

test("reset closes all ports of one's own; another's needs privilege", () => {
  op(guest, abi.EVTCHNOP_bind_ipi, 0, 0);
  op(guest, abi.EVTCHNOP_bind_virq, 0, 0, 0);
  expect(op(guest, abi.EVTCHNOP_reset, other.domid)[0]).toBe("EPERM");
  expect(op(guest, abi.EVTCHNOP_reset, DOMID_SELF)[0]).toBe(0);
  expect(op(guest, abi.EVTCHNOP_close, 1)[0]).toBe("EINVAL");
  expect(op(guest, abi.EVTCHNOP_bind_virq, 0, 0, 0)).toEqual([0, 0, 0, 1]);
});

test.each([abi.EVTCHNOP_init_control, abi.EVTCHNOP_expand_array, abi.EVTCHNOP_set_priority, 14, 0xffff_ffff])(
  "command %i is not there: no FIFO ABI",
  (command) => {
    expect(op(guest, command, 0, 0, 0, 0)[0]).toBe("ENOSYS");
  },
);

test("a pointer to nowhere is EFAULT for every command that has one", () => {
  for (let command = 0; command <= 10; command++) {
    expect(guest.hypercall("event_channel_op", command, 0x1000n)).toBe("EFAULT");
    expect(guest.hypercall("event_channel_op", command, 0xffff_8000_0000_0000n)).toBe("EFAULT");
  }
});

test("events of a TypeScript domain: once each, in port order, at a scheduling point", () => {
  const heard: number[] = [];
  const ports = [3, 1, 2].map(() => must(world.dom0.evtchn.allocUnbound(DOMID_0, guest.domid)));
  for (const port of ports) world.dom0.evtchn.onEvent(Port(port), () => heard.push(port));
  const local = ports.map((port) => op(guest, abi.EVTCHNOP_bind_interdomain, 0, port, 0)[3] as number);
  for (const port of [...local].reverse()) {
    op(guest, abi.EVTCHNOP_send, port);
    op(guest, abi.EVTCHNOP_send, port);
  }
  expect(heard).toEqual([]);
  world.settle();
  expect(heard).toEqual([...ports].sort((a, b) => a - b));
  // Without a handler it waits.
  world.dom0.evtchn.onEvent(Port(ports[0] as number), undefined);
  op(guest, abi.EVTCHNOP_send, local[0] as number);
  world.settle();
  expect(heard).toHaveLength(3);
  world.dom0.evtchn.onEvent(Port(ports[0] as number), () => heard.push(0));
  world.settle();
  expect(heard).toHaveLength(4);
});

describe("TypeScript domains, through their Gate", () => {
  test("bind IPIs, ask for a port's state, unmask and reset", () => {
    const { evtchn } = world.dom0;
    const port = must(evtchn.bindIpi(1));
    expect(must(evtchn.status(DOMID_0, port))).toEqual({ status: abi.EVTCHNSTAT_ipi, vcpu: 1 });
    expect(evtchn.bindIpi(99)).toEqual({ ok: false, errno: "ENOENT" });
    expect(evtchn.unmask(port)).toMatchObject({ ok: true });
    expect(evtchn.unmask(Port(9999))).toEqual({ ok: false, errno: "EINVAL" });
    must(evtchn.close(port));
    expect(must(evtchn.status(DOMID_0, port)).status).toBe(abi.EVTCHNSTAT_closed);
  });
  test("reset another that is paused, and no other", () => {
    const { evtchn, domctl } = world.dom0;
    const port = must(evtchn.allocUnbound(guest.domid, DOMID_0));
    expect(must(evtchn.status(guest.domid, port)).dom).toBe(DOMID_0);
    must(domctl.unpause(guest.domid));
    expect(evtchn.reset(guest.domid)).toEqual({ ok: false, errno: "EINVAL" });
    must(domctl.pause(guest.domid));
    must(evtchn.reset(guest.domid));
    expect(must(evtchn.status(guest.domid, port)).status).toBe(abi.EVTCHNSTAT_closed);
    expect(evtchn.reset(Domid(99))).toEqual({ ok: false, errno: "ESRCH" });
  });
});
