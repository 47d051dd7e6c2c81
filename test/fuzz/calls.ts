/** Random hypercalls with a structure: numbers that exist, argument records in guest memory, members from the guest's pools. */
import { HYPERCALL } from "../../src/abi/hypercall.ts";
import type { FuzzGuest } from "./guest.ts";

export interface FuzzCall {
  readonly number: number;
  readonly args: bigint[];
}

/** Where a call's records are written: the address is known before, the bytes are stored by the caller. */
export class Arena {
  readonly base: bigint;
  readonly bytes = new Uint8Array(4096);
  readonly view = new DataView(this.bytes.buffer);
  at = 0;

  constructor(base: bigint) {
    this.base = base;
  }

  /** Words of 32 bits; answers their address. */
  put(words: readonly (number | bigint)[]): bigint {
    this.at = (this.at + 7) & ~7;
    const size = words.reduce<number>((n, word) => n + (typeof word === "bigint" ? 8 : 4), 0);
    if (this.at + size > 4096) this.at = 0;
    const start = this.at;
    for (const word of words) {
      if (typeof word === "bigint") {
        this.view.setBigUint64(this.at, BigInt.asUintN(64, word), true);
        this.at += 8;
      } else {
        this.view.setUint32(this.at, word >>> 0, true);
        this.at += 4;
      }
    }
    return this.base + BigInt(start);
  }
}

type Maker = (g: FuzzGuest, n: FuzzGuest | undefined, a: Arena) => bigint[];

const many = (g: FuzzGuest, make: () => (number | bigint)[]): (number | bigint)[] => {
  const out: (number | bigint)[] = [];
  for (let i = 1 + g.random.below(3); i > 0; i--) out.push(...make());
  return out;
};
/** Mostly right, now and then a count that the records do not cover. */
const count = (g: FuzzGuest, n: number): bigint => BigInt(g.random.chance(20) ? g.small() : n);
const pointer = (g: FuzzGuest, at: bigint): bigint => (g.random.chance(25) ? g.address() : at);

const mmuUpdate: Maker = (g, n, a) => {
  const words = many(g, () => [
    (BigInt(g.mfn(n)) << 12n) |
      BigInt(g.random.pick([0, 272, 256, 300, g.random.below(512)]) * 8) |
      BigInt(g.random.pick([0, 0, 0, 0, 1, 2, 3, 4])),
    g.random.chance(8) ? BigInt(g.small()) : g.pte(n),
  ]);
  const foreign = g.random.chance(4) ? g.otherDomid(n) | (g.random.below(3) << 16) : 0x7ff0;
  return [
    pointer(g, a.put(words)),
    count(g, words.length / 2),
    g.random.chance(3) ? g.address() : 0n,
    BigInt(foreign),
  ];
};

const mmuextOp: Maker = (g, n, a) => {
  const words = many(g, () => {
    const cmd = g.random.pick([
      0,
      0,
      1,
      2,
      3,
      3,
      4,
      4,
      4,
      5,
      6,
      7,
      8,
      9,
      10,
      11,
      12,
      13,
      14,
      15,
      15,
      16,
      17,
      18,
      19,
      20,
      g.small(),
    ]);
    const arg1 =
      cmd === 13 || (cmd >= 7 && cmd <= 11)
        ? g.address() & (g.random.chance(2) ? ~0xfffn : ~0n)
        : BigInt(g.mfn(n));
    const arg2 = cmd === 17 ? BigInt(g.mfn(n)) : cmd === 13 ? BigInt(g.small()) : g.address();
    return [cmd, 0, arg1, arg2];
  });
  const dom = g.random.chance(6) ? g.otherDomid(n) : 0x7ff0;
  return [
    pointer(g, a.put(words)),
    count(g, words.length / 4),
    g.random.chance(3) ? g.address() : 0n,
    BigInt(dom),
  ];
};

function reservation(g: FuzzGuest, n: FuzzGuest | undefined, a: Arena): (number | bigint)[] {
  const extents = 1 + g.random.below(3);
  const list: bigint[] = [];
  for (let i = 0; i < extents; i++) list.push(BigInt(g.mfn(n)));
  const order = g.random.chance(8) ? g.small() : g.random.pick([0, 0, 0, 0, 1, 2]);
  const dom = g.random.chance(6) ? g.otherDomid(n) : 0x7ff0;
  const nr = g.random.chance(15) ? g.random.u64() : BigInt(extents);
  return [pointer(g, a.put(list)), nr, order, g.random.chance(10) ? g.random.u32() : 0, dom, 0];
}

