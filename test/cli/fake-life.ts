/** The toolstack's real plans over a machine without guests that run: what libxl would say is said by the code that says it. */
import { Domid } from "../../src/abi/types.ts";
import { Life, type LifeApi } from "../../src/host/life.ts";
import { Bench, wish } from "../toolstack/plan/bench.ts";

export class LifeBench {
  readonly bench = new Bench();
  readonly life: LifeApi = new Life({
    dom0: this.bench.dom0,
    enter: () => {},
    kick: () => this.bench.machine.settle(),
    run: (plan) => {
      const outcome = this.bench.run(plan);
      return outcome.ok ? Promise.resolve(outcome.value) : Promise.reject(outcome.error);
    },
  });

  constructor() {
    const { info } = this.bench.machine.addDomain(0, []);
    info.totPages = info.maxPages = 1024 * 256;
    this.bench.machine.settle();
  }

  /** A guest of 256 MiB whose maximum is 512, as the transcripts' has. */
  addGuest(domid: number, name: string): void {
    this.bench.machine.nextDomid = domid;
    const memory = { targetKib: 262_144, maxKib: 524_288 };
    const made = this.bench.create(wish({ name, memory }));
    if (!made.ok || made.value !== Domid(domid)) throw new Error(`no guest ${domid}`);
  }
}
