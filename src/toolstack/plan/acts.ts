/**
 * What a toolstack operation consists of: lists of small acts, made by pure functions from what was asked. The order is
 * libxl's; perform.ts knows how each is done. A create whose act fails is undone by destroying the domain.
 */
import type { DomainConfig } from "../config/domain-config.ts";

export type CreateAct =
  | "check-memory"
  | "make-domain"
  | "write-skeleton"
  | "check-disks"
  | "say-dm-version"
  | "run-bootloader"
  | "prepare-domain"
  | "read-kernel"
  | "read-ramdisk"
  | "claim-memory"
  | "build"
  | "restore"
  | "end-claim"
  | "set-scheduling"
  | "describe-in-store"
  | "introduce"
  | "add-disks"
  | "add-console"
  | "store-config"
  | "unpause";

/** `from`: a kernel is laid out in the domain's memory, or a saved domain is read back into it. */
export function actsOfCreate(
  config: DomainConfig,
  paused: boolean,
  from: "build" | "restore" = "build",
): CreateAct[] {
  const acts: CreateAct[] = ["check-memory", "make-domain", "write-skeleton", "say-dm-version"];
  const hasDisks = config.disks.length > 0;
  if (hasDisks) acts.push("check-disks");
  const hasLoader = config.bootloader !== undefined && from === "build";
  if (hasLoader) acts.push("run-bootloader");
  acts.push("prepare-domain");
  if (from === "restore") {
    acts.push("restore");
  } else {
    acts.push("read-kernel");
    if (config.ramdisk !== undefined || hasLoader) acts.push("read-ramdisk");
    acts.push("claim-memory", "build", "end-claim");
  }
  if (config.cpuWeight !== undefined || config.cap !== undefined) acts.push("set-scheduling");
  acts.push("describe-in-store", "introduce", "say-dm-version");
  if (hasDisks) acts.push("add-disks");
  acts.push("add-console", "store-config");
  if (!paused) acts.push("unpause");
  return acts;
}

export type DestroyAct =
  | "pause"
  | "remove-devices"
  | "wipe-store"
  | "destroy-domain"
  | "forget-config"
  | "wipe-libxl"
  | "await-end";

export const actsOfDestroy = (): DestroyAct[] => [
  "pause",
  "remove-devices",
  "wipe-store",
  "wipe-libxl",
  "forget-config",
  "destroy-domain",
  "await-end",
];
