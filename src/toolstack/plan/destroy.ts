/** `xl destroy`: devices and nodes first, then the domain; it is over when Xen knows it no more. */
import type { Domid } from "../../abi/types.ts";
import { Nanos } from "../../lib/brand.ts";
import type { Dom0 } from "../dom0.ts";
import { XlError } from "../error.ts";
import { alreadyGone } from "../lines.ts";
import { vmPathOf } from "../names.ts";
import type { RecentDomids } from "../recent-domids.ts";
import { type Plan, signalled, watching } from "../wait.ts";
import { actsOfDestroy, type DestroyAct } from "./acts.ts";
import { removeConsole } from "./console-device.ts";
import { removeDisks } from "./disks.ts";

/** How long memory may take to come back before we stop looking, and how often we look. */
const END_NANOS = 10e9;
const LOOK_NANOS = 2e6;

/** "quietly": one that is not there is fine (a failed create cleans up after itself). */
export function* destroyDomain(
  dom0: Dom0,
  recent: RecentDomids,
  domid: Domid,
  how: "as xl" | "quietly" = "as xl",
): Plan<void> {
  if (!dom0.gate.domctl.getInfo(domid).ok) {
    if (how === "quietly") return;
    throw notThere(domid);
  }
  for (const act of actsOfDestroy()) {
    const waits = PERFORM[act](dom0, domid);
    if (waits !== undefined) yield* waits;
  }
  recent.note(domid);
}

export const notThere = (domid: number): XlError =>
  new XlError(1, [...alreadyGone(domid), "destroy failed (rc=-21)"]);

const PERFORM: Record<DestroyAct, (dom0: Dom0, domid: Domid) => Plan<void> | undefined> = {
  pause({ gate }, domid) {
    gate.domctl.pause(domid);
  },
  *"remove-devices"(dom0, domid) {
    yield* removeDisks(dom0, domid);
    dom0.xs.transaction((tx) => removeConsole(tx, domid));
  },
  "wipe-store"(dom0, domid) {
    const vm = vmPathOf(dom0, domid);
    if (vm?.startsWith("/vm/")) dom0.xs.remove(vm);
    dom0.xs.remove(`/local/domain/${domid}`);
  },
  "wipe-libxl"({ xs }, domid) {
    xs.remove(`/libxl/${domid}`);
  },
  "forget-config"({ userdata }, domid) {
    userdata.forget(domid);
  },
  "destroy-domain"({ gate }, domid) {
    gate.domctl.destroy(domid);
  },
  *"await-end"({ gate, xs, clock }, domid) {
    const giveUp = Nanos(clock.now() + END_NANOS);
    yield* watching(xs, "@releaseDomain", function* (signal) {
      while (gate.domctl.getInfo(domid).ok && clock.now() < giveUp) {
        yield* signalled(signal, Nanos(clock.now() + LOOK_NANOS));
      }
    });
  },
};
