/** A region's function: state in, blocks as nested loops, state out. */
import { CALL, JCC, JMP, NEXT, RET, SHL_AI } from "../core/ops.ts";
import {
  F_A,
  F_B,
  F_C,
  F_KIND,
  GEN,
  JUMPS,
  JUMPS_MASK,
  LEFT as LEFT_ADDRESS,
  PAGE_VA,
  TLB as TLB_ADDRESS,
} from "../core/state.ts";
import { MEM, OP } from "./code.ts";
import { Emitter, type Push } from "./emitter.ts";
import { condition, loadFlags } from "./flags.ts";
import { type Block, type Edge, lastRecord } from "./graph.ts";
import { instruction, reload, spill, storePage } from "./instruction.ts";
import { UNKNOWN } from "./known.ts";
import { ENTRY, LEFT, NEXT_RECORD, PAGE, T2, TLB } from "./locals.ts";
import { pushValue, RSP } from "./moves.ts";
import { RECORD_SIZE, type Records } from "./records.ts";
import { type Shaped, shape } from "./shape.ts";

/** The function's body (without its locals), and the blocks that went into it, the head first. */
export function translateRegion(
  records: Records,
  blocks: readonly Block[],
): { body: Uint8Array; members: readonly Block[] } {
  const shapes = shape(blocks);
  const e = new Emitter(records);
  const { code } = e;
  e.exit = code.block();
  new Walk(e, shapes).block(shapes.get(blocks[0] as Block) as Shaped);
  code.unreachable().end();
  spill(e, e.written);
  storePage(e);
  code.i32(0).get(LEFT).memory(MEM.i32Store, LEFT_ADDRESS);
  code.get(NEXT_RECORD).end();
  return { body: withEntry(e), members: [...shapes.keys()] };
}

/** What comes first, now that it is known which registers are used. */
function withEntry(e: Emitter): Uint8Array {
  const entry = new Emitter(e.records);
  const { code } = entry;
  reload(entry, e.used);
  loadFlags(entry, { a: F_A, b: F_B, c: F_C, kind: F_KIND });
  code.i32(0).memory(MEM.i32Load, TLB_ADDRESS).set(TLB);
  code.i32(0).memory(MEM.i64Load, PAGE_VA).set(PAGE);
  const [head, rest] = [code.bytes(), e.code.bytes()];
  const whole = new Uint8Array(head.length + rest.length);
  whole.set(head);
  whole.set(rest, head.length);
  return whole;
}

class Walk {
  readonly #e: Emitter;
  readonly #shapes: ReadonlyMap<Block, Shaped>;
  /** Labels of loops and of merges that are open. */
  readonly #labels = new Map<Block, number>();

  constructor(e: Emitter, shapes: ReadonlyMap<Block, Shaped>) {
    this.#e = e;
    this.#shapes = shapes;
  }

  /** The code of a block and of all that it dominates. */
  block(shaped: Shaped): void {
    const { code } = this.#e;
    const { block, merges } = shaped;
    if (shaped.isLoop) this.#labels.set(block, code.loop());
    for (const merge of [...merges].reverse()) this.#labels.set(merge.block, code.block());
    this.#instructions(block);
    for (const merge of merges) {
      code.end();
      this.#labels.delete(merge.block);
      this.block(merge);
    }
    if (shaped.isLoop) code.end();
  }

