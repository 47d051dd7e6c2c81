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
import { VIRQ_TIMER } from "../../abi/xen.ts";
import type { ProgramStart } from "../../dombuild/program.ts";
import { bug } from "../../lib/absurd.ts";
import type { Nanos } from "../../lib/brand.ts";
import { Console } from "./console.ts";
import { GrantTable } from "./gnttab.ts";
import { Memory } from "./memory.ts";
import type { Thread, Wait, WaitQueue } from "./threads.ts";
import { Xenbus } from "./xenbus.ts";

/** Steps that threads may make before the rest of the machine has a turn. */
const STEPS_PER_TURN = 256;

interface Task {
  readonly name: string;
  readonly thread: Thread<unknown>;
  until: Nanos | undefined;
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
  readonly console: Console;
  readonly gnttab: GrantTable;
  readonly xenbus: Xenbus;
  readonly #ready: Task[] = [];
  readonly #sleeping = new Set<Task>();
  #alarm: Nanos | undefined;
  #inTurn = false;
  #ended = false;
  #timerPort: Port | undefined;

  constructor(gate: Gate, start: ProgramStart) {
    this.gate = gate;
    this.start = start;
    this.memory = new Memory(gate, start);
    this.console = new Console(this, start);
    this.gnttab = new GrantTable(gate);
    this.xenbus = new Xenbus(this, start);
  }

  now(): Nanos {
    return this.gate.sched.now();
  }

  /** A thread of that name; `ended` hears what it returned. */
  createThread<T>(name: string, thread: Thread<T>, ended: (value: T) => void = () => {}): void {
    const task: Task = {
      name,
      thread,
      until: undefined,
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
      handler();
      this.#turn();
    });
  }

  /** The whole program ends: nothing of it runs any more. */
  shutdown(reason: number): void {
    this.#ended = true;
    this.gate.sched.shutdown(reason);
  }

  /** Mini-OS's do_exit: what went wrong on the console, then the domain has crashed. */
  crash(why: string): void {
    if (this.#ended) return;
    this.console.printNow(`${why}\nDo_exit called!\n`);
    this.shutdown(SHUTDOWN.crash);
  }

  /** The program hands its vCPU over; what it was is forgotten. */
  stopRunning(): void {
    this.#ended = true;
  }

  /** Begins the threads: called once, at the domain's first scheduling point. */
  boot(main: Main): void {
    const timer = this.gate.evtchn.bindVirq(VIRQ_TIMER, 0);
    if (!timer.ok) bug(`mini-os: VIRQ_TIMER: ${timer.errno}`);
    else {
      this.#timerPort = timer.value;
      this.gate.evtchn.onEvent(timer.value, () => {
        this.#alarm = undefined;
        this.#turn();
      });
    }
    this.console.begin();
    this.xenbus.begin();
    this.createThread("main", main(this), (status) => {
      this.console.printNow(`main returned ${status}\n`);
      if (status === 0) this.shutdown(SHUTDOWN.poweroff);
      else this.crash(`main returned ${status}`);
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
      if (asked === undefined || asked === "") continue;
      yield* this.xenbus.write("control/shutdown", "");
      if (asked === "poweroff" || asked === "halt") this.shutdown(SHUTDOWN.poweroff);
      else if (asked === "reboot") this.shutdown(SHUTDOWN.reboot);
      else this.console.print(`control/shutdown: ${asked} is not done by this kernel\n`);
    }
  }

  #turn(): void {
    if (this.#inTurn || this.#ended) return;
    this.#inTurn = true;
    this.#wakeSleepers();
    let steps = 0;
    while (!this.#ended && steps < STEPS_PER_TURN) {
      const task = this.#ready.shift();
      if (task === undefined) break;
      const wait = this.#step(task);
      steps++;
      if (wait === "pause") break;
    }
    this.#inTurn = false;
    if (steps > 0) this.gate.charge("switch", steps);
    if (this.#ended) return;
    if (this.#ready.length > 0) this.gate.sched.resume(() => this.#turn());
    this.#setAlarm();
  }

  #step(task: Task): Wait["wait"] | undefined {
    let next: IteratorResult<Wait, unknown>;
    try {
      next = task.thread.next();
    } catch (error) {
      // The program is the guest's: its mistake is the end of this domain, and of nobody else.
      this.crash(`Thread "${task.name}": ${error instanceof Error ? (error.stack ?? error.message) : error}`);
      return undefined;
    }
    if (next.done === true) {
      task.ended(next.value);
      return undefined;
    }
    if (next.value.wait !== "queue") {
      this.#ready.push(task);
      return next.value.wait;
    }
    const { queue, until } = next.value;
    task.queue = queue;
    task.until = until;
    queue.sleepers.add(task.wakeUp);
    this.#sleeping.add(task);
    return "queue";
  }

  #wake(task: Task): void {
    if (!this.#sleeping.delete(task)) return;
    task.queue?.sleepers.delete(task.wakeUp);
    task.queue = undefined;
    this.#ready.push(task);
  }

  #wakeSleepers(): void {
    const now = this.now();
    for (const task of this.#sleeping) if (task.until !== undefined && task.until <= now) this.#wake(task);
  }

  #setAlarm(): void {
    let first: Nanos | undefined;
    for (const { until } of this.#sleeping)
      if (until !== undefined && (first === undefined || until < first)) first = until;
    if (first === this.#alarm) return;
    this.#alarm = first;
    this.gate.sched.setTimer(first);
  }
}

/** The program that {@link Gate.domctl.setProgram} starts. */
export const miniOsProgram =
  (gate: Gate, start: ProgramStart, main: Main): (() => void) =>
  () => {
    new MiniOs(gate, start).boot(main);
  };
