/**
 * The smallest stub domain: a program of a few lines that is a domain of its own. See docs/stub-domains.md.
 *
 *   extra="seconds=100"     stays for so long, instead of one second
 */
import type { MiniOs } from "../minios/kernel.ts";
import { sleep, type Thread } from "../minios/threads.ts";

export function* miniOsHello(os: MiniOs): Thread<number> {
  os.console.print("Hello, world!\n");
  const name = yield* os.xenbus.read("name");
  os.console.print(
    `I am ${name}, with ${os.start.nrPages} pages, and my arguments are: ${os.start.cmdline}\n`,
  );
  const seconds = Number(/(?:^| )seconds=(\d+)/.exec(os.start.cmdline)?.[1] ?? 1);
  yield* sleep(os, seconds * 1_000_000_000);
  return 0;
}
