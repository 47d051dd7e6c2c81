/** public/event_channel.h: EVTCHNOP_* and their arguments (IN first, OUT after). */
import { at, s32, struct, u16, u32 } from "../lib/struct.ts";

export const EVTCHNOP_bind_interdomain = 0;
export const EVTCHNOP_bind_virq = 1;
export const EVTCHNOP_bind_pirq = 2;
export const EVTCHNOP_close = 3;
export const EVTCHNOP_send = 4;
export const EVTCHNOP_status = 5;
export const EVTCHNOP_alloc_unbound = 6;
export const EVTCHNOP_bind_ipi = 7;
export const EVTCHNOP_bind_vcpu = 8;
export const EVTCHNOP_unmask = 9;
export const EVTCHNOP_reset = 10;
export const EVTCHNOP_init_control = 11;
export const EVTCHNOP_expand_array = 12;
export const EVTCHNOP_set_priority = 13;

export const EVTCHNSTAT_closed = 0;
export const EVTCHNSTAT_unbound = 1;
export const EVTCHNSTAT_interdomain = 2;
export const EVTCHNSTAT_pirq = 3;
export const EVTCHNSTAT_virq = 4;
export const EVTCHNSTAT_ipi = 5;

/** Ports of the 2-level ABI of a 64-bit guest. */
export const EVTCHN_2L_NR_CHANNELS = 4096;

export const evtchnBindInterdomain = struct("evtchn_bind_interdomain", 12, {
  remoteDom: at(0, u16),
  remotePort: at(4, u32),
  localPort: at(8, u32), // OUT
});
export const evtchnBindVirq = struct("evtchn_bind_virq", 12, {
  virq: at(0, u32),
  vcpu: at(4, u32),
  port: at(8, u32), // OUT
});
export const evtchnBindPirq = struct("evtchn_bind_pirq", 12, {
  pirq: at(0, u32),
  flags: at(4, u32),
  port: at(8, u32), // OUT
});
export const evtchnClose = struct("evtchn_close", 4, { port: at(0, u32) });
export const evtchnSend = struct("evtchn_send", 4, { port: at(0, u32) });
export const evtchnStatus = struct("evtchn_status", 24, {
  dom: at(0, u16),
  port: at(4, u32),
  status: at(8, u32), // OUT from here
  vcpu: at(12, u32),
  /** unbound: dom · interdomain: dom · pirq, virq: the number. */
  unionDom: at(16, u16),
  unionPort: at(20, u32),
});
export const evtchnAllocUnbound = struct("evtchn_alloc_unbound", 8, {
  dom: at(0, u16),
  remoteDom: at(2, u16),
  port: at(4, u32), // OUT
});
export const evtchnBindIpi = struct("evtchn_bind_ipi", 8, {
  vcpu: at(0, u32),
  port: at(4, u32), // OUT
});
export const evtchnBindVcpu = struct("evtchn_bind_vcpu", 8, { port: at(0, u32), vcpu: at(4, u32) });
export const evtchnUnmask = struct("evtchn_unmask", 4, { port: at(0, u32) });
export const evtchnReset = struct("evtchn_reset", 2, { dom: at(0, u16) });
/** The virq or pirq of `evtchn_status`'s union. */
export const evtchnStatusNumber = struct("evtchn_status.u", 24, { number: at(16, s32) });

/** `struct evtchn_op` of event_channel_op_compat: u32 cmd, then a union of all arguments. */
export const EVTCHN_OP_UNION = 4;
export const EVTCHN_OP_SIZE = 28;
