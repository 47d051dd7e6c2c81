/**
 * The credit scheduler (xen/common/sched/credit.c): weights, caps, priorities, slices, as a toolstack and a guest see them.
 *
 * Running burns credit. Every time slice what was burned is given out again by weight (fair-shares.ts), so the credit of
 * all together stays what it was, and what each has used follows its weight. Who has credit is UNDER, who is in debt
 * is OVER, and who wakes while UNDER is BOOSTed until it has run for a tick. A pCPU takes the best of the one run queue: priority,
 * then soft affinity, then credit by weight. A better one that waits takes a pCPU once its vCPU has had the rate limit.
 *
 * A cap is a budget of its domain, renewed every time slice; a domain that has used it up waits for the next. So little
 * is overdrawn (a window) and that is taken from the next: caps hold exactly in the long run.
 *
 * Accounting is done when somebody runs or wakes, by virtual time: an idle machine has no ticks.
 */
import type { XenResult } from "../../abi/errno.ts";
import { done, refuse } from "../../abi/errno.ts";
import type { CreditSchedParams } from "../../abi/hypercall.ts";
import { bug } from "../../lib/absurd.ts";
import type { Timer } from "../../lib/clock.ts";
import type { Domain, Vcpu } from "../domain/domain.ts";
import type { VirtualTime } from "../time/virtual-time.ts";
import { type Claim, fairShares } from "./fair-shares.ts";
import { createPcpus, type Pcpu, type Scheduler } from "./scheduler.ts";

const BOOST = 2;
const UNDER = 1;
const OVER = 0;

const TICKS_PER_TSLICE = 3;
const MAX_WEIGHT = 65_535;
/** XEN_SYSCTL_CSCHED_* and XEN_SYSCTL_SCHED_RATELIMIT_*. */
const LIMITS = {
  tsliceMs: { min: 1, max: 1000 },
  ratelimitUs: { min: 100, max: 500_000 },
  migrationDelayUs: { max: 100_000 },
} as const;
/** What a sleeper may save up, and what one that waits may, in slices. The rest goes back to the others. */
const MOST_ASLEEP = 1;
const MOST_WAITING = 20;

/** A vCPU's account. */
export interface VcpuCredit {
  /** Ticks that it may run before it is in debt. */
  balance: number;
  /** BOOST, UNDER, OVER. */
  priority: number;
  /** Ticks that it has run since it was boosted. */
  boosted: number;
  /** It takes part in the accounting. */
  active: boolean;
  /** It gave way: everybody else goes first, once. */
  yielded: boolean;
  /** Number of its last arrival in the queue. */
  arrival: number;
}

export const createVcpuCredit = (): VcpuCredit => ({
  balance: 0,
  priority: UNDER,
  boosted: 0,
  active: false,
  yielded: false,
  arrival: 0,
});

export class CreditScheduler implements Scheduler {
  readonly name = "credit";
  readonly pcpus: readonly Pcpu[];
  readonly #time: VirtualTime;
  readonly #queue: Vcpu[] = [];
  readonly #active = new Set<Vcpu>();
  #params: CreditSchedParams = { tsliceMs: 30, ratelimitUs: 1000, migrationDelayUs: 0 };
  /** Until when accounts are settled, ticks. */
  #settled = 0;
  /** Burned, or taken back, and not given out yet. */
  #pool = 0;
  #arrivals = 0;
  /** Ends the wait of domains that have used up their caps. */
  #renewal: Timer | undefined;

  constructor(pcpuCount: number, time: VirtualTime) {
    this.pcpus = createPcpus(pcpuCount);
    this.#time = time;
  }

  get params(): CreditSchedParams {
    return this.#params;
  }

  setParams(params: CreditSchedParams): XenResult {
    const { tsliceMs, ratelimitUs, migrationDelayUs } = params;
    const within = (value: number, min: number, max: number): boolean =>
      Number.isSafeInteger(value) && value >= min && value <= max;
    if (!within(tsliceMs, LIMITS.tsliceMs.min, LIMITS.tsliceMs.max)) return refuse("EINVAL");
    if (ratelimitUs !== 0 && !within(ratelimitUs, LIMITS.ratelimitUs.min, LIMITS.ratelimitUs.max))
      return refuse("EINVAL");
    if (ratelimitUs > tsliceMs * 1000) return refuse("EINVAL");
    if (!within(migrationDelayUs, 0, LIMITS.migrationDelayUs.max)) return refuse("EINVAL");
    this.#params = { tsliceMs, ratelimitUs, migrationDelayUs };
    return done;
  }

