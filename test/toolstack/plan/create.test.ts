import { describe, expect, test } from "vitest";
import { Domid } from "../../../src/abi/types.ts";
import { XlError } from "../../../src/toolstack/error.ts";
import { actsOfCreate } from "../../../src/toolstack/plan/acts.ts";
import { destroyDomain } from "../../../src/toolstack/plan/destroy.ts";
import { pauseDomain, unpauseDomain } from "../../../src/toolstack/plan/run-state.ts";
import type { Ended } from "../../../src/toolstack/wait.ts";
import { Bench, config, wish } from "./bench.ts";

const tail = (domid: number): string[] => [
  `libxl: error: libxl_domain.c:1183:libxl__destroy_domid: Domain ${domid}:Non-existant domain`,
  `libxl: error: libxl_domain.c:1137:domain_destroy_callback: Domain ${domid}:Unable to destroy guest`,
  `libxl: error: libxl_domain.c:1064:domain_destroy_cb: Domain ${domid}:Destruction of domain failed`,
];
const rebuild = (domid: number): string =>
  `libxl: error: libxl_create.c:1640:domcreate_rebuild_done: Domain ${domid}:cannot (re-)build domain: -3`;

function failed(outcome: Ended<unknown>): XlError {
  if (outcome.ok) throw new Error("it went through");
  return outcome.error;
}

test("a plan is a list of acts: what is not asked for is not in it", () => {
  expect(actsOfCreate(config(), true)).not.toContain("unpause");
  expect(actsOfCreate(config(), true)).not.toContain("read-ramdisk");
  expect(actsOfCreate(config({ ramdisk: "/initrd" }), false).at(-1)).toBe("unpause");
  expect(actsOfCreate(config({ ramdisk: "/initrd", cpuWeight: 512 }), false)).toMatchInlineSnapshot(`
    [
      "check-memory",
      "make-domain",
      "write-skeleton",
      "say-dm-version",
      "prepare-domain",
      "read-kernel",
      "read-ramdisk",
      "claim-memory",
      "build",
      "end-claim",
      "set-scheduling",
      "describe-in-store",
      "introduce",
      "say-dm-version",
      "add-console",
      "store-config",
      "unpause",
    ]
  `);
});

test("a created domain is paused or runs, has its memory, ports and names", () => {
  const bench = new Bench();
  expect(bench.create(wish())).toEqual({ ok: true, value: 1 });
  const { info, ports } = bench.machine.domain(1);
  expect([info.paused, info.totPages, info.maxPages, ports.size]).toEqual([
    true,
    4096,
    (16384 + 1024) / 4,
    2,
  ]);
  expect(bench.xs.read("/local/domain/1/name")).toBe("guest");
  expect(bench.create(wish({ name: "two" }, { paused: false }))).toEqual({ ok: true, value: 2 });
  expect(bench.machine.domain(2).info.paused).toBe(false);
});

describe("a create that fails says what the real xl says, and leaves nothing but a used-up domid", () => {
  const rows: readonly [
    claim: string,
    wanted: ReturnType<typeof wish>,
    lines: (domid: number) => string[],
  ][] = [
    [
      "no such kernel",
      wish({}, { kernel: { path: "/nosuch/vmlinuz", unreadable: "No such file or directory" } }),
      (domid) => [
        "xc: error: panic: xg_dom_core.c:205: failed to open file '/nosuch/vmlinuz': No such file or directory: Internal error",
        "libxl: error: libxl_dom.c:646:libxl__build_pv: xc_dom_kernel_file failed: No such file or directory",
        rebuild(domid),
        ...tail(domid),
      ],
    ],
    [
      "no kernel at all in it",
      wish({}, { kernel: { path: "/guests/x", bytes: new Uint8Array(100) } }),
      (domid) => [
        "xc: error: panic: xg_dom_core.c:689: xc_dom_find_loader: no loader found: Invalid kernel",
        "libxl: error: libxl_dom.c:571:libxl__build_dom: xc_dom_parse_image failed",
        rebuild(domid),
        ...tail(domid),
      ],
    ],
    [
      "an empty kernel",
      wish({}, { kernel: { path: "/guests/empty", bytes: new Uint8Array(0) } }),
      (domid) => [
        "xc: error: panic: xg_dom_core.c:230: '/guests/empty': zero length file: Internal error",
        "libxl: error: libxl_dom.c:646:libxl__build_pv: xc_dom_kernel_file failed: No such file or directory",
        rebuild(domid),
        ...tail(domid),
      ],
    ],
    [
      "the ramdisk is a directory",
      wish({ ramdisk: "/guests" }, { ramdisk: { path: "/guests", unreadable: "Is a directory" } }),
      (domid) => [
        "xc: error: panic: xg_dom_core.c:248: failed to mmap file '/guests': Is a directory: Internal error",
        "libxl: error: libxl_dom.c:659:libxl__build_pv: xc_dom_ramdisk_file failed: No such file or directory",
        rebuild(domid),
        ...tail(domid),
      ],
    ],
    [
      "more memory than there is",
      wish({ memory: { targetKib: 102_400_000, maxKib: 102_400_000 } }),
      (domid) => [
        "xc: error: panic: xg_dom_boot.c:119: xc_dom_boot_mem_init: can't allocate low memory for domain: Out of memory",
        "libxl: error: libxl_dom.c:586:libxl__build_dom: xc_dom_boot_mem_init failed: Cannot allocate memory",
        rebuild(domid),
        ...tail(domid),
      ],
    ],
  ];
  for (const [claim, wanted, lines] of rows) {
    test(claim, () => {
      const bench = new Bench();
      const before = [bench.nodes(), bench.machine.freePages];
      const error = failed(bench.create(wanted));
      expect(error.lines).toEqual(lines(1));
      expect(error.exitCode).toBe(3);
      expect(error.hint).toMatch(/./);
      expect(error.hint).not.toContain("\n");
      expect([bench.nodes(), bench.machine.freePages]).toEqual(before);
      expect(bench.machine.domains.size).toBe(0);
      expect(bench.create(wish())).toEqual({ ok: true, value: 2 });
    });
  }
});

