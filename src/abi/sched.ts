/** public/sched.h: SCHEDOP_* and their arguments. SHUTDOWN_* reasons are in hypercall.ts. */
import { at, n64, struct, u16, u32, u64 } from "../lib/struct.ts";

export const SCHEDOP_yield = 0;
export const SCHEDOP_block = 1;
export const SCHEDOP_shutdown = 2;
export const SCHEDOP_poll = 3;
export const SCHEDOP_remote_shutdown = 4;
export const SCHEDOP_shutdown_code = 5;
export const SCHEDOP_watchdog = 6;
export const SCHEDOP_pin_override = 7;

export const SHUTDOWN_MAX = 5;

export const schedShutdown = struct("sched_shutdown", 4, { reason: at(0, u32) });
export const schedPoll = struct("sched_poll", 24, {
  ports: at(0, u64), //   pointer to u32
  nrPorts: at(8, u32),
  timeout: at(16, n64), // absolute system time in ns; 0 = none
});
export const schedRemoteShutdown = struct("sched_remote_shutdown", 8, {
  domainId: at(0, u16),
  reason: at(4, u32),
});
export const schedWatchdog = struct("sched_watchdog", 8, { id: at(0, u32), timeout: at(4, u32) }); // seconds