const memoryOp: Maker = (g, n, a) => {
  const cmd = g.random.chance(3) ? g.random.below(30) : g.random.pick([0, 1, 1, 6, 6, 11, 3, 4, 9, 12, 5]);
  let words: (number | bigint)[];
  if (cmd === 11)
    words = [...reservation(g, n, a), ...reservation(g, n, a), g.random.chance(8) ? g.random.u64() : 0n];
  else if (cmd === 9 || cmd === 5) words = [g.small(), 0, g.address(), 0n];
  else words = reservation(g, n, a);
  const start = g.random.chance(12) ? BigInt(g.small()) << 6n : 0n;
  return [BigInt(cmd) | start, pointer(g, a.put(words))];
};

const eventOp: Maker = (g, n, a) => {
  const cmd = g.random.below(14);
  const port = (): number => g.random.pick([g.random.below(24), g.random.below(24), g.small()]);
  const words: Record<number, () => number[]> = {
    0: () => [g.otherDomid(n), port(), 0],
    1: () => [g.random.below(26), g.random.below(3), 0],
    5: () => [g.otherDomid(n), port(), 0, 0, 0, 0],
    6: () => [(g.otherDomid(n) & 0xffff) | (g.otherDomid(n) << 16), 0],
    7: () => [g.random.below(3), 0],
    8: () => [port(), g.random.below(4)],
    10: () => [g.random.chance(20) ? 0x7ff0 : g.otherDomid(n)],
  };
  return [BigInt(cmd), pointer(g, a.put((words[cmd] ?? (() => [port(), g.small(), 0]))()))];
};

const grantOp: Maker = (g, n, a) => {
  const cmd = g.random.chance(5) ? g.random.below(14) : g.random.pick([0, 0, 0, 1, 1, 5, 5, 7, 2]);
  const ref = (): number => g.random.pick([g.random.below(12), g.random.below(12), g.small()]);
  const handle = (): number => g.random.pick([g.random.below(16), g.small()]);
  const dom = (): number => g.random.pick([n?.domid ?? 0, n?.domid ?? 0, g.domid, 0x7ff0, g.otherDomid(n)]);
  const host = (): bigint =>
    g.random.chance(5) ? (BigInt(g.mfn(n)) << 12n) | BigInt(g.random.below(512) * 8) : g.address() & ~0xfffn;
  const make: Record<number, () => (number | bigint)[]> = {
    0: () => [host(), g.random.pick([2, 2, 6, 1, 3, 7, 0x12, 0x16, g.random.u32()]), ref(), dom(), 0, 0n],
    1: () => [host(), g.random.chance(4) ? BigInt(g.mfn(n)) << 12n : 0n, handle(), 0],
    2: () => [dom(), g.random.below(6), 0, 0, g.address()],
    4: () => [BigInt(g.mfn(n)), dom(), ref(), 0, 0],
    5: () => {
      const byRef = g.random.below(4);
      const end = (isRef: boolean): bigint => (isRef ? BigInt(ref()) : BigInt(g.mfn(n)));
      const offset = (): number => g.random.pick([0, 0, 8, 4000, 4095, 5000]);
      return [
        end((byRef & 1) !== 0),
        (dom() & 0xffff) | (offset() << 16),
        0,
        end((byRef & 2) !== 0),
        (dom() & 0xffff) | (offset() << 16),
        0,
        g.random.pick([0, 1, 16, 96, 4096]) | (byRef << 16),
        0,
      ];
    },
    7: () => [host(), g.random.chance(3) ? 0n : host(), handle(), 0],
    11: () => [ref(), ref(), 0],
  };
  const words =
    make[cmd] === undefined ? [g.otherDomid(n), g.small(), 0, 0, g.address()] : many(g, make[cmd]);
  const elements = cmd === 0 || cmd === 1 || cmd === 5 || cmd === 7 ? 1 + g.random.below(2) : 1;
  return [BigInt(cmd), pointer(g, a.put(words)), count(g, elements)];
};

