/**
 * What commands ask of domains that run: the toolstack's plans behind `xl shutdown`, `rename`, `mem-set`, `debug-keys` and
 * their kin, as promises for the outside.
 */
import { DOMID_0, Domid } from "../abi/types.ts";
import type { ShutdownWish, StoredConfig, Trigger, UptimeRow } from "../protocol/life.ts";
import { domainConfigJson, parseDomainConfig } from "../toolstack/config/parse.ts";
import { type Dom0, wallSeconds } from "../toolstack/dom0.ts";
import { XlError } from "../toolstack/error.ts";
import { nameOf, vmPathOf } from "../toolstack/names.ts";
import { awaitDeath, requestShutdown, sendSysrq } from "../toolstack/plan/control.ts";
import { dumpCore } from "../toolstack/plan/dump-core.ts";
import { renameDomain } from "../toolstack/plan/rename.ts";
import { setMaxMemory, setMemoryTarget } from "../toolstack/plan/set-memory.ts";
import { retrieveConfig } from "../toolstack/plan/stored-config.ts";
import { sendTrigger } from "../toolstack/plan/trigger.ts";
import type { Plan } from "../toolstack/wait.ts";

/** Each throws XlError with what xl prints and its status. */
export interface LifeApi {
  requestShutdown(domid: Domid, what: ShutdownWish): Promise<void>;
  waitForDeath(domid: Domid): Promise<void>;
  sysrq(domid: Domid, letter: string): void;
  trigger(domid: Domid, trigger: Trigger, vcpu: number): void;
  /** `oldName` undefined: the user gave the id. */
  rename(domid: Domid, oldName: string | undefined, newName: string): void;
  /** Of these domains, or of all; `now` in seconds since 1970. */
  uptimes(domids: readonly Domid[] | undefined): {
    readonly now: number;
    readonly rows: readonly UptimeRow[];
  };
  debugKeys(keys: string): void;
  memSet(domid: Domid, kib: number): void;
  memMax(domid: Domid, kib: number): void;
  /** `said`: the path as the user wrote it. */
  dumpCore(domid: Domid, path: string, said: string): Promise<void>;
  configs(domid: Domid | undefined): readonly StoredConfig[];
  updateConfig(domid: Domid, text: string, source: string): void;
}

export interface LifeOptions {
  readonly dom0: Dom0;
  /** Brings virtual time up to now before the model is touched; throws when the machine is off. */
  readonly enter: () => void;
  /** Something was changed: whoever waits for it may go on. */
  readonly kick: () => void;
  readonly run: <T>(plan: Plan<T>) => Promise<T>;
}

export class Life implements LifeApi {
  readonly #options: LifeOptions;
  readonly #dom0: Dom0;

  constructor(options: LifeOptions) {
    this.#options = options;
    this.#dom0 = options.dom0;
  }

  async requestShutdown(domid: Domid, what: ShutdownWish): Promise<void> {
    await this.#options.run(requestShutdown(this.#dom0, domid, what));
  }

  async waitForDeath(domid: Domid): Promise<void> {
    await this.#options.run(awaitDeath(this.#dom0, domid));
  }

  sysrq(domid: Domid, letter: string): void {
    this.#do(() => sendSysrq(this.#dom0, domid, letter));
  }

  trigger(domid: Domid, trigger: Trigger, vcpu: number): void {
    this.#do(() => sendTrigger(this.#dom0, domid, trigger, vcpu));
  }

  rename(domid: Domid, oldName: string | undefined, newName: string): void {
    this.#do(() => renameDomain(this.#dom0, domid, oldName ?? String(domid), oldName, newName));
  }

  uptimes(domids: readonly Domid[] | undefined): { now: number; rows: UptimeRow[] } {
    const { gate, clock } = this.#dom0;
    const now = wallSeconds(this.#dom0);
    const asked = domids ?? gate.domctl.listInfo(Domid(0)).map((info) => info.domid);
    const rows = asked.map((domid) => {
      const name = nameOf(this.#dom0, domid) ?? null;
      if (domid === DOMID_0) return { domid, name, up: clock.now() / 1e9 };
      const vm = vmPathOf(this.#dom0, domid);
      const started = vm === undefined ? undefined : this.#dom0.xs.read(`${vm}/start_time`);
      return {
        domid,
        name,
        up: started === undefined ? null : Math.trunc(now) - Number.parseInt(started, 10),
      };
    });
    return { now, rows };
  }

  debugKeys(keys: string): void {
    this.#do(() => void this.#dom0.gate.sysctl.debugKeys(keys));
  }

  memSet(domid: Domid, kib: number): void {
    this.#do(() => setMemoryTarget(this.#dom0, domid, kib));
  }

  memMax(domid: Domid, kib: number): void {
    this.#do(() => setMaxMemory(this.#dom0, domid, kib));
  }

  async dumpCore(domid: Domid, path: string, said: string): Promise<void> {
    const failed = await this.#options.run(dumpCore(this.#dom0, domid, { file: path, said }));
    if (failed === undefined) return;
    throw new XlError(1, [...failed.lines, "core dump failed (rc=-3)"], failed.hint);
  }

  configs(domid: Domid | undefined): StoredConfig[] {
    const { gate } = this.#dom0;
    const asked = domid === undefined ? gate.domctl.listInfo(Domid(0)).map((info) => info.domid) : [domid];
    return asked.flatMap((each) => {
      const libxl = retrieveConfig(this.#dom0, each);
      return libxl === undefined ? [] : [{ domid: each, json: domainConfigJson(libxl) }];
    });
  }

  updateConfig(domid: Domid, text: string, source: string): void {
    this.#do(() => {
      const { gate, userdata } = this.#dom0;
      const info = gate.domctl.getInfo(domid);
      const kept = userdata.get(domid);
      if (!info.ok || kept === undefined) {
        throw new XlError(1, ["failed to update configuration"], `nothing is kept of a domain ${domid}`);
      }
      // What is wrong with it is said now, not at the next boot.
      parseDomainConfig({ text, source, overrides: [], uuid: info.value.handle });
      userdata.store(domid, { ...kept, updated: text });
    });
  }

  #do(act: () => void): void {
    this.#options.enter();
    act();
    this.#options.kick();
  }
}
