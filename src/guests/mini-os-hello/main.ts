/** The smallest stub domain: a program of a few lines that is a domain of its own. See docs/stub-domains.md. */
import type { MiniOs } from "../minios/kernel.ts";
import { sleep, type Thread } from "../minios/threads.ts";

export function* miniOsHello(os: MiniOs): Thread<number> {
  os.console.print("Hello, world!\n");
  const name = yield* os.xenbus.read("name");
  os.console.print(
    `I am ${name}, with ${os.start.nrPages} pages, and my arguments are: ${os.start.cmdline}\n`,
  );
  yield* sleep(os, 1_000_000_000);
  return 0;
}
