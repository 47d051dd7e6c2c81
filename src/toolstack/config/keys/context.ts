/** What every reader of keys is handed. */
import { XlError } from "../../error.ts";
import type { LibxlDomainConfig } from "../libxl-types.ts";
import type { SettingsReader } from "../settings.ts";

export interface KeyContext {
  readonly settings: SettingsReader;
  /** What is read goes here. */
  readonly config: LibxlDomainConfig;
  /** A line for stderr. */
  warn(line: string): void;
  /** A uuid for a domain that brings none, as text. */
  newUuid(): string;
}

/** xl's EXIT_FAILURE, and libxl's ERROR_FAIL, which some refusals exit with. */
export const EXIT_FAILURE = 1;
export const EXIT_FAIL = 3;

/** The config says what cannot be: xl prints `line` and exits. */
export function refuse(line: string, exitCode: number = EXIT_FAILURE): never {
  throw new XlError(exitCode, [line]);
}

/** Copies the settings that are there: `{ memory: "memory" }` of field name to key. */
export function copyStrings<F extends string>(
  context: KeyContext,
  into: NoInfer<{ [K in F]?: string }>,
  keys: Readonly<Record<F, string>>,
): void {
  for (const [field, key] of Object.entries(keys) as [F, string][]) {
    const value = context.settings.string(key);
    if (value !== undefined) into[field] = value;
  }
}

/** As {@link copyStrings}, of booleans. */
export function copyBools<F extends string>(
  context: KeyContext,
  into: NoInfer<{ [K in F]?: boolean }>,
  keys: Readonly<Record<F, string>>,
): void {
  for (const [field, key] of Object.entries(keys) as [F, string][]) {
    const value = context.settings.bool(key);
    if (value !== undefined) into[field] = value;
  }
}

/** As {@link copyStrings}, of numbers, each through `convert` as C converts them. */
export function copyNumbers<F extends string>(
  context: KeyContext,
  into: NoInfer<{ [K in F]?: bigint }>,
  keys: Readonly<Record<F, string>>,
  convert: (value: bigint) => bigint,
): void {
  for (const [field, key] of Object.entries(keys) as [F, string][]) {
    const value = context.settings.long(key);
    if (value !== undefined) into[field] = convert(value);
  }
}

/** C's conversions of a long. */
export const toInt = (value: bigint): bigint => BigInt.asIntN(32, value);
export const toUint32 = (value: bigint): bigint => BigInt.asUintN(32, value);
/** MiB, as a key has them, in the KiB of libxl's uint64_t. */
export const mibToKib = (mib: bigint): bigint => BigInt.asUintN(64, mib * 1024n);
