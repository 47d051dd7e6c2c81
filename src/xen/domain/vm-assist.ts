/** vm_assist(cmd, type) */
import {
  VMASST_CMD_disable,
  VMASST_CMD_enable,
  VMASST_TYPE_m2p_strict,
  VMASST_TYPE_runstate_update_flag,
} from "../../abi/xen.ts";
import { minus } from "../hypercall/argument.ts";
import type { Handler } from "../hypercall/context.ts";

export const doVmAssist: Handler = (call) => {
  const command = call.lo(0);
  const type = call.lo(1);
  if (command !== VMASST_CMD_enable && command !== VMASST_CMD_disable) return minus("ENOSYS");
  // Every guest's view of the M2P is the strict one here: the assist is granted and changes nothing.
  if (type === VMASST_TYPE_m2p_strict) return 0;
  if (type > VMASST_TYPE_runstate_update_flag) return minus("EINVAL");
  if (command === VMASST_CMD_enable) call.domain.vmAssist |= 1 << type;
  else call.domain.vmAssist &= ~(1 << type);
  return 0;
};
