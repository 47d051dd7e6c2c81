/**
 * The cost table (src/xen/time/cost-table.ts) beside what the same work costs this host in CPU time. The table is virtual:
 * it need not equal any one machine's figures, but no row should be off by an order of magnitude against the others.
 */
import { DOMID_0, Gfn } from "../src/abi/types.ts";
import { createEngine } from "../src/cpu/engine.ts";
import { readKernel } from "../src/dombuild/kernel.ts";
import { buildPv } from "../src/dombuild/pv.ts";
import { assemble } from "../src/guests/hello/asm/assemble.ts";
import { elfFile } from "../src/guests/hello/asm/elf-file.ts";
import { coreModule } from "../src/host/core-wasm.ts";
import { Nanos } from "../src/lib/brand.ts";
import { createXen, type Xen } from "../src/xen/index.ts";
import { COST, type Work } from "../src/xen/time/cost-table.ts";

/** A guest that does something `count` times, then powers off. */
const guest = (body: string, count: number): string => `
BASE equ 0xffffffff80000000
org BASE
note GUEST_OS, "calibrate"
note XEN_VERSION, "xen-3.0"
note LOADER, "generic"
note VIRT_BASE, BASE
note PADDR_OFFSET, 0
note ENTRY, start
note HYPERCALL_PAGE, page
note FEATURES, "!writable_page_tables|pae_pgdir_above_4gb"
note PAE_MODE, "yes"
entry start
section .text
start:
        mov     rbx, ${count}
again:
        ${body}
        dec     rbx
        jnz     again
        mov     edi, 2
        lea     rsi, [reason]
        call    page + 29 * 32
section .data
        align   4096
page:   resb    4096
reason: dd      0
`;

const power = (): Xen =>
  createXen({
    engine: createEngine({ core: coreModule() }),
    memoryMib: 4096,
    pcpus: 4,
    cpuMhz: 1000,
    dom0MemoryMib: 256,
    dom0Vcpus: 1,
    wallclock: 0,
    seed: 0,
  });

function must<T>(result: { readonly ok: true; readonly value: T } | { readonly ok: false }): T {
  if (!result.ok) throw new Error(`calibrate: ${JSON.stringify(result)}`);
  return result.value;
}

const cpuNanos = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) * 1000;
};

function drive(xen: Xen, ended: () => boolean): void {
  while (!ended()) {
    const outcome = xen.run(Nanos(Number.MAX_SAFE_INTEGER), 1_000_000);
    if (outcome.state !== "idle") continue;
    if (outcome.until === undefined) return;
    xen.advanceIdle(outcome.until);
  }
}

/** CPU nanoseconds of one round of `body` in a guest. */
function ofGuest(body: string, count: number): number {
  const program = must(
    assemble(guest(body, count)) as { ok: true; value: Parameters<typeof elfFile>[0] } | { ok: false },
  );
  const file = must(elfFile(program) as { ok: true; value: Uint8Array } | { ok: false });
  const xen = power();
  const { dom0 } = xen;
  const domid = must(
    dom0.domctl.create({
      handle: new Uint8Array(16),
      type: "pv",
      maxVcpus: 1,
      maxEvtchnPort: 1023,
      maxGrantFrames: 4,
      maxMaptrackFrames: 4,
    }),
  );
  must(dom0.domctl.setMaxMem(domid, 9216));
  const storePort = must(dom0.evtchn.allocUnbound(domid, DOMID_0));
  const consolePort = must(dom0.evtchn.allocUnbound(domid, DOMID_0));
  const kernel = must(
    readKernel(file) as { ok: true; value: Parameters<typeof buildPv>[2]["kernel"] } | { ok: false },
  );
  must(
    buildPv(dom0, domid, { kernel, cmdline: "", memKib: 8192, storePort, consolePort }) as
      | { ok: true; value: unknown }
      | { ok: false },
  );
  must(dom0.domctl.unpause(domid));
  const started = cpuNanos();
  drive(xen, () => {
    const info = dom0.domctl.getInfo(domid);
    return !info.ok || info.value.shutdown;
  });
  return (cpuNanos() - started) / count;
}

/** Waking dom0 for a port: it notifies itself, round after round. */
function ofWake(count: number): number {
  const xen = power();
  const { evtchn } = xen.dom0;
  const here = must(evtchn.allocUnbound(DOMID_0, DOMID_0));
  const there = must(evtchn.bindInterdomain(DOMID_0, here));
  let left = count;
  evtchn.onEvent(here, () => {
    if (--left > 0) evtchn.send(there);
  });
  evtchn.send(there);
  const started = cpuNanos();
  drive(xen, () => left <= 0);
  return (cpuNanos() - started) / count;
}

/** Bytes into another domain's frame, through the Gate. */
function ofByte(frames: number): number {
  const xen = power();
  const { dom0 } = xen;
  const domid = must(
    dom0.domctl.create({
      handle: new Uint8Array(16),
      type: "pv",
      maxVcpus: 1,
      maxEvtchnPort: 1023,
      maxGrantFrames: 4,
      maxMaptrackFrames: 4,
    }),
  );
  must(dom0.domctl.setMaxMem(domid, 9216));
  const [mfn] = must(dom0.memory.populate(domid, Gfn(0), 1));
  if (mfn === undefined) throw new Error("calibrate: no frame");
  const frame = must(dom0.memory.mapForeign(domid, mfn, "write"));
  const page = new Uint8Array(4096).fill(7);
  const started = cpuNanos();
  for (let i = 0; i < frames; i++) frame.write(0, page);
  return (cpuNanos() - started) / (frames * 4096);
}

function ofSwitch(count: number): number {
  function* thread(): Generator<number, void> {
    for (let i = 0; ; i++) yield i;
  }
  const threads = [thread(), thread(), thread()];
  const started = cpuNanos();
  let sum = 0;
  for (let i = 0; i < count; i++) sum += threads[i % 3]?.next().value ?? 0;
  if (sum < 0) throw new Error("calibrate: impossible");
  return (cpuNanos() - started) / count;
}

export function run(): void {
  const empty = ofGuest("nop", 3_000_000);
  const rows: readonly (readonly [Work, number, string])[] = [
    [
      "hypercall",
      ofGuest("xor edi, edi\n xor esi, esi\n call page + 17 * 32", 300_000) - empty,
      "xen_version from a guest",
    ],
    [
      "emulate",
      ofGuest(
        "xor eax, eax\n mov rbp, rbx\n db 0x0f, 0x0b, 0x78, 0x65, 0x6e, 0x0f, 0xa2\n mov rbx, rbp",
        300_000,
      ) - empty,
      "forced CPUID from a guest",
    ],
    ["wake", ofWake(300_000), "an event to dom0 and back into its handler"],
    ["switch", ofSwitch(3_000_000), "resuming a generator"],
    ["byte", ofByte(20_000), "a byte written to a mapped frame"],
  ];
  console.log("row         table ns   host CPU ns   what was measured");
  for (const [row, host, what] of rows) {
    console.log(
      `${row.padEnd(10)} ${String(COST[row]).padStart(9)} ${host.toFixed(2).padStart(13)}   ${what}`,
    );
  }
}
