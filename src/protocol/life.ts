/** Requests about domains that run already: what `xl shutdown`, `rename`, `mem-set`, `debug-keys` and their kin ask. */

export const SHUTDOWN_WISHES = ["poweroff", "reboot"] as const;
export type ShutdownWish = (typeof SHUTDOWN_WISHES)[number];

/** libxl's triggers, as `xl trigger` spells them. */
export const TRIGGERS = ["unknown", "power", "sleep", "nmi", "init", "reset", "s3resume"] as const;
export type Trigger = (typeof TRIGGERS)[number];

export interface UptimeRow {
  readonly domid: number;
  readonly name: string | null;
  /** Seconds it has been up; null: xenstore does not say. */
  readonly up: number | null;
}

export interface StoredConfig {
  readonly domid: number;
  /** libxl_domain_config as JSON. */
  readonly json: string;
}

interface ByDomid {
  readonly domid: number;
}

export interface LifeMethods {
  /** Answered when the guest has acknowledged it. */
  requestShutdown: { params: ByDomid & { readonly what: ShutdownWish }; result: null };
  /** Answered when the domain is dying or gone. */
  waitForDeath: { params: ByDomid; result: null };
  sysrq: { params: ByDomid & { readonly letter: string }; result: null };
  trigger: { params: ByDomid & { readonly trigger: Trigger; readonly vcpu: number }; result: null };
  /** `oldName`: what the user took it to be called; null: named by its id. */
  rename: { params: ByDomid & { readonly oldName: string | null; readonly newName: string }; result: null };
  /** Of the domains given, or of all. `now`: seconds since 1970 by dom0's clock. */
  uptimes: {
    params: { readonly domids: readonly number[] | null };
    result: { readonly now: number; readonly rows: readonly UptimeRow[] };
  };
  debugKeys: { params: { readonly keys: string }; result: null };
  memSet: { params: ByDomid & { readonly kib: number }; result: null };
  memMax: { params: ByDomid & { readonly kib: number }; result: null };
  /** `path` is absolute. */
  dumpCore: { params: ByDomid & { readonly path: string; readonly said: string }; result: null };
  /** What the toolstack keeps of each domain, brought up to date; of all when `domids` is null. */
  domainConfigs: { params: { readonly domids: readonly number[] | null }; result: readonly StoredConfig[] };
  /** `xl config-update`: a config's text, for the domain's next life. */
  updateConfig: {
    params: ByDomid & { readonly text: string; readonly source: string };
    result: null;
  };
}
