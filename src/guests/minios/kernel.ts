/**
 * Mini-OS: the kernel under every TypeScript program that is a domain of its own (extras/mini-os of Xen 3.3). One address
 * space, one vCPU, threads without preemption; the world is reached through the {@link Gate}, the rings and the domain's own
 * frames, and nothing else.
 *
 *   startMiniOs(gate, start, function* main(os) { os.console.print("hello\n"); return 0; });
 */
import type { Gate } from "../../abi/hypercall.ts";
import { SHUTDOWN } from "../../abi/hypercall.ts";
import type { Port } from "../../abi/types.ts";
import { sharedInfo, VIRQ_TIMER } from "../../abi/xen.ts";
import type { ProgramStart } from "../../dombuild/program.ts";
import { Nanos } from "../../lib/brand.ts";
import { AddressSpace } from "./address-space.ts";
import { type Alarm, Alarms } from "./alarms.ts";
import { Console } from "./console.ts";
import { GrantTable } from "./gnttab.ts";
import { Memory } from "./memory.ts";
import { crashReport } from "./report.ts";
import type { Thread, Wait, WaitQueue } from "./threads.ts";
import { Xenbus } from "./xenbus.ts";

/** Steps that threads may make before the rest of the machine has a turn; each of them makes one at most. */
const STEPS_PER_TURN = 64;
/** How long a program that ends waits for its last words to be read. */
const LAST_WORDS_NANOS = 1e9;

interface Task {
  readonly name: string;
  readonly thread: Thread<unknown>;
  sleeping: boolean;
  alarm: Alarm | undefined;
  queue: WaitQueue | undefined;
  readonly wakeUp: () => void;
  readonly ended: (value: unknown) => void;
}

/** A program: its threads' first. Answers its exit status. */
export type Main = (os: MiniOs) => Thread<number>;

export class MiniOs {
  readonly gate: Gate;
  readonly start: ProgramStart;
  readonly memory: Memory;
  readonly space: AddressSpace;
  readonly console: Console;
  readonly gnttab: GrantTable;
  readonly xenbus: Xenbus;
  readonly #ready: Task[] = [];
  readonly #alarms = new Alarms();
  #alarm: Nanos | undefined;
  #inTurn = false;
  #ended = false;
  /** SHUTDOWN_*: it ends so once its last words are out, or at `until`. */
  #last: { readonly reason: number; readonly until: Nanos } | undefined;
  #timerPort: Port | undefined;

  constructor(gate: Gate, start: ProgramStart) {
    this.gate = gate;
    this.start = start;
    this.memory = new Memory(gate, start);
    this.space = new AddressSpace({ memory: this.memory, charge: gate.charge });
    this.console = new Console(this, start);
    this.gnttab = new GrantTable(gate);
    this.xenbus = new Xenbus(this, start);
  }

  now(): Nanos {
    return this.gate.sched.now();
  }

  /** Nanoseconds since 1970, by the wall clock in shared_info; whole microseconds at best. */
  wallNanos(): number {
    const { gate, start } = this;
    const page = gate.memory.mapForeign(gate.domid, start.sharedInfoMfn, "read");
    if (!page.ok) throw new Error(`shared_info: ${page.errno}`);
    const { wcSec, wcSecHi, wcNsec } = sharedInfo.field;
    const word = (field: { readonly offset: number }): number => page.value.getUint32(field.offset);
    const seconds = word(wcSecHi) * 2 ** 32 + word(wcSec);
    const nanos = word(wcNsec);
    page.value.unmap();
    return seconds * 1e9 + nanos + this.now();
  }

