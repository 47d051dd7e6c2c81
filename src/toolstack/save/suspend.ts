/** Asking a guest to suspend itself, as libxl__domain_suspend does, and letting it go on where that came to nothing. */
import { SHUTDOWN } from "../../abi/hypercall.ts";
import type { Domid, Port } from "../../abi/types.ts";
import { Nanos } from "../../lib/brand.ts";
import type { Dom0 } from "../dom0.ts";
import { libxlError } from "../lines.ts";
import { type Plan, type Signal, signalled, watching } from "../wait.ts";
import { EINVAL, xcError } from "./xc-fault.ts";

/** How long the guest has to acknowledge, and then to suspend. */
const PATIENCE_NANOS = 60e9;
const SOURCE = "libxl_dom_suspend.c";

export type Suspended =
  | { readonly ok: true }
  /** `responded`: it acknowledged, and then did not suspend. */
  | {
      readonly ok: false;
      readonly responded: boolean;
      readonly lines: readonly string[];
      readonly hint?: string;
    };

export function* suspendGuest(dom0: Dom0, domid: Domid): Plan<Suspended> {
  const acknowledged = yield* ask(dom0, domid);
  if (!acknowledged) {
    const text = "guest didn't acknowledge suspend, cancelling request";
    return {
      ok: false,
      responded: false,
      lines: [libxlError(`${SOURCE}:269:domain_suspend_common_pvcontrol_suspending`, domid, text)],
      hint: "the guest has not answered control/shutdown in 60 s: it cannot be saved, is paused, or hangs",
    };
  }
  return yield* watching(dom0.xs, "@releaseDomain", (signal) => awaitSuspend(dom0, domid, signal));
}

/** By its event channel where it has named one, else through `control/shutdown`. True: it has acknowledged. */
function* ask({ gate, xs, clock }: Dom0, domid: Domid): Plan<boolean> {
  const port = xs.read(`/local/domain/${domid}/device/suspend/event-channel`);
  if (port !== undefined && /^\d{1,9}$/.test(port)) {
    const bound = gate.evtchn.bindInterdomain(domid, Number(port) as Port);
    if (bound.ok) {
      gate.evtchn.send(bound.value);
      gate.evtchn.close(bound.value);
      return true;
    }
  }
  const path = `/local/domain/${domid}/control/shutdown`;
  const giveUp = Nanos(clock.now() + PATIENCE_NANOS);
  xs.write(path, "suspend");
  return yield* watching(xs, path, function* (signal) {
    for (;;) {
      if (xs.read(path) !== "suspend") return true;
      if (clock.now() >= giveUp) {
        xs.write(path, "");
        return false;
      }
      yield* signalled(signal, giveUp);
    }
  });
}

function* awaitSuspend({ gate, clock }: Dom0, domid: Domid, signal: Signal): Plan<Suspended> {
  const failed = (line: number, where: string, text: string): Suspended => ({
    ok: false,
    responded: true,
    lines: [libxlError(`${SOURCE}:${line}:${where}`, domid, text)],
  });
  const giveUp = Nanos(clock.now() + PATIENCE_NANOS);
  for (;;) {
    const info = gate.domctl.getInfo(domid);
    if (!info.ok || info.value.dying) {
      return failed(
        342,
        "suspend_common_wait_guest_check",
        "guest we were suspending has been destroyed: Success",
      );
    }
    if (info.value.shutdown) {
      if (info.value.shutdownCode === SHUTDOWN.suspend) return { ok: true };
      // libxl says so to nobody who has not asked for its debug messages.
      return {
        ok: false,
        responded: true,
        lines: [],
        hint: `the guest has shut down instead (reason ${info.value.shutdownCode})`,
      };
    }
    if (clock.now() >= giveUp) {
      return failed(372, "suspend_common_wait_guest_timeout", "guest did not suspend, timed out");
    }
    yield* signalled(signal, giveUp);
  }
}

/**
 * libxl_domain_resume with `suspend_cancel`: the guest's suspend hypercall answers 1, and it goes on as it is. Answers
 * what is said when it cannot: it has not suspended.
 */
export function resumeGuest({ gate, xs }: Dom0, domid: Domid): readonly string[] {
  const info = gate.domctl.getInfo(domid);
  const failed = (xc: string, errno: string): string[] => [
    xc,
    libxlError(`${SOURCE}:667:domain_resume_done`, domid, `xc_domain_resume failed: ${errno}`),
  ];
  if (!info.ok) return failed(xcError("Could not get domain info", "3 = No such process"), "No such process");
  const { shutdown, shutdownCode } = info.value;
  if (!shutdown || shutdownCode !== SHUTDOWN.suspend) {
    const reason = shutdown ? shutdownCode : NO_REASON;
    const text = `Dom ${domid} not suspended: (shutdown ${shutdown ? 1 : 0}, reason ${reason})`;
    return failed(xcError(text), "Invalid argument");
  }
  const context = gate.domctl.getVcpuContext(domid, 0);
  if (!context.ok) return failed(xcError("Could not get vcpu context", EINVAL), "Invalid argument");
  const { userRegs } = context.value;
  const set = gate.domctl.setVcpuContext(domid, 0, { ...context.value, userRegs: { ...userRegs, rax: 1n } });
  if (!set.ok || !gate.migration.resume(domid).ok) {
    return failed(xcError("Could not set vcpu context", EINVAL), "Invalid argument");
  }
  xs.resume(domid);
  return [];
}

/** SHUTDOWN_CODE_INVALID, as far as it fits. */
const NO_REASON = 255;
