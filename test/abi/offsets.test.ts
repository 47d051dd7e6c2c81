/** Our layouts beside the C compiler's: sizeof and offsetof of Xen's public headers (Debian's libxen-dev). */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import type { Struct } from "../../src/lib/struct.ts";

const hasHeaders = existsSync("/usr/include/xen/xen.h") && spawnSync("gcc", ["--version"]).status === 0;

/** How C spells a member, where it is not our camelCase in snake_case. */
const SPELLING: Record<string, Record<string, string>> = {
  gnttab_cache_flush: { devBusAddr: "a.dev_bus_addr" },
  evtchn_status: { unionDom: "u.interdomain.dom", unionPort: "u.interdomain.port" },
  start_info: {
    console_mfn: "console.domU.mfn",
    console_evtchn: "console.domU.evtchn",
    consoleMfn: "console.domU.mfn",
    consoleEvtchn: "console.domU.evtchn",
  },
  vcpu_runstate_info: {
    timeRunning: "time[0]",
    timeRunnable: "time[1]",
    timeBlocked: "time[2]",
    timeOffline: "time[3]",
  },
  vcpu_register_runstate_memory_area: { v: "addr.v" },
  vcpu_register_time_memory_area: { v: "addr.v" },
  multicall_entry: {
    arg0: "args[0]",
    arg1: "args[1]",
    arg2: "args[2]",
    arg3: "args[3]",
    arg4: "args[4]",
    arg5: "args[5]",
  },
  vcpu_info: { archCr2: "arch.cr2" },
  gnttab_copy: {
    sourceDomid: "source.domid",
    sourceOffset: "source.offset",
    destDomid: "dest.domid",
    destOffset: "dest.offset",
  },
  shared_info: {
    archMaxPfn: "arch.max_pfn",
    archPfnToMfnFrameListList: "arch.pfn_to_mfn_frame_list_list",
    archNmiReason: "arch.nmi_reason",
    archP2mCr3: "arch.p2m_cr3",
    archP2mVaddr: "arch.p2m_vaddr",
    archP2mGeneration: "arch.p2m_generation",
  },
  vcpu_guest_context: {
    ctrlreg0: "ctrlreg[0]",
    ctrlreg1: "ctrlreg[1]",
    ctrlreg2: "ctrlreg[2]",
    ctrlreg3: "ctrlreg[3]",
    ctrlreg4: "ctrlreg[4]",
  },
};

/** Layouts without a struct of this name in the headers. */
const NOT_IN_HEADERS: Record<string, string> = {
  "evtchn_status.u": "an anonymous union's first member",
  sring: "DEFINE_RING_TYPES makes one for each device",
};

/** Rings that fill their page for us; C's struct ends before. */
const WHOLE_PAGE = ["xencons_interface", "xenstore_domain_interface"];

const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

async function layouts(): Promise<Map<string, Struct<never>>> {
  const found = new Map<string, Struct<never>>();
  for (const entry of readdirSync("src/abi", { recursive: true, encoding: "utf8" })) {
    if (!entry.endsWith(".ts")) continue;
    const module: Record<string, unknown> = await import(resolve("src/abi", entry));
    for (const value of Object.values(module)) {
      if (
        typeof value === "object" &&
        value !== null &&
        "field" in value &&
        "size" in value &&
        "name" in value
      ) {
        found.set((value as Struct<never>).name, value as Struct<never>);
      }
    }
  }
  return found;
}

describe.skipIf(!hasHeaders)("layouts (needs gcc and libxen-dev)", () => {
  it("every struct of abi/ lies as the C compiler lays it", async () => {
    const ours: string[] = [];
    const lines: string[] = [];
    for (const [name, layout] of await layouts()) {
      if (name in NOT_IN_HEADERS) continue;
      if (!WHOLE_PAGE.includes(name)) {
        ours.push(`${name} ${layout.size}`);
        lines.push(`printf("${name} %zu\\n", sizeof(struct ${name}));`);
      }
      for (const [key, field] of Object.entries(layout.field as Record<string, { offset: number }>)) {
        const member = SPELLING[name]?.[key] ?? snake(key);
        ours.push(`${name}.${member} ${field.offset}`);
        lines.push(`printf("${name}.${member} %zu\\n", offsetof(struct ${name}, ${member}));`);
      }
    }
    const directory = mkdtempSync(join(tmpdir(), "xlab-abi-"));
    try {
      const headers = [
        "xen",
        "event_channel",
        "sched",
        "vcpu",
        "version",
        "memory",
        "grant_table",
        "physdev",
        "callback",
        "io/console",
        "io/xs_wire",
        "nmi",
        "domctl",
      ];
      writeFileSync(
        join(directory, "offsets.c"),
        `#include <stdint.h>\n#include <stddef.h>\n#include <stdio.h>\n#define __XEN_TOOLS__ 1\n#define __XEN_INTERFACE_VERSION__ 0x00040d00\n${headers
          .map((header) => `#include <xen/${header}.h>`)
          .join("\n")}\nint main(void) {\n${lines.join("\n")}\nreturn 0; }\n`,
      );
      const compiled = spawnSync(
        "gcc",
        ["-w", "-o", join(directory, "offsets"), join(directory, "offsets.c")],
        { encoding: "utf8" },
      );
      expect(compiled.stderr).toBe("");
      const { stdout } = spawnSync(join(directory, "offsets"), { encoding: "utf8" });
      expect(ours.length).toBeGreaterThan(100);
      expect(stdout.trimEnd().split("\n")).toEqual(ours);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
});
