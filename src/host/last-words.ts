/**
 * Why a guest died, in a few words: what the hypervisor said when it crashed it, or else the last thing it printed that
 * sounds like a reason. Kept for guests that are gone, as long as somebody may still ask.
 */
import type { Domid } from "../abi/types.ts";

/** Guests whose words are kept. */
const KEPT = 256;
const LONGEST = 300;

const CRASHED = /^\(XEN\) domain_crash: d(\d+): (.*)$/;
const DUMP_OF = /^\(XEN\) Domain (\d+) \(vcpu#\d+\) (?:crashed|reported)/;
const RIP = /^\(XEN\) RIP: +(.*)$/;
/** How kernels say that it is over. */
const LAST_CRY =
  /(kernel panic|panic:|BUG:|Oops|unable to handle|fatal|not syncing|^page fault at|^main returned)/i;

interface Words {
  why: string | undefined;
  rip: string | undefined;
}

export class LastWords {
  readonly #words = new Map<number, Words>();
  /** Whose dump is being written to the log. */
  #dumping: number | undefined;

  /** A line of the hypervisor log. */
  hear(line: string): void {
    const crash = CRASHED.exec(line);
    if (crash !== null) this.#of(Number(crash[1])).why = crash[2];
    const dump = DUMP_OF.exec(line);
    if (dump !== null) this.#dumping = Number(dump[1]);
    const rip = RIP.exec(line);
    if (rip !== null && this.#dumping !== undefined) {
      this.#of(this.#dumping).rip ??= rip[1];
      this.#dumping = undefined;
    }
  }

  /** `printed`: what is left of its console. */
  of(domid: Domid, printed: Uint8Array): string | undefined {
    const words = this.#words.get(domid);
    const cried = lastCry(printed);
    const at = words?.rip === undefined ? "" : `, at ${words.rip}`;
    if (words?.why !== undefined) return tame(`${words.why}${at}`);
    if (cried !== undefined) return tame(cried);
    return words === undefined ? undefined : tame(`it reported a crash${at}`);
  }

  #of(domid: number): Words {
    const known = this.#words.get(domid);
    if (known !== undefined) return known;
    const made: Words = { why: undefined, rip: undefined };
    this.#words.set(domid, made);
    const oldest = this.#words.keys().next();
    if (this.#words.size > KEPT && oldest.done !== true) this.#words.delete(oldest.value);
    return made;
  }
}

function lastCry(printed: Uint8Array): string | undefined {
  const lines = Buffer.from(printed.subarray(-65_536)).toString("utf8").split("\n");
  const cry = lines.reverse().find((line) => LAST_CRY.test(line) && !/end kernel panic/i.test(line));
  return cry?.replace(/^\[ *[\d.]+\] /, "");
}

/** One line that a terminal takes no orders from: neither escape sequences nor other control characters. */
const tame = (text: string): string =>
  text
    .replace(/\u001b\[[0-?]*[ -/]*[@-~]/g, "")
    .replace(/[\u0000-\u001f\u007f-\u009f]+/g, " ")
    .trim()
    .slice(0, LONGEST);
