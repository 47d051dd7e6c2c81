/**
 * What a toolstack operation consists of: lists of small acts, made by pure functions from what was asked. The order is
 * libxl's; perform.ts knows how each is done. A create whose act fails is undone by destroying the domain.
 */
import type { DomainConfig } from "../config/domain-config.ts";

export type CreateAct =
  | "check-memory"
  | "make-domain"
  | "write-skeleton"
  | "say-dm-version"
  | "prepare-domain"
  | "read-kernel"
  | "read-ramdisk"
  | "claim-memory"
  | "build"
  | "end-claim"
  | "set-scheduling"
  | "describe-in-store"
  | "introduce"
  | "add-console"
  | "unpause";

export function actsOfCreate(config: DomainConfig, paused: boolean): CreateAct[] {
  const acts: CreateAct[] = [
    "check-memory",
    "make-domain",
    "write-skeleton",
    "say-dm-version",
    "prepare-domain",
    "read-kernel",
  ];
  if (config.ramdisk !== undefined) acts.push("read-ramdisk");
  acts.push("claim-memory", "build", "end-claim");
  if (config.cpuWeight !== undefined || config.cap !== undefined) acts.push("set-scheduling");
  acts.push("describe-in-store", "introduce", "say-dm-version", "add-console");
  if (!paused) acts.push("unpause");
  return acts;
}

export type DestroyAct =
  | "pause"
  | "remove-devices"
  | "wipe-store"
  | "destroy-domain"
  | "wipe-libxl"
  | "await-end";

export const actsOfDestroy = (): DestroyAct[] => [
  "pause",
  "remove-devices",
  "wipe-store",
  "wipe-libxl",
  "destroy-domain",
  "await-end",
];