  setCredit(domain: Domain, weight: number | undefined, cap: number | undefined): XenResult {
    const { credit, vcpus } = domain;
    if (weight !== undefined && (weight < 1 || weight > MAX_WEIGHT)) return refuse("EINVAL");
    if (cap !== undefined && (cap < 0 || cap > 100 * vcpus.length)) return refuse("EINVAL");
    credit.weight = weight ?? credit.weight;
    if (cap === undefined || cap === credit.cap) return done;
    credit.cap = cap;
    credit.capLeft = this.#capOf(domain);
    return done;
  }

  enqueue(vcpu: Vcpu, now: number, woken: boolean): void {
    const { credit } = vcpu;
    vcpu.queued = true;
    credit.arrival = ++this.#arrivals;
    if (!credit.active) {
      credit.active = true;
      this.#active.add(vcpu);
    }
    this.#settle(now);
    if (woken && credit.priority === UNDER) {
      credit.priority = BOOST;
      credit.boosted = 0;
    }
    this.#queue.push(vcpu);
  }

  dequeue(vcpu: Vcpu): void {
    const at = this.#queue.indexOf(vcpu);
    if (at >= 0) this.#queue.splice(at, 1);
    vcpu.queued = false;
    vcpu.credit.yielded = false;
  }

  pick(pcpu: Pcpu, now: number): Vcpu | undefined {
    let best: Vcpu | undefined;
    for (const vcpu of this.#queue) {
      if (!this.#mayRun(vcpu, pcpu) || this.#hasBetterHome(vcpu, pcpu) || this.#isHot(vcpu, pcpu, now))
        continue;
      if (best === undefined || isBefore(vcpu, best, pcpu)) best = vcpu;
    }
    if (best === undefined) return undefined;
    for (const other of this.#queue) if (this.#mayRun(other, pcpu)) other.credit.yielded = false;
    this.dequeue(best);
    return best;
  }

  ran(vcpu: Vcpu, pcpu: Pcpu, ticks: number): void {
    const { credit, domain } = vcpu;
    credit.balance -= ticks;
    this.#pool += ticks;
    if (domain.credit.cap > 0) domain.credit.capLeft -= ticks;
    if (credit.priority === BOOST) {
      credit.boosted += ticks;
      if (credit.boosted >= this.#slice() / TICKS_PER_TSLICE) credit.priority = UNDER;
    }
    this.#settle(pcpu.ticks);
    if (pcpu.ticks >= pcpu.sliceEnd && !this.#mustChange(vcpu, pcpu)) this.begin(pcpu);
  }

  begin(pcpu: Pcpu): void {
    pcpu.sliceStart = pcpu.ticks;
    pcpu.sliceEnd = pcpu.ticks + this.#slice();
  }

  isWanted(pcpu: Pcpu): boolean {
    return this.#queue.some((vcpu) => this.#mayRun(vcpu, pcpu));
  }

  mustLeave(pcpu: Pcpu): boolean {
    const { current } = pcpu;
    if (current === undefined) return false;
    if (isSpent(current.domain) || current.hardAffinity[pcpu.id] !== true) return true;
    if (pcpu.ticks >= pcpu.sliceEnd) return this.#mustChange(current, pcpu);
    if (this.#queue.length === 0) return false;
    const { priority } = current.credit;
    if (priority === BOOST || pcpu.ticks - pcpu.sliceStart < this.#params.ratelimitUs * this.#time.mhz)
      return false;
    return this.#queue.some(
      (vcpu) => !vcpu.credit.yielded && vcpu.credit.priority > priority && this.#mayRun(vcpu, pcpu),
    );
  }

  forget(domain: Domain): void {
    for (const vcpu of domain.vcpus) {
      if (vcpu.queued) this.dequeue(vcpu);
      if (this.#active.delete(vcpu)) this.#pool += vcpu.credit.balance;
      vcpu.credit.active = false;
    }
  }

  #slice(): number {
    return this.#params.tsliceMs * 1000 * this.#time.mhz;
  }

  /** Ticks of pCPU time that a domain's cap allows it in a slice. */
  #capOf({ credit }: Domain): number {
    return (credit.cap * this.#slice()) / 100;
  }

  #mayRun(vcpu: Vcpu, pcpu: Pcpu): boolean {
    if (vcpu.hardAffinity[pcpu.id] !== true) return false;
    if (!isSpent(vcpu.domain)) return true;
    this.#awaitRenewal();
    return false;
  }

  /** At the end of a slice: somebody waits, or there is room where it would rather run. */
  #mustChange(vcpu: Vcpu, pcpu: Pcpu): boolean {
    return this.isWanted(pcpu) || this.#hasBetterHome(vcpu, pcpu);
  }

  /** Another pCPU is idle and suits it better: where it would like to run, or where it ran last. */
  #hasBetterHome(vcpu: Vcpu, here: Pcpu): boolean {
    const rank = ({ id }: Pcpu): number =>
      (vcpu.softAffinity[id] === true ? 2 : 0) + (vcpu.processor === id ? 1 : 0);
    const mine = rank(here);
    if (mine === 3) return false;
    return this.pcpus.some(
      (other) => other.current === undefined && rank(other) > mine && vcpu.hardAffinity[other.id] === true,
    );
  }

  /** vcpu_migration_delay: who has just run stays where it ran. */
  #isHot(vcpu: Vcpu, pcpu: Pcpu, now: number): boolean {
    const delay = this.#params.migrationDelayUs;
    return (
      delay > 0 &&
      vcpu.processor !== pcpu.id &&
      vcpu.hardAffinity[vcpu.processor] === true &&
      this.pcpus[vcpu.processor]?.current !== undefined &&
      now - vcpu.readyAt < delay * this.#time.mhz
    );
  }

  #awaitRenewal(): void {
    if (this.#renewal !== undefined) return;
    const when = this.#settled + this.#slice();
    this.#renewal = this.#time.at(this.#time.nanosOf(when), () => {
      this.#renewal = undefined;
      this.#settle(Math.max(when, this.#time.ticks));
    });
  }

  /** `csched_acct`, for all whole slices that have passed. */
  #settle(now: number): void {
    const slice = this.#slice();
    const slices = Math.floor((now - this.#settled) / slice);
    if (slices < 1) return;
    this.#settled += slices * slice;
    const before = this.#settled - slices * slice;
    const accounts = [...this.#active];
    const domains = new Map<Domain, number>();
    for (const { domain } of accounts) domains.set(domain, (domains.get(domain) ?? 0) + 1);
    for (const domain of domains.keys()) {
      const cap = this.#capOf(domain);
      if (cap > 0) domain.credit.capLeft = Math.min(cap, domain.credit.capLeft + slices * cap);
    }
    const span = slices * slice;
    const claims = accounts.map(({ domain, hardAffinity }): Claim => {
      const cap = this.#capOf(domain);
      const peak = cap > 0 ? Math.min(span, (slices * cap) / (domains.get(domain) ?? 1)) : span;
      return { weight: domain.credit.weight, peak, mask: maskOf(hardAffinity) };
    });
    const shares = this.#pool > 0 ? fairShares(claims, span, this.#pool) : [];
    accounts.forEach((vcpu, i) => {
      this.#pay(vcpu, shares[i] ?? 0, before);
    });
  }

  /** Gives a share. One that has slept since `before` has its debt forgiven as time goes, and leaves the accounting without one. */
  #pay(vcpu: Vcpu, share: number, before: number): void {
    const { credit } = vcpu;
    const slice = this.#slice();
    credit.balance += share;
    this.#pool -= share;
    if (!vcpu.queued && !vcpu.onCpu && vcpu.readyAt <= before) {
      if (credit.balance < 0) credit.balance = Math.min(0, credit.balance + this.#settled - before);
      else {
        this.#keep(credit, (slice * MOST_ASLEEP) / 2);
        credit.active = false;
        this.#active.delete(vcpu);
      }
    } else this.#keep(credit, slice * (vcpu.queued || vcpu.onCpu ? MOST_WAITING : MOST_ASLEEP));
    if (credit.balance < 0) credit.priority = OVER;
    else if (credit.priority === OVER) credit.priority = UNDER;
  }

  /** What it has above `most` goes back to all. */
  #keep(credit: VcpuCredit, most: number): void {
    if (credit.balance <= most) return;
    this.#pool += credit.balance - most;
    credit.balance = most;
  }
}

/** Its domain has used up what its cap allows until the next slice. */
const isSpent = ({ credit }: Domain): boolean => credit.cap > 0 && credit.capLeft <= 0;

/** Order of the run queue as this pCPU sees it. */
function isBefore(a: Vcpu, b: Vcpu, { id }: Pcpu): boolean {
  if (a.credit.yielded !== b.credit.yielded) return b.credit.yielded;
  if (a.credit.priority !== b.credit.priority) return a.credit.priority > b.credit.priority;
  const [aLikes, bLikes] = [a.softAffinity[id] === true, b.softAffinity[id] === true];
  if (aLikes !== bLikes) return aLikes;
  const difference = a.credit.balance / a.domain.credit.weight - b.credit.balance / b.domain.credit.weight;
  return difference !== 0 ? difference > 0 : a.credit.arrival < b.credit.arrival;
}

function maskOf(affinity: readonly boolean[]): bigint {
  let mask = 0n;
  affinity.forEach((may, id) => {
    if (may) mask |= 1n << BigInt(id);
  });
  return mask === 0n ? bug("a vCPU without a pCPU") : mask;
}
