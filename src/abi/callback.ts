/** public/callback.h and nmi.h: CALLBACKOP_*, CALLBACKTYPE_*, XENNMI_*. */
import { at, struct, u16, u64 } from "../lib/struct.ts";

export const CALLBACKOP_register = 0;
export const CALLBACKOP_unregister = 1;
export const CALLBACKTYPE_event = 0;
export const CALLBACKTYPE_failsafe = 1;
export const CALLBACKTYPE_syscall = 2;
export const CALLBACKTYPE_sysenter_deprecated = 3;
export const CALLBACKTYPE_nmi = 4;
export const CALLBACKTYPE_sysenter = 5;
export const CALLBACKTYPE_syscall32 = 7;
export const CALLBACKF_mask_events = 1;

export const callbackRegister = struct("callback_register", 16, {
  type: at(0, u16),
  flags: at(2, u16),
  address: at(8, u64),
});
export const callbackUnregister = struct("callback_unregister", 4, { type: at(0, u16) });

export const XENNMI_register_callback = 0;
export const XENNMI_unregister_callback = 1;
export const xennmiCallback = struct("xennmi_callback", 16, { handlerAddress: at(0, u64) });