const vcpuOp: Maker = (g, n, a) => {
  const cmd = g.random.below(16);
  const words =
    cmd === 10
      ? [BigInt(g.mfn(n)), g.random.pick([0, 64, 8, 4032, 4040, 4095, g.small()]), 0]
      : cmd === 0
        ? Array.from({ length: 400 }, () => g.random.pick([0n, 0n, g.address(), BigInt(g.mfn(n)) << 12n]))
        : [g.random.chance(2) ? g.address() : BigInt(g.small()) * 1_000_000n, g.random.below(3), 0];
  // VCPUOP_down of the last one, and of oneself, end the run of a guest: not too often.
  const which = cmd === 2 && !g.random.chance(50) ? 99 : g.random.pick([0, 1, 1, 2, g.small()]);
  return [BigInt(cmd), BigInt(which), pointer(g, a.put(words))];
};

const schedOp: Maker = (g, n, a) => {
  const cmd = g.random.chance(60) ? 2 : g.random.pick([0, 1, 3, 4, 5, 6, 6, 7, 8, g.small()]);
  const ports = a.put([g.random.below(20), g.random.below(20), g.small()]);
  if (cmd === 3) return [3n, a.put([pointer(g, ports), g.small() & 0xff, 0, BigInt(g.small())])];
  return [
    BigInt(cmd),
    pointer(g, a.put([g.random.pick([1, 2, 3, g.otherDomid(n)]), g.random.pick([0, 30, 100])])),
  ];
};

const descriptor = (g: FuzzGuest): bigint =>
  g.random.chance(3)
    ? g.random.u64()
    : g.random.pick([
        0n,
        0x00cf_fa00_0000_ffffn,
        0x00af_fb00_0000_ffffn,
        0x0000_8c00_e033_0000n,
        0x00cf_9200_0000_ffffn,
      ]);

const setTrapTable: Maker = (g, _, a) => {
  if (g.random.chance(30)) return [0n];
  const words = many(g, () => [
    (g.random.u32() & 0xff) | (g.random.below(8) << 8) | (0xe033 << 16),
    0,
    g.va(8, 0x800),
  ]);
  return [pointer(g, a.put([...words, 0n, 0n]))];
};

/** The frame lies on the kernel's stack; mostly one that leads somewhere. */
const iret: Maker = (g) => {
  const frame = new BigUint64Array(9);
  const stack = g.va(9, 0x900);
  frame.set([0n, 0n, 0n, g.random.pick([0n, 0x100n]), g.va(8)]);
  frame[5] = BigInt(
    g.random.pick([0xe030, 0xe030, 0xe033, 0xe033, 0xe008, 0xe013, 0xe02b, 0, 4, g.random.u32() & 0xffff]),
  );
  frame[6] = g.random.chance(3) ? g.random.u64() : 0x202n;
  frame[7] = stack;
  frame[8] = BigInt(g.random.pick([0xe02b, 0xe02b, 0xe010, 0xe033, 0, g.random.u32() & 0xffff]));
  for (const offset of [0x400, 0xc00]) g.store(g.va(9, offset), new Uint8Array(frame.buffer));
  return [];
};

const any: Maker = (g, n) =>
  Array.from({ length: 6 }, () =>
    g.random.pick([
      BigInt(g.small()),
      g.address(),
      BigInt(g.mfn(n)),
      g.pte(n),
      g.random.u64(),
      BigInt(g.otherDomid(n)),
    ]),
  );

