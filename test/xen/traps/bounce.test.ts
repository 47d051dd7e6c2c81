/** Frames as a guest kernel finds them, word by word (xen-abi §4), and what ends a domain instead. */
import { beforeEach, describe, expect, test } from "vitest";
import { CALLBACKTYPE_event, CALLBACKTYPE_nmi, CALLBACKTYPE_syscall } from "../../../src/abi/callback.ts";
import { SHUTDOWN } from "../../../src/abi/hypercall.ts";
import * as L from "../../../src/cpu/layout.ts";
import { handleExit } from "../../../src/xen/traps/exits.ts";
import { deliverPending } from "../../../src/xen/traps/inject.ts";
import { FIRST, makeWorld, type TestGuest, type World } from "../support/world.ts";

const HANDLER = 0xffff_8800_0001_2345n;
const USER = 0x40_1000n;
let world: World;
let guest: TestGuest;

function setTrap(vector: number, flags = 0, address = HANDLER): void {
  guest.vcpu.traps.set(vector, flags, 0xe033, Number(address & 0xffff_ffffn), Number(address >> 32n));
}
function setCallback(type: number, flags = 0): void {
  guest.vcpu.callbacks.set(type, Number(HANDLER & 0xffff_ffffn), Number(HANDLER >> 32n), flags);
}
/** The engine stops with a fault. */
function fault(vector: number, error = 0, va = 0n): void {
  guest.as(guest.vcpu, () => {
    guest.setReg32(L.X_VECTOR, vector);
    guest.setReg32(L.X_ERROR, error);
    guest.setReg(L.X_VA, va);
    handleExit(world.machine, guest.vcpu, L.EXIT_FAULT);
  });
}
function stop(exit: number, before: () => void = () => {}): void {
  guest.as(guest.vcpu, () => {
    before();
    handleExit(world.machine, guest.vcpu, exit);
  });
}
/** Puts the vCPU into user mode at USER, as an iret hypercall does. */
function goToUser(): void {
  guest.as(guest.vcpu, () => {
    guest.vcpu.kernelMode = false;
    guest.setReg32(L.PV_USER, 1);
    guest.setReg(L.CR3, guest.context.cr3User);
    guest.setReg(L.GS_BASE, 0x1111n);
    guest.setReg(L.GS_BASE_OTHER, 0x2222n);
    guest.setReg(L.RIP, USER);
    guest.setReg(L.RSP, 0x7fff_0008n);
    guest.setReg16(L.SEL_CS, 0x33);
    guest.setReg16(L.SEL_SS, 0x2b);
  });
}
const setMask = (mask: number): void => guest.setShared(0, mask << 8);
const mask = (): number => (guest.shared(0) >> 8) & 0xff;
/** The frame in the kernel stack page `pfn`, from RSP on. */
const frame = (pfn: number, words: number): bigint[] =>
  Array.from({ length: words }, (_, i) => guest.peek(pfn, Number(guest.reg(L.RSP) & 0xfffn) + i * 8));

beforeEach(() => {
  world = makeWorld();
  guest = world.guest();
  guest.unpause();
  guest.as(guest.vcpu, () => {
    guest.setReg(L.RIP, 0xffff_8800_0000_1000n);
    guest.setReg(L.RSP, guest.va(FIRST, 0x7fc));
    guest.setReg(L.RCX, 0xccccn);
    guest.setReg(L.R11, 0x1111n);
    guest.setReg(L.RFLAGS, 0x7_4746n); // AC NT RF VM? DF IF TF ZF PF
  });
  setMask(0);
});

