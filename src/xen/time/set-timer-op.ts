/** set_timer_op(timeout): the calling vCPU's single shot, absolute system time in ns. */
import type { Handler } from "../hypercall/context.ts";
import { setSingleshot } from "./timer-virq.ts";
import { stopSingleshot } from "./vcpu-timers.ts";
import { localNanos } from "./virtual-time.ts";

const FAR_FUTURE = 2 ** 50;
const FALLBACK = 100_000_000;

export const doSetTimerOp: Handler = (call) => {
  const { machine, vcpu } = call;
  const timeout = call.num(0);
  if (timeout === 0) {
    stopSingleshot(vcpu);
    return 0;
  }
  const now = localNanos(machine);
  // Wrapped jiffies of old kernels: neither at once nor never is what they mean.
  const odd = (call.hi(0) & 0x8000_0000) !== 0 || timeout - now >= FAR_FUTURE;
  setSingleshot(machine, vcpu, odd ? now + FALLBACK : timeout);
  return 0;
};
