/** memory_op: the door; each family has its file. What HVM guests alone can use is refused as Xen refuses it to PV. */
import { ERRNO } from "../../abi/errno.ts";
import {
  MEMOP_CMD_MASK,
  MEMOP_EXTENT_SHIFT,
  XENMEM_access_op,
  XENMEM_acquire_resource,
  XENMEM_add_to_physmap,
  XENMEM_add_to_physmap_batch,
  XENMEM_claim_pages,
  XENMEM_current_reservation,
  XENMEM_decrease_reservation,
  XENMEM_exchange,
  XENMEM_get_pod_target,
  XENMEM_get_sharing_freed_pages,
  XENMEM_get_sharing_shared_pages,
  XENMEM_get_vnumainfo,
  XENMEM_increase_reservation,
  XENMEM_machine_memory_map,
  XENMEM_machphys_compat_mfn_list,
  XENMEM_machphys_mapping,
  XENMEM_machphys_mfn_list,
  XENMEM_maximum_gpfn,
  XENMEM_maximum_ram_page,
  XENMEM_maximum_reservation,
  XENMEM_memory_map,
  XENMEM_paging_op,
  XENMEM_populate_physmap,
  XENMEM_remove_from_physmap,
  XENMEM_reserved_device_memory_map,
  XENMEM_set_memory_map,
  XENMEM_set_pod_target,
  XENMEM_sharing_op,
} from "../../abi/memory.ts";
import type { Call, CallResult } from "../hypercall/context.ts";
import { exchange } from "./exchange.ts";
import { machphysMapping, machphysMfnList, memoryMap, setMemoryMap } from "./memory-map.ts";
import { claimPages, reservation, reservationSize } from "./reservation.ts";

/** (cmd, arg); `cmd` above its 6 bits: extents done before an interruption. */
export function doMemoryOp(call: Call): CallResult {
  const command = call.lo(0) & MEMOP_CMD_MASK;
  const start = Math.floor(call.num(0) / 2 ** MEMOP_EXTENT_SHIFT);
  switch (command) {
    case XENMEM_increase_reservation:
    case XENMEM_decrease_reservation:
    case XENMEM_populate_physmap:
      return reservation(call, command, start);
    default:
      return start === 0 ? other(call, command) : -ERRNO.EINVAL;
  }
}

function other(call: Call, command: number): CallResult {
  const { machine, domain } = call;
  switch (command) {
    case XENMEM_exchange:
      return exchange(call);
    case XENMEM_maximum_ram_page:
      return machine.frames.total;
    case XENMEM_current_reservation:
    case XENMEM_maximum_reservation:
    case XENMEM_maximum_gpfn:
      return reservationSize(call, command);
    case XENMEM_machphys_mfn_list:
      return machphysMfnList(call);
    case XENMEM_machphys_mapping:
      return machphysMapping(call);
    case XENMEM_memory_map:
      return memoryMap(call);
    case XENMEM_set_memory_map:
      return setMemoryMap(call);
    case XENMEM_machine_memory_map:
      return domain.privileged ? -ERRNO.ENOSYS : -ERRNO.EPERM;
    case XENMEM_claim_pages:
      return claimPages(call);
    case XENMEM_acquire_resource:
    case XENMEM_access_op:
    case XENMEM_paging_op:
    case XENMEM_sharing_op:
      return -ERRNO.EOPNOTSUPP;
    // A PV domain has no physmap to change, no populate-on-demand, no vNUMA.
    case XENMEM_add_to_physmap:
    case XENMEM_add_to_physmap_batch:
    case XENMEM_remove_from_physmap:
      return -ERRNO.EACCES;
    case XENMEM_set_pod_target:
    case XENMEM_get_pod_target:
      return -ERRNO.EINVAL;
    case XENMEM_get_vnumainfo:
      return -ERRNO.EOPNOTSUPP;
    case XENMEM_get_sharing_freed_pages:
    case XENMEM_get_sharing_shared_pages:
      return 0;
    case XENMEM_machphys_compat_mfn_list:
    case XENMEM_reserved_device_memory_map:
      return -ERRNO.ENOSYS;
    default:
      return -ERRNO.ENOSYS;
  }
}