describe("from the guest kernel", () => {
  test("a vector with an error code: eight words on its own stack, aligned to 16", () => {
    setTrap(13);
    const rip = guest.reg(L.RIP);
    fault(13, 0x1234);
    expect(guest.reg(L.RSP)).toBe(guest.va(FIRST, 0x7f0 - 64));
    expect(frame(FIRST, 8)).toEqual([
      0xccccn,
      0x1111n,
      0x1234n,
      rip,
      0xe030n,
      0x7_4746n,
      guest.va(FIRST, 0x7fc),
      0xe02bn,
    ]);
    expect(guest.reg(L.RIP)).toBe(HANDLER);
    expect([guest.reg16(L.SEL_CS), guest.reg16(L.SEL_SS)]).toEqual([0xe033, 0xe02b]);
    expect(guest.reg(L.RFLAGS)).toBe(0x646n); // TF NT RF VM AC are gone
    expect(mask()).toBe(0);
  });
  test("one without: seven words", () => {
    setTrap(0);
    fault(0, 0x77);
    expect(guest.reg(L.RSP)).toBe(guest.va(FIRST, 0x7f0 - 56));
    expect(frame(FIRST, 3)).toEqual([0xccccn, 0x1111n, 0xffff_8800_0000_1000n]);
  });
  test("IF in the frame is the mask's opposite; the mask itself stands above CS", () => {
    setTrap(6);
    setMask(1);
    fault(6);
    const [, , , cs, rflags] = frame(FIRST, 7);
    expect(cs).toBe(0x1_0000_e030n);
    expect((rflags as bigint) & 0x200n).toBe(0n);
    expect(mask()).toBe(1);
  });
  test("a handler with flag bit 2 finds events masked, and the frame says they were not", () => {
    setTrap(6, 4);
    fault(6);
    expect(mask()).toBe(1);
    expect(frame(FIRST, 7)[3]).toBe(0xe030n);
  });
  test("with architectural_iopl, IOPL stands in the frame", () => {
    setTrap(6);
    guest.vcpu.iopl = 1;
    fault(6);
    expect((frame(FIRST, 7)[4] as bigint) & 0x3000n).toBe(0n);
    guest.domain.vmAssist = 1 << 4;
    fault(6);
    expect((frame(FIRST, 7)[4] as bigint) & 0x3000n).toBe(0x1000n);
  });
  test("a frame may lie across two pages", () => {
    setTrap(13);
    guest.setReg(L.RSP, guest.va(FIRST + 3, 0x20));
    fault(13, 0x99);
    expect(guest.reg(L.RSP)).toBe(guest.va(FIRST + 2, 0x1000 - 0x20));
    expect(guest.peek(FIRST + 2, 0xff0)).toBe(0x99n);
    expect(guest.peek(FIRST + 3, 0)).toBe(0xe030n);
  });
});

describe("from user mode", () => {
  test("the frame is on the stack of stack_switch, the kernel's tables and GS base are in force", () => {
    setTrap(14);
    goToUser();
    fault(14, 0x6, 0xdead_b000n);
    expect(guest.vcpu.kernelMode).toBe(true);
    expect(guest.reg(L.CR3)).toBe(guest.context.cr3);
    expect(guest.reg(L.PV_USER) & 0xffff_ffffn).toBe(0n);
    expect([guest.reg(L.GS_BASE), guest.reg(L.GS_BASE_OTHER)]).toEqual([0x2222n, 0x1111n]);
    expect(guest.reg(L.RSP)).toBe(guest.va(FIRST + 1, 0x800 - 64));
    const words = frame(FIRST + 1, 8);
    expect([words[2], words[3], words[4], words[6], words[7]]).toEqual([
      6n,
      USER,
      0x33n,
      0x7fff_0008n,
      0x2bn,
    ]);
    expect(guest.shared(16) + guest.shared(20) * 2 ** 32).toBe(0xdead_b000);
  });
  test("SYSCALL goes to its callback with flat selectors and DF clear", () => {
    setCallback(CALLBACKTYPE_syscall, 1);
    goToUser();
    stop(L.EXIT_SYSCALL);
    expect(guest.reg(L.RIP)).toBe(HANDLER);
    const words = frame(FIRST + 1, 7);
    expect([words[2], words[3], words[6]]).toEqual([USER, 0xe033n, 0xe02bn]);
    expect(guest.reg(L.RFLAGS) & 0x400n).toBe(0n);
    expect(mask()).toBe(1);
  });
  test("SYSCALL without a callback is #UD at the instruction", () => {
    setTrap(6);
    goToUser();
    stop(L.EXIT_SYSCALL);
    expect(frame(FIRST + 1, 3)[2]).toBe(USER - 2n);
  });
});

test("the U bit of a page fault says what mode the guest was in, not what ring", () => {
  setTrap(14);
  fault(14, 7, 1n);
  expect(frame(FIRST, 3)[2]).toBe(3n);
  goToUser();
  fault(14, 0, 1n);
  expect(frame(FIRST + 1, 3)[2]).toBe(4n);
});

