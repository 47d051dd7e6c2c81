/** What dom0 asks of a running guest through `control/` in xenstore, and its answer (libxl__domain_pvcontrol). */
import type { Domid } from "../../abi/types.ts";
import { Nanos } from "../../lib/brand.ts";
import type { Dom0 } from "../dom0.ts";
import { XlError } from "../error.ts";
import { libxlError } from "../lines.ts";
import { type Plan, signalled, watching } from "../wait.ts";

/** How long a guest has to acknowledge. */
const ACKNOWLEDGE_NANOS = 60e9;

/** xl's words around libxl's, by what was asked. */
const ASKED = {
  poweroff: { verb: "shutdown" },
  reboot: { verb: "reboot" },
} as const;
export type ShutdownRequest = keyof typeof ASKED;

/** Writes `control/shutdown` and waits until the guest has emptied it, as guests acknowledge. */
export function* requestShutdown(dom0: Dom0, domid: Domid, request: ShutdownRequest): Plan<void> {
  const { gate, xs, clock } = dom0;
  const { verb } = ASKED[request];
  if (!gate.domctl.getInfo(domid).ok) {
    const text = `unable to get domain type for domid=${domid}`;
    throw new XlError(1, [
      libxlError("libxl_dom.c:37:libxl__domain_type", undefined, text),
      `${verb} failed (rc=-3)`,
    ]);
  }
  const path = `/local/domain/${domid}/control/shutdown`;
  const giveUp = Nanos(clock.now() + ACKNOWLEDGE_NANOS);
  xs.write(path, request);
  const acknowledged = yield* watching(xs, path, function* (signal) {
    for (;;) {
      const value = xs.read(path);
      if (value === undefined || value === "") return true;
      if (clock.now() >= giveUp) return false;
      yield* signalled(signal, giveUp);
    }
  });
  if (acknowledged) return;
  throw new XlError(
    1,
    [
      libxlError(
        "libxl_domain.c:854:pvcontrol_cb",
        undefined,
        "guest didn't acknowledge control request: -9",
      ),
      `${verb} failed (rc=-9)`,
    ],
    "the guest has not emptied its control/shutdown in 60 s: it has no Xen driver, is paused, or hangs",
  );
}

/** Waits until the domain is dying or gone. */
export function* awaitDeath({ gate, xs }: Dom0, domid: Domid): Plan<void> {
  yield* watching(xs, "@releaseDomain", function* (signal) {
    for (;;) {
      const info = gate.domctl.getInfo(domid);
      if (!info.ok || info.value.dying) return;
      yield* signalled(signal);
    }
  });
}

/** `xl sysrq`: the guest's kernel reads the letter, and empties the node. xl hears no answer, so none is waited for. */
export function sendSysrq({ gate, xs }: Dom0, domid: Domid, letter: string): void {
  if (!gate.domctl.getInfo(domid).ok) throw new XlError(0, [], `there is no domain ${domid}`);
  xs.write(`/local/domain/${domid}/control/sysrq`, letter);
}
