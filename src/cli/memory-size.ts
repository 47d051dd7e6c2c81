/** Amounts of memory as `xl mem-set` and `xl mem-max` read them. */
import { XlError } from "../toolstack/error.ts";
import { type Command, defineCommand } from "./command.ts";
import { withHost } from "./connection-use.ts";
import { findDomain } from "./find-domain.ts";

const KIB_OF = { t: 2n ** 30n, g: 2n ** 20n, m: 2n ** 10n, k: 1n } as const;

/** A decimal number and one letter: t, g, m (the default), k or b, of either case. KiB; undefined: it is none of that. */
export function memoryKib(text: string): bigint | undefined {
  const match = /^\s*([+-]?[0-9]+)([tgmkb]?)$/i.exec(text);
  if (match === null) return undefined;
  const [, digits = "0", letter = ""] = match;
  const amount = BigInt.asIntN(64, BigInt(digits.replace("+", "")));
  const unit = (letter === "" ? "m" : letter.toLowerCase()) as keyof typeof KIB_OF | "b";
  return unit === "b" ? amount >> 10n : amount * KIB_OF[unit];
}

export interface MemoryWording {
  readonly name: "mem-set" | "mem-max";
  readonly summary: string;
  readonly method: "memSet" | "memMax";
  /** dynamic, static: which limit a failure names. */
  readonly limit: string;
}

export const memoryCommand = ({ name, summary, method, limit }: MemoryWording): Command =>
  defineCommand({
    name,
    usage: "<Domain> <MemMB['b'[bytes]|'k'[KB]|'m'[MB]|'g'[GB]|'t'[TB]]>",
    summary,
    options: [],
    required: 2,
    modifies: true,
    canDryRun: false,
    run: ({ args }) =>
      withHost(async (host) => {
        const [domain = "", size = ""] = args.operands;
        const domid = await findDomain(host, domain);
        const kib = memoryKib(size);
        if (kib === undefined || kib === -1n) throw new XlError(1, [`invalid memory size: ${size}`]);
        try {
          await host.call(method, { domid, kib: bounded(kib) });
        } catch (error) {
          if (!(error instanceof XlError)) throw error;
          const last = `cannot set domid ${domid} ${limit} max memory to : ${size}`;
          throw new XlError(1, [...error.lines, last], error.hint);
        }
        return 0;
      }),
  });

/** libxl's are unsigned: a negative amount is an enormous one, and refused as such. */
const bounded = (kib: bigint): number => {
  const unsigned = BigInt.asUintN(64, kib);
  return unsigned > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(unsigned);
};
