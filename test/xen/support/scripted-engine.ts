/**
 * An engine whose instructions are a test's generator: each step says how many instructions pass, or stops as the real
 * one would. Frames, page walks and saved states are FakeEngine's.
 */
import * as L from "../../../src/cpu/layout.ts";
import { FakeEngine } from "../fake-engine.ts";

/** `run`: so many instructions without an exit. `exit`: one instruction that stops, after `before` has set X_* and registers. */
export type Step = { readonly run: number } | { readonly exit: number; readonly before?: () => void };
export type Program = Generator<Step, void, void>;

export class ScriptedEngine extends FakeEngine {
  private readonly programs = new Map<number, Program>();
  private readonly left = new Map<number, number>();
  private selected = -1;
  /** Who ran, how long, up to which exit. */
  readonly trace: { vcpu: number; ran: number; exit: number }[] = [];
  /** Called before every run, as an instruction fetch sees where RIP stands. */
  onRun: ((vcpu: number) => void) | undefined;

  setProgram(vcpu: number, program: Program): void {
    this.programs.set(vcpu, program);
    this.left.delete(vcpu);
  }

  override select(vcpu: number): void {
    super.select(vcpu);
    this.selected = vcpu;
  }

  override run(budget: number): number {
    const vcpu = this.selected;
    this.onRun?.(vcpu);
    let ran = 0;
    const finish = (exit: number): number => {
      this.trace.push({ vcpu, ran, exit });
      return exit;
    };
    for (;;) {
      const waiting = this.left.get(vcpu) ?? 0;
      if (waiting > 0) {
        const n = Math.min(waiting, budget - ran);
        this.retire(n);
        this.left.set(vcpu, waiting - n);
        ran += n;
      }
      if (ran >= budget) return finish(L.EXIT_BUDGET);
      const next = this.programs.get(vcpu)?.next();
      if (next === undefined || next.done === true) {
        this.left.set(vcpu, 1_000_000); // nothing more to do: it spins without a word
        continue;
      }
      if ("run" in next.value) {
        this.left.set(vcpu, next.value.run);
        continue;
      }
      next.value.before?.();
      this.retire(1);
      ran++;
      return finish(next.value.exit);
    }
  }

  private retire(n: number): void {
    const at = (L.CPU + L.ICOUNT) >> 3;
    this.mem.u64[at] = (this.mem.u64[at] as bigint) + BigInt(n);
  }
}
