/** CONTROL: what `xenstore-control` asks. The commands about xenstored's own process have no meaning here. */
import { ACK, no, type XsResult, yes } from "../outcome.ts";
import { stringsOf } from "../wire.ts";
import type { Call } from "./call.ts";

export function control({ xs, payload }: Call): XsResult {
  const [command, argument] = stringsOf(payload);
  switch (command) {
    case "help":
      return yes("check\t\nprint\t<string>\nquota\t[<domid>]\nhelp\t\n\0");
    case "check":
      return ACK; // the tree is immutable nodes: there is nothing that could be torn
    case "print":
      xs.gate.consoleWrite(`xenstored: ${argument ?? ""}`);
      return ACK;
    case "quota":
      return yes(
        `${argument === undefined ? limits(xs.quota) : `nodes: ${xs.tree.ownedBy(Number(argument))}`}\n\0`,
      );
    default:
      return no("EINVAL");
  }
}

const limits = (quota: object): string =>
  Object.entries(quota)
    .map(([name, value]) => `${name}: ${value}`)
    .join("\n");