test("a name that is taken is found out when the domid is used up already, and the other domain is left alone", () => {
  const bench = new Bench();
  bench.create(wish());
  const before = bench.listing();
  const error = failed(bench.create(wish()));
  expect(error.lines).toEqual([
    'libxl: error: libxl_domain.c:81:libxl__domain_rename: Domain 2:Domain with name "guest" already exists.',
    "libxl: error: libxl_create.c:1296:initiate_domain_create: Domain 2:cannot make domain: -6",
    ...tail(2),
  ]);
  expect(error.exitCode).toBe(3);
  expect(bench.listing()).toEqual(before);
});

test("without dom0_mem= memory is looked at before a domain is made", () => {
  const bench = new Bench();
  bench.machine.commandline = "loglvl=all";
  const error = failed(bench.create(wish({ memory: { targetKib: 102_400_000, maxKib: 102_400_000 } })));
  expect([error.lines, error.exitCode]).toEqual([["failed to free memory for the domain"], 3]);
  expect(bench.create(wish())).toEqual({ ok: true, value: 1 });
});

test("a guest that is not PV is refused before it costs a domid", () => {
  const bench = new Bench();
  expect(failed(bench.create(wish({ type: "hvm" }))).hint).toContain("not modelled");
  expect(bench.create(wish())).toEqual({ ok: true, value: 1 });
});

test("a domain destroyed while it is being made ends the create, and no node comes back", () => {
  const bench = new Bench();
  const before = bench.nodes();
  const wanted = wish({}, { made: (domid) => bench.start(destroyDomain(bench.dom0, bench.recent, domid)) });
  const error = failed(bench.create(wanted));
  expect(error.hint).toContain("was destroyed while");
  bench.machine.settle(10e9);
  expect(bench.nodes()).toBe(before);
  expect(bench.machine.domains.size).toBe(0);
});

test("destroying what is not there says so, with xl's status", () => {
  const bench = new Bench();
  const error = failed(bench.run(destroyDomain(bench.dom0, bench.recent, Domid(99))));
  expect(error.lines).toEqual([...tail(99), "destroy failed (rc=-21)"]);
  expect(error.exitCode).toBe(1);
});

test("an id that was in use within the last minute is not given out again", () => {
  const bench = new Bench();
  bench.create(wish());
  bench.run(destroyDomain(bench.dom0, bench.recent, Domid(1)));
  const create = bench.machine.gate.domctl.create.bind(bench.machine.gate.domctl);
  let first = true;
  const wrapping = (wanted: Parameters<typeof create>[0]) => {
    const again = first ? { ...wanted, domid: Domid(1) } : wanted;
    first = false;
    return create(again);
  };
  Object.assign(bench.machine.gate.domctl, { create: wrapping });
  expect(bench.create(wish())).toEqual({ ok: true, value: 2 });
});

test("pauses nest, and what is not there or not paused is said as libxl says it", () => {
  const bench = new Bench();
  bench.create(wish());
  const { dom0, machine } = bench;
  pauseDomain(dom0, Domid(1));
  unpauseDomain(dom0, Domid(1));
  expect(machine.domain(1).info.paused).toBe(true);
  unpauseDomain(dom0, Domid(1));
  expect(machine.domain(1).info.paused).toBe(false);
  const rows: [() => void, string][] = [
    [
      () => unpauseDomain(dom0, Domid(1)),
      "libxl: error: libxl_domain.c:688:domain_unpause_done: Domain 1:Unpausing domain: Invalid argument",
    ],
    [
      () => unpauseDomain(dom0, Domid(99)),
      "libxl: error: libxl_dom.c:37:libxl__domain_type: unable to get domain type for domid=99",
    ],
    [
      () => pauseDomain(dom0, Domid(99)),
      "libxl: error: libxl_domain.c:587:libxl_domain_pause: Domain 99:Pausing domain: No such process",
    ],
  ];
  for (const [act, line] of rows) {
    try {
      act();
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(XlError);
      expect(error).toMatchObject({ lines: [line], exitCode: 0 });
    }
  }
});
