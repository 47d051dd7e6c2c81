/** Our layouts beside what a C compiler makes of Xen's own headers. Skipped where gcc or libxen-dev is missing. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import * as arch from "../../src/abi/arch-x86/xen.ts";
import * as events from "../../src/abi/event-channel.ts";
import * as sched from "../../src/abi/sched.ts";
import * as vcpu from "../../src/abi/vcpu.ts";
import * as xen from "../../src/abi/xen.ts";

/** C type, C member, our number. */
const ROWS: readonly (readonly [string, string | undefined, number])[] = [
  ["struct vcpu_guest_context", undefined, arch.vcpuGuestContext.size],
  ["struct vcpu_guest_context", "flags", arch.vcpuGuestContext.field.flags.offset],
  ["struct vcpu_guest_context", "user_regs", arch.VCPU_GUEST_CONTEXT_USER_REGS],
  ["struct vcpu_guest_context", "trap_ctxt", arch.VCPU_GUEST_CONTEXT_TRAP_CTXT],
  ["struct vcpu_guest_context", "ldt_base", arch.vcpuGuestContext.field.ldtBase.offset],
  ["struct vcpu_guest_context", "gdt_frames", arch.VCPU_GUEST_CONTEXT_GDT_FRAMES],
  ["struct vcpu_guest_context", "gdt_ents", arch.vcpuGuestContext.field.gdtEnts.offset],
  ["struct vcpu_guest_context", "kernel_sp", arch.vcpuGuestContext.field.kernelSp.offset],
  ["struct vcpu_guest_context", "ctrlreg[3]", arch.vcpuGuestContext.field.ctrlreg3.offset],
  ["struct vcpu_guest_context", "debugreg", arch.VCPU_GUEST_CONTEXT_DEBUGREG],
  ["struct vcpu_guest_context", "event_callback_eip", arch.vcpuGuestContext.field.eventCallbackEip.offset],
  [
    "struct vcpu_guest_context",
    "syscall_callback_eip",
    arch.vcpuGuestContext.field.syscallCallbackEip.offset,
  ],
  ["struct vcpu_guest_context", "gs_base_user", arch.vcpuGuestContext.field.gsBaseUser.offset],
  ["struct cpu_user_regs", undefined, arch.cpuUserRegs.size],
  ["struct cpu_user_regs", "rip", arch.cpuUserRegs.field.rip.offset],
  ["struct cpu_user_regs", "saved_upcall_mask", arch.cpuUserRegs.field.savedUpcallMask.offset],
  ["struct cpu_user_regs", "gs", arch.cpuUserRegs.field.gs.offset],
  ["struct iret_context", undefined, arch.iretContext.size],
  ["struct iret_context", "rip", arch.iretContext.field.rip.offset],
  ["struct iret_context", "ss", arch.iretContext.field.ss.offset],
  ["struct trap_info", "address", arch.trapInfo.field.address.offset],
  ["struct shared_info", undefined, xen.sharedInfo.size],
  ["struct shared_info", "evtchn_pending", xen.SHARED_INFO_EVTCHN_PENDING],
  ["struct shared_info", "evtchn_mask", xen.SHARED_INFO_EVTCHN_MASK],
  ["struct shared_info", "wc_version", xen.sharedInfo.field.wcVersion.offset],
  ["struct shared_info", "wc_sec_hi", xen.sharedInfo.field.wcSecHi.offset],
  ["struct shared_info", "arch.p2m_generation", xen.sharedInfo.field.archP2mGeneration.offset],
  ["struct vcpu_info", undefined, xen.VCPU_INFO_SIZE],
  ["struct vcpu_info", "evtchn_pending_sel", xen.vcpuInfo.field.evtchnPendingSel.offset],
  ["struct vcpu_info", "arch.cr2", xen.vcpuInfo.field.archCr2.offset],
  ["struct vcpu_info", "time", xen.VCPU_INFO_TIME],
  ["struct vcpu_time_info", "system_time", xen.vcpuTimeInfo.field.systemTime.offset],
  ["struct vcpu_time_info", "tsc_shift", xen.vcpuTimeInfo.field.tscShift.offset],
  ["struct multicall_entry", undefined, xen.multicallEntry.size],
  ["struct multicall_entry", "args", xen.multicallEntry.field.arg0.offset],
  ["struct evtchn_status", undefined, events.evtchnStatus.size],
  ["struct evtchn_status", "u.interdomain.port", events.evtchnStatus.field.unionPort.offset],
  ["struct evtchn_bind_interdomain", "local_port", events.evtchnBindInterdomain.field.localPort.offset],
  ["struct evtchn_alloc_unbound", "port", events.evtchnAllocUnbound.field.port.offset],
  ["struct sched_poll", undefined, sched.schedPoll.size],
  ["struct sched_poll", "timeout", sched.schedPoll.field.timeout.offset],
  ["struct sched_remote_shutdown", "reason", sched.schedRemoteShutdown.field.reason.offset],
  ["struct vcpu_runstate_info", undefined, vcpu.vcpuRunstateInfo.size],
  ["struct vcpu_runstate_info", "time[3]", vcpu.vcpuRunstateInfo.field.timeOffline.offset],
  ["struct vcpu_set_singleshot_timer", "flags", vcpu.vcpuSetSingleshotTimer.field.flags.offset],
  ["struct vcpu_register_vcpu_info", "offset", vcpu.vcpuRegisterVcpuInfo.field.offset.offset],
];

const canCompile = existsSync("/usr/include/xen/xen.h") && spawnSync("gcc", ["--version"]).status === 0;

test.skipIf(!canCompile)("offsets and sizes are the headers'", () => {
  const directory = mkdtempSync(join(tmpdir(), "xen-headers-"));
  const expressions = ROWS.map(([type, member]) =>
    member === undefined ? `sizeof(${type})` : `offsetof(${type}, ${member})`,
  );
  const source = [
    "#include <stddef.h>",
    "#include <stdint.h>",
    "#include <stdio.h>",
    ...["xen", "event_channel", "sched", "vcpu"].map((header) => `#include <xen/${header}.h>`),
    "int main(void) {",
    ...expressions.map((expression) => `printf("%zu\\n", (size_t)${expression});`),
    "return 0; }",
  ].join("\n");
  try {
    writeFileSync(join(directory, "a.c"), source);
    const built = spawnSync("gcc", ["-o", join(directory, "a"), join(directory, "a.c")], {
      encoding: "utf8",
    });
    expect(built.stderr).toBe("");
    const { stdout } = spawnSync(join(directory, "a"), { encoding: "utf8" });
    const theirs = stdout.trim().split("\n").map(Number);
    const named = (values: readonly number[]): string[] =>
      expressions.map((what, i) => `${what} = ${values[i]}`);
    expect(named(ROWS.map(([, , ours]) => ours))).toEqual(named(theirs));
  } finally {
    rmSync(directory, { recursive: true });
  }
});