const MAKERS: readonly (readonly [weight: number, number: number, make: Maker])[] = [
  [20, HYPERCALL.mmu_update, mmuUpdate],
  [14, HYPERCALL.mmuext_op, mmuextOp],
  [
    10,
    HYPERCALL.update_va_mapping,
    (g, n) => [g.address(), g.pte(n), g.random.chance(4) ? g.address() : BigInt(g.random.below(8))],
  ],
  [
    3,
    HYPERCALL.update_va_mapping_otherdomain,
    (g, n) => [g.address(), g.pte(n), BigInt(g.random.below(8)), BigInt(g.otherDomid(n))],
  ],
  [9, HYPERCALL.memory_op, memoryOp],
  [12, HYPERCALL.grant_table_op, grantOp],
  [10, HYPERCALL.event_channel_op, eventOp],
  [4, HYPERCALL.vcpu_op, vcpuOp],
  [3, HYPERCALL.sched_op, schedOp],
  [
    2,
    HYPERCALL.set_gdt,
    (g, n, a) => [
      pointer(g, a.put(many(g, () => [BigInt(g.mfn(n))]))),
      BigInt(g.random.pick([0, 512, 600, 1024, g.small()])),
    ],
  ],
  [
    3,
    HYPERCALL.update_descriptor,
    (g, n) => [(BigInt(g.mfn(n)) << 12n) | BigInt(g.random.below(512) * 8), descriptor(g)],
  ],
  [1, HYPERCALL.set_trap_table, setTrapTable],
  [
    1,
    HYPERCALL.callback_op,
    (g, _, a) => [
      BigInt(g.random.below(3)),
      pointer(g, a.put([g.random.below(9) | (g.random.below(2) << 16), 0, g.va(8, 0x800)])),
    ],
  ],
  [1, HYPERCALL.nmi_op, (g, _, a) => [BigInt(g.random.below(3)), pointer(g, a.put([g.va(8, 0x800), 0n]))]],
  [1, HYPERCALL.set_segment_base, (g) => [BigInt(g.random.below(5)), g.address()]],
  [1, HYPERCALL.stack_switch, (g) => [0xe02bn, g.address()]],
  [
    1,
    HYPERCALL.physdev_op,
    (g, _, a) => [BigInt(g.random.below(32)), pointer(g, a.put([g.small(), g.small(), 0n, 0n]))],
  ],
  [
    1,
    HYPERCALL.xen_version,
    (g) => [BigInt(g.random.below(12)), g.random.chance(3) ? g.address() : g.va(20)],
  ],
  [
    1,
    HYPERCALL.vm_assist,
    (g) => [BigInt(g.random.below(3)), BigInt(g.random.pick([0, 1, 2, 2, 3, 4, 5, 6, 31, 32, g.small()]))],
  ],
  [
    1,
    HYPERCALL.set_timer_op,
    (g) => [g.random.chance(3) ? 0n : g.random.u64() >> BigInt(g.random.below(64))],
  ],
  [
    1,
    HYPERCALL.set_debugreg,
    (g) => [BigInt(g.random.below(10)), g.random.chance(2) ? g.address() : g.random.u64()],
  ],
  [1, HYPERCALL.get_debugreg, (g) => [BigInt(g.random.below(10))]],
  [1, HYPERCALL.fpu_taskswitch, (g) => [BigInt(g.random.below(2))]],
  [
    1,
    HYPERCALL.console_io,
    (g, _, a) => [BigInt(g.random.below(3)), BigInt(g.small()), pointer(g, a.put([0x41414141, 10]))],
  ],
  [1, HYPERCALL.iret, iret],
];
const TOTAL = MAKERS.reduce((sum, [weight]) => sum + weight, 0);

function plain(g: FuzzGuest, n: FuzzGuest | undefined, a: Arena): FuzzCall {
  if (g.random.chance(12))
    return { number: g.random.chance(30) ? g.random.u32() : g.random.below(64), args: any(g, n, a) };
  let at = g.random.below(TOTAL);
  for (const [weight, number, make] of MAKERS) {
    at -= weight;
    if (at < 0) return { number, args: make(g, n, a) };
  }
  return { number: 0, args: [] };
}

/** The next call; now and then several in a multicall. */
export function nextCall(g: FuzzGuest, n: FuzzGuest | undefined, a: Arena): FuzzCall {
  if (!g.random.chance(12)) return plain(g, n, a);
  const inner: FuzzCall[] = [];
  for (let i = 1 + g.random.below(4); i > 0; i--) inner.push(plain(g, n, a));
  const words: bigint[] = [];
  for (const { number, args } of inner) {
    words.push(BigInt(g.random.chance(40) ? HYPERCALL.multicall : number), 0n);
    for (let i = 0; i < 6; i++) words.push(args[i] ?? 0n);
  }
  return { number: HYPERCALL.multicall, args: [pointer(g, a.put(words)), count(g, inner.length)] };
}
