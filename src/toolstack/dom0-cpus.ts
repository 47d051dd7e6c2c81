/**
 * What dom0's kernel does about its vCPUs: `cpu/N/availability` says which shall be online (xl vcpu-set 0 N), and it takes
 * them down and up. Its first one stays, as Linux's does.
 */
import type { Gate } from "../abi/hypercall.ts";
import { DOMID_0 } from "../abi/types.ts";
import type { XsClient } from "../xenstore/client/client.ts";

const CPUS = "/local/domain/0/cpu";

export function followDom0Cpus(gate: Gate, xs: XsClient): void {
  const info = gate.domctl.getInfo(DOMID_0);
  const count = info.ok ? info.value.maxVcpuId + 1 : 0;
  for (let id = 0; id < count; id++) xs.write(`${CPUS}/${id}/availability`, "online");
  xs.watch(CPUS, (path) => {
    const id = Number(/\/cpu\/([0-9]+)\/availability$/.exec(path)?.[1] ?? 0);
    if (id === 0 || id >= count) return;
    const wanted = xs.read(path);
    if (wanted === "online") gate.vcpu.up(id);
    else if (wanted === "offline") gate.vcpu.down(id);
  });
}