test("#NM clears TS on the guest's behalf", () => {
  setTrap(7);
  guest.hypercall("fpu_taskswitch", 1);
  expect(guest.reg(L.CR0) & 8n).toBe(8n);
  fault(7);
  expect(guest.reg(L.CR0) & 8n).toBe(0n);
});

describe("INT n", () => {
  const int = (vector: number): void =>
    stop(L.EXIT_INT, () => {
      guest.setReg32(L.X_VECTOR, vector);
      guest.setReg32(L.X_LENGTH, 2);
      guest.setReg(L.RIP, 0x5002n);
    });
  test.each([
    ["INT3 from the kernel", 3, 0, false, "trap"],
    ["0x80 with DPL 3 from user", 0x80, 3, true, "trap"],
    ["0x80 with DPL 1 from user", 0x80, 1, true, "#GP"],
    ["0x80 with DPL 1 from the kernel", 0x80, 1, false, "trap"],
    ["0x80 with DPL 0 from the kernel", 0x80, 0, false, "#GP"],
  ])("%s", (_, vector, dpl, user, outcome) => {
    setTrap(vector, dpl);
    setTrap(13, 0, HANDLER + 0x100n);
    if (user) goToUser();
    int(vector);
    const page = user ? FIRST + 1 : FIRST;
    if (outcome === "trap") {
      expect(guest.reg(L.RIP)).toBe(HANDLER);
      expect(frame(page, 3)[2]).toBe(0x5002n);
    } else {
      expect(guest.reg(L.RIP)).toBe(HANDLER + 0x100n);
      expect(frame(page, 4).slice(2)).toEqual([BigInt(vector * 8 + 2), 0x5000n]);
    }
  });
});

describe("events", () => {
  test("are delivered while pending and not masked, masking the rest", () => {
    setCallback(CALLBACKTYPE_event);
    guest.setShared(0, 0x01);
    guest.as(guest.vcpu, () => deliverPending(world.machine, guest.vcpu));
    expect(guest.reg(L.RIP)).toBe(HANDLER);
    expect(mask()).toBe(1);
    const sp = guest.reg(L.RSP);
    guest.as(guest.vcpu, () => deliverPending(world.machine, guest.vcpu));
    expect(guest.reg(L.RSP)).toBe(sp);
  });
  test("an NMI comes once, masked or not", () => {
    setCallback(CALLBACKTYPE_nmi);
    setMask(1);
    expect(guest.hypercall("vcpu_op", 11, 0, 0)).toBe(0);
    guest.as(guest.vcpu, () => deliverPending(world.machine, guest.vcpu));
    expect(guest.reg(L.RIP)).toBe(HANDLER);
    expect(guest.vcpu.nmiPending).toBe(false);
  });
});

describe("the end of the domain", () => {
  const ended = (): void => {
    expect(guest.domain.shutdown).toEqual({ code: SHUTDOWN.crash });
    expect(world.log).toContain(`(XEN) Domain ${guest.domid} (vcpu#0) crashed on cpu#0:`);
  };
  test("an exception without a handler", () => {
    fault(13, 0x18);
    ended();
    expect(world.log[0]).toBe(`(XEN) d${guest.domid}v0 Unhandled: vec 13, #GP[0018]`);
  });
  test.each([
    ["not mapped", 0x1000n],
    ["Xen's", 0xffff_8000_0000_1000n],
    ["read-only", 0xffff_8800_0000_0800n],
    ["no address", 0x1234_0000_0000_0000n],
  ])("a stack that is %s", (_, rsp) => {
    setTrap(13);
    guest.setReg(L.RSP, rsp);
    fault(13);
    ended();
  });
  test("an event without a callback", () => {
    guest.setShared(0, 0x01);
    guest.as(guest.vcpu, () => deliverPending(world.machine, guest.vcpu));
    ended();
  });
  test("a store to a protected frame that nobody decides on, and no memory left", () => {
    stop(L.EXIT_STORE);
    ended();
    const second = world.guest();
    second.as(second.vcpu, () => handleExit(world.machine, second.vcpu, L.EXIT_NO_MEMORY));
    expect(second.domain.shutdown).toEqual({ code: SHUTDOWN.crash });
  });
});