  /** A thread of that name; `ended` hears what it returned. */
  createThread<T>(name: string, thread: Thread<T>, ended: (value: T) => void = () => {}): void {
    const task: Task = {
      name,
      thread,
      sleeping: false,
      alarm: undefined,
      queue: undefined,
      wakeUp: () => this.#wake(task),
      ended: (value) => ended(value as T),
    };
    this.#ready.push(task);
    if (!this.#inTurn) this.gate.sched.resume(() => this.#turn());
  }

  /** Calls `handler` for events of the port; threads that it wakes run at once after it. */
  onEvent(port: Port, handler: () => void): void {
    this.gate.evtchn.onEvent(port, () => {
      if (this.#ended) return;
      try {
        handler();
      } catch (error) {
        this.crash(crashReport(`event ${port}`, error));
      }
      this.#turn();
    });
  }

  /** The console's: it is heard until the last words are out. */
  onConsoleEvent(port: Port, handler: () => void): void {
    this.gate.evtchn.onEvent(port, () => {
      handler();
      if (this.#last === undefined) this.#turn();
      else this.#end();
    });
  }

  /** The whole program ends: no thread of it runs any more. What was printed is read before the domain stands still. */
  shutdown(reason: number): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#last = { reason, until: Nanos(this.now() + LAST_WORDS_NANOS) };
    this.gate.sched.setTimer(this.#last.until);
    this.#end();
  }

  /** Mini-OS's do_exit: what went wrong on the console, then the domain has crashed. */
  crash(why: string): void {
    if (this.#ended) return;
    this.console.printLast(`${why.replace(/\n?$/, "\n")}Do_exit called!\n`);
    this.shutdown(SHUTDOWN.crash);
  }

  /** The program hands its vCPU over; what it was is forgotten. */
  stopRunning(): void {
    this.#ended = true;
  }

  /** Begins the threads: called once, at the domain's first scheduling point. */
  boot(main: Main): void {
    const timer = this.gate.evtchn.bindVirq(VIRQ_TIMER, 0);
    if (timer.ok) {
      this.#timerPort = timer.value;
      this.gate.evtchn.onEvent(timer.value, () => {
        this.#alarm = undefined;
        if (this.#last === undefined) this.#turn();
        else this.#end();
      });
    }
    this.console.begin();
    this.xenbus.begin();
    if (!timer.ok) {
      this.crash(`Fatal error: no event channel for the timer: ${timer.errno}`);
      return;
    }
    this.createThread("main", main(this), (status) => {
      if (status === 0) {
        this.console.print(`main returned ${status}\n`);
        this.shutdown(SHUTDOWN.poweroff);
      } else this.crash(`main returned ${status}`);
    });
    this.createThread("shutdown", this.#shutdownThread());
    this.#turn();
  }

  /** Ports of Mini-OS's own: closed before another kernel takes over. */
  closeTimer(): void {
    this.gate.sched.setTimer(undefined);
    if (this.#timerPort !== undefined) this.gate.evtchn.close(this.#timerPort);
    this.#timerPort = undefined;
  }

  *#shutdownThread(): Thread<void> {
    const watch = yield* this.xenbus.watch("control/shutdown");
    for (;;) {
      yield* watch.changed();
      const asked = yield* this.xenbus.read("control/shutdown");
      // What it cannot do (suspend, which is not announced) it does not acknowledge either.
      if (asked !== "poweroff" && asked !== "halt" && asked !== "reboot") continue;
      yield* this.xenbus.write("control/shutdown", "");
      this.shutdown(asked === "reboot" ? SHUTDOWN.reboot : SHUTDOWN.poweroff);
    }
  }

  #end(): void {
    if (this.#last === undefined) return;
    const { reason, until } = this.#last;
    if (this.console.isDrained || this.now() >= until) this.gate.sched.shutdown(reason);
  }

  #turn(): void {
    if (this.#inTurn || this.#ended) return;
    this.#inTurn = true;
    this.#alarms.ringDue(this.now());
    // Whoever is made ready meanwhile comes in the next turn: so a step is followed by others', and by the machine's.
    const steps = Math.min(this.#ready.length, STEPS_PER_TURN);
    for (const task of this.#ready.splice(0, steps)) {
      this.#step(task);
      if (this.#ended) break;
    }
    this.#inTurn = false;
    if (steps > 0) this.gate.charge("switch", steps);
    if (this.#ended) return;
    if (this.#ready.length > 0) this.gate.sched.resume(() => this.#turn());
    this.#setAlarm();
  }

  #step(task: Task): void {
    let next: IteratorResult<Wait, unknown>;
    try {
      next = task.thread.next();
      if (next.done === true) {
        task.ended(next.value);
        return;
      }
    } catch (error) {
      // The program is the guest's: its mistake is the end of this domain, and of nobody else.
      this.crash(crashReport(task.name, error));
      return;
    }
    if (next.value.wait === "schedule") {
      this.#ready.push(task);
      return;
    }
    const { queue, until } = next.value;
    task.sleeping = true;
    task.queue = queue;
    task.alarm = until === undefined ? undefined : this.#alarms.set(until, task.wakeUp);
    queue.sleepers.add(task.wakeUp);
  }

  #wake(task: Task): void {
    if (!task.sleeping) return;
    task.sleeping = false;
    task.queue?.sleepers.delete(task.wakeUp);
    task.queue = undefined;
    if (task.alarm !== undefined) task.alarm.ring = undefined;
    task.alarm = undefined;
    this.#ready.push(task);
  }

  #setAlarm(): void {
    const first = this.#alarms.first();
    if (first === this.#alarm) return;
    this.#alarm = first;
    this.gate.sched.setTimer(first);
  }
}

/** The program that {@link Gate.domctl.setProgram} starts. */
export const miniOsProgram =
  (gate: Gate, start: ProgramStart, main: Main): (() => void) =>
  () => {
    let os: MiniOs;
    try {
      os = new MiniOs(gate, start);
    } catch (error) {
      // Nothing stands that could print: its pages or its grant table cannot be had.
      gate.consoleWrite(crashReport("boot", error));
      gate.sched.shutdown(SHUTDOWN.crash);
      return;
    }
    os.boot(main);
  };