  #instructions(block: Block): void {
    const e = this.#e;
    const { records } = e;
    e.known = UNKNOWN;
    const last = lastRecord(records, block.name);
    for (let rec = block.name; rec <= last; rec += RECORD_SIZE) {
      e.rec = rec;
      const pair = rec > block.name && records.offset(rec - RECORD_SIZE) === records.offset(rec);
      e.start = pair ? rec - RECORD_SIZE : rec;
      if (!this.#branch(block, rec) && !instruction(e)) {
        e.leave();
        return;
      }
    }
  }

  /** False: this record is no branch. */
  #branch(block: Block, rec: number): boolean {
    const e = this.#e;
    const { code, records } = e;
    const o = records.op(rec);
    const edge = block.edges.find((candidate) => candidate.record === rec);
    const count = records.index(rec) + (o === NEXT ? 0 : 1);
    if (o >= JCC && o < SHL_AI) {
      const { known } = e;
      condition(e, o - JCC);
      code.if();
      this.#direct(edge as Edge, count);
      code.end();
      e.known = known;
      return true;
    }
    if (o === JMP || o === NEXT) {
      this.#direct(edge as Edge, count);
      return true;
    }
    if (o === CALL) {
      const to = (edge as Edge).to;
      if (to === undefined) e.leave();
      else {
        e.leaveAtBudget(count);
        if ((edge as Edge).checked) this.#check(() => this.#pushTarget(edge as Edge), to);
        pushValue(e, () => code.get(PAGE).i64(records.end(rec)).op(OP.i64Add));
        e.pay(count);
        this.#go(edge as Edge);
      }
      return true;
    }
    if (o === RET) {
      this.#return(block, count);
      return true;
    }
    return false;
  }

  /** A branch whose target is fixed: leaves or goes there. */
  #direct(edge: Edge, count: number): void {
    const e = this.#e;
    const { to, target } = edge;
    if (to === undefined && target === 0) {
      e.leave();
      return;
    }
    e.leaveAtBudget(count);
    if (to !== undefined && edge.checked) this.#check(() => this.#pushTarget(edge), to);
    e.pay(count);
    if (to === undefined) e.leave(target);
    else this.#go(edge);
  }

  /** Pushes the address that a checked edge goes to. */
  #pushTarget(edge: Edge): void {
    const to = edge.to as Block;
    this.#e.code
      .get(PAGE)
      .i64(to.page - edge.from.page + to.offset)
      .op(OP.i64Add);
  }

  /** Leaves before this instruction unless the jump cache has `to` at the address that is pushed. Clobbers T2. */
  #check(address: Push, to: Block): void {
    address();
    this.#e.code.set(T2);
    this.#pushIsCached(to);
    this.#e.code.op(OP.i32Eqz);
    this.#e.leaveIf();
  }

  /** Pushes 1 if the jump cache says that the address in T2 is this block's. */
  #pushIsCached(to: Block): void {
    const { code } = this.#e;
    code.get(T2).op(OP.wrap).get(T2).op(OP.wrap).i32(14).op(OP.i32ShrU, OP.i32Xor);
    code
      .i32(JUMPS_MASK)
      .op(OP.i32And)
      .i32(4)
      .op(OP.i32Shl)
      .tee(ENTRY)
      .memory(MEM.i64Load, JUMPS)
      .get(T2)
      .op(OP.i64Eq);
    code
      .get(ENTRY)
      .memory(MEM.i32Load, JUMPS + 8)
      .i32(0)
      .memory(MEM.i32Load, GEN)
      .op(OP.i32Eq, OP.i32And);
    code
      .get(ENTRY)
      .memory(MEM.i32Load, JUMPS + 12)
      .i32(to.name)
      .op(OP.i32Eq, OP.i32And);
  }

  #return(block: Block, count: number): void {
    const e = this.#e;
    const { code } = e;
    const edges = block.edges.filter((edge) => edge.record === e.rec && edge.to !== undefined);
    if (edges.length === 0) {
      e.leave();
      return;
    }
    e.leaveAtBudget(count);
    e.read(RSP, 3);
    e.readable(8);
    e.load(3);
    code.set(T2);
    for (const edge of edges) {
      code.get(T2);
      this.#pushTarget(edge);
      code.op(OP.i64Eq).if();
      this.#pushIsCached(edge.to as Block);
      code.op(OP.i32Eqz);
      e.leaveIf();
      e.read(RSP, 3);
      code.i64(8).op(OP.i64Add);
      e.write(RSP, 3);
      e.pay(count);
      this.#go(edge);
      code.end();
    }
    e.leave();
  }

  /** Everything is paid and done: on to the block. */
  #go(edge: Edge): void {
    const e = this.#e;
    const { code } = e;
    const to = edge.to as Block;
    const distance = to.page - edge.from.page;
    if (distance !== 0) code.get(PAGE).i64(distance).op(OP.i64Add).set(PAGE);
    const label = this.#labels.get(to);
    if (label !== undefined) {
      code.br(label);
      return;
    }
    // its only way in: here is its place
    const { rec, start } = e;
    this.block(this.#shapes.get(to) as Shaped);
    e.rec = rec;
    e.start = start;
  }
}
