/** `e`: every event channel of every domain. */
import { SHARED_INFO_EVTCHN_MASK, vcpuInfo } from "../../abi/xen.ts";
import type { Domain } from "../domain/domain.ts";
import type { Channel } from "../evtchn/channel.ts";
import { isPending } from "../evtchn/send.ts";
import type { Machine } from "../machine.ts";
import { bitmapList } from "./bitmap.ts";
import { inOrder } from "./memory.ts";

/** ECS_* */
const STATE = { unbound: 2, interdomain: 3, virq: 5, ipi: 6 } as const;
const BITS_PER_WORD = 64;

export function dumpEventChannels(machine: Machine, key: string): void {
  machine.log(`'${key}' pressed -> dumping event-channel info`);
  for (const domain of inOrder(machine)) dumpDomain(machine, domain);
}

function dumpDomain(machine: Machine, domain: Domain): void {
  const polling = domain.vcpus.filter(({ pollPort }) => pollPort !== 0).map(({ id }) => id);
  machine.log(`Event channel information for domain ${domain.domid}:`);
  machine.log(`Polling vCPUs: {${bitmapList(polling)}}`);
  machine.log("    port [p/m/s]");
  domain.events.channels.forEach((channel, port) => {
    if (channel === undefined) return;
    const pending = isPending(machine, domain, port) ? 1 : 0;
    const flags = `${pending}/${isMasked(machine, domain, port)}/${isSelected(machine, domain, channel, port)}`;
    const head = `    ${String(port).padStart(4)} [${flags}]: s=${STATE[channel.state]} n=${channel.vcpu} x=0`;
    machine.log(`${head}${more(channel)}`);
  });
}

function more(channel: Channel): string {
  switch (channel.state) {
    case "unbound":
      return ` d=${channel.remote}`;
    case "interdomain":
      return ` d=${channel.remote.domid} p=${channel.remotePort}`;
    case "virq":
      return ` v=${channel.virq}`;
    default:
      return "";
  }
}

/** A TypeScript program has no bitmap to mask with. */
function isMasked(machine: Machine, { sharedInfo }: Domain, port: number): 0 | 1 {
  if (sharedInfo === undefined) return 0;
  const byte = machine.engine.mem.u8[sharedInfo.address + SHARED_INFO_EVTCHN_MASK + (port >>> 3)] ?? 0;
  return (byte & (1 << (port & 7))) === 0 ? 0 : 1;
}

/** The port's word is marked in the `evtchn_pending_sel` of the vCPU that is told. */
function isSelected(machine: Machine, domain: Domain, channel: Channel, port: number): 0 | 1 {
  const vcpu = domain.vcpus[channel.vcpu];
  if (vcpu === undefined || domain.sharedInfo === undefined) return 0;
  const selected = vcpuInfo.field.evtchnPendingSel.get(machine.engine.mem.view, vcpu.infoAddress);
  return (selected & (1n << BigInt(Math.floor(port / BITS_PER_WORD)))) === 0n ? 0 : 1;
}
