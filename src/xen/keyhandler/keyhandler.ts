/**
 * Keys of the hypervisor's console (xen/common/keyhandler.c): each writes what it is about into the log. Keys for hardware
 * that this machine has not (interrupts, MSIs, IOMMUs, C-states…) are not there, nor listed by `h`.
 */
import type { Machine } from "../machine.ts";
import { dumpClocks, dumpTimers } from "./clocks.ts";
import { dumpDomains } from "./domains.ts";
import { dumpEventChannels } from "./events.ts";
import { dumpGrants } from "./grants.ts";
import { dumpHeap, dumpMemory, dumpNuma } from "./memory.ts";
import { dumpDom0Registers, dumpRegisters } from "./registers.ts";
import { dumpRunQueues } from "./run-queues.ts";

interface KeyHandler {
  readonly key: string;
  readonly does: string;
  /** Part of `*`. */
  readonly diagnostic: boolean;
  readonly run: (machine: Machine, key: string) => void;
}

const row = (
  key: string,
  does: string,
  diagnostic: boolean,
  run: (machine: Machine, key: string) => void,
): KeyHandler => ({ key, does, diagnostic, run });

/** In the order of their codes. */
const HANDLERS: readonly KeyHandler[] = [
  row("*", "print all diagnostics", false, runAll),
  row("0", "dump Dom0 registers", true, dumpDom0Registers),
  row("H", "dump heap info", true, dumpHeap),
  row("a", "dump timer queues", true, dumpTimers),
  row("d", "dump registers", true, dumpRegisters),
  row("e", "dump evtchn info", true, dumpEventChannels),
  row("g", "print grant table usage", true, dumpGrants),
  row("h", "show this message", false, showHandlers),
  row("m", "memory info", true, dumpMemory),
  row("q", "dump domain (and guest debug) info", true, dumpDomains),
  row("r", "dump run queues", true, dumpRunQueues),
  row("t", "display multi-cpu clock info", true, dumpClocks),
  row("u", "dump NUMA info", true, dumpNuma),
];

/** An unknown key does nothing. */
export function handleKeypress(machine: Machine, key: string): void {
  HANDLERS.find((handler) => handler.key === key)?.run(machine, key);
}

function showHandlers(machine: Machine, key: string): void {
  machine.log(`'${key}' pressed -> showing installed handlers`);
  for (const handler of HANDLERS) {
    machine.log(
      ` key '${handler.key}' (ascii '${handler.key.charCodeAt(0).toString(16)}') => ${handler.does}`,
    );
  }
}

function runAll(machine: Machine, key: string): void {
  machine.log(`'${key}' pressed -> firing all diagnostic keyhandlers`);
  for (const handler of HANDLERS) {
    if (!handler.diagnostic) continue;
    machine.log(`[${handler.key}: ${handler.does}]`);
    handler.run(machine, handler.key);
  }
}
