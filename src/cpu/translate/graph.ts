/**
 * What becomes a region: the blocks that the head reaches by branches the interpreter has taken before.
 *
 * Within a page a taken branch is linked for good. Into another page, and back from a call, the interpreter asks its jump
 * cache each time; such an edge is `checked`: the region asks the same entry, and leaves if it says something else.
 */
import { CALL, CROSS, JCC, JMP, LOOKUP, NEXT, RET, SHL_AI } from "../core/ops.ts";
import { R_LINK, UNLINKED } from "../core/record.ts";
import { isTranslated } from "./instruction.ts";
import { RECORD_SIZE, type Records } from "./records.ts";

/** Instructions and blocks of one region at most. */
const MAX_INSTRUCTIONS = 300;
const MAX_BLOCKS = 100;
/** Instructions of one without a loop: at most, and so many that entering it is worth while. */
const MAX_STRAIGHT = 120;
const MIN_STRAIGHT = 6;
const PAGE_SIZE = 4096;

export interface Edge {
  readonly from: Block;
  /** undefined: it leaves the region. */
  to: Block | undefined;
  /** The record that branches. */
  readonly record: number;
  /** The linked block, inside or not; 0: not known. */
  readonly target: number;
  readonly checked: boolean;
}

export interface Block {
  /** Address of its first record. */
  readonly name: number;
  /** Its page, in bytes from the head's; each block of a region runs at one distance only. */
  readonly page: number;
  /** Offset of its first instruction in the page. */
  readonly offset: number;
  /** Where the function it belongs to was called; of the head's function, the head. */
  readonly callee: Block;
  readonly edges: Edge[];
}

/** What the core knows of blocks (core/blocks.ts). */
export interface Blocks {
  /** Block that was jumped to at an address lately, 0 if none. */
  jumpBlock(va: bigint): number;
  /** Block that the link word at this address leads to, 0 if none. */
  relink(link: number): number;
}

/** The head first; empty: nothing worth while. `page`: virtual address of its page. */
export function findRegion(records: Records, head: number, page: bigint, core: Blocks): Block[] {
  const blocks = reachable(records, head, page, core);
  if (blocks.length === 0 || !isTranslated(records, head)) return [];
  const loop = cycleOf(blocks);
  if (loop.size > 0) return keep(blocks, (block) => loop.has(block));
  let instructions = 0;
  const straight = keep(blocks, (block) => {
    instructions += instructionsOf(records, block.name);
    return instructions <= MAX_STRAIGHT;
  });
  return isWorthwhile(records, straight) ? straight : [];
}

/** Is there enough to do before the interpreter has to be asked? */
function isWorthwhile(records: Records, blocks: readonly Block[]): boolean {
  let instructions = 0;
  for (const { name } of blocks) {
    const end = name + records.count(name) * RECORD_SIZE;
    for (let rec = name; rec < end && isTranslated(records, rec); rec += RECORD_SIZE) instructions++;
    if (instructions >= MIN_STRAIGHT) return true;
  }
  return false;
}

/** These blocks alone; edges to others leave the region. */
function keep(blocks: readonly Block[], wanted: (block: Block) => boolean): Block[] {
  const kept = blocks.filter((block, i) => wanted(block) || i === 0);
  const set = new Set(kept);
  for (const block of kept)
    for (const edge of block.edges) if (edge.to && !set.has(edge.to)) edge.to = undefined;
  return kept;
}

/** The blocks from which the head can be reached again. */
function cycleOf(blocks: readonly Block[]): Set<Block> {
  const before = new Map<Block, Block[]>(blocks.map((block) => [block, []]));
  for (const block of blocks) for (const edge of block.edges) if (edge.to) before.get(edge.to)?.push(block);
  const cycle = new Set<Block>();
  const todo = [...(before.get(blocks[0] as Block) ?? [])];
  for (let block = todo.pop(); block !== undefined; block = todo.pop()) {
    if (cycle.has(block)) continue;
    cycle.add(block);
    todo.push(...(before.get(block) ?? []));
  }
  return cycle;
}

/** The blocks reached from the head, nearest first. */
function reachable(records: Records, head: number, page: bigint, core: Blocks): Block[] {
  const blocks: Block[] = [];
  const byName = new Map<number, Block>();
  const sites = new Map<Block, Block[]>();
  let instructions = 0;

  /** `callee` undefined: the block is one. */
  const add = (name: number, at: number, callee: Block | undefined): Block | undefined => {
    const known = byName.get(name);
    if (known !== undefined) return known.page === at ? known : undefined;
    const size = instructionsOf(records, name);
    if (size === 0 || blocks.length === MAX_BLOCKS || instructions + size > MAX_INSTRUCTIONS)
      return undefined;
    instructions += size;
    const block = {} as Block;
    Object.assign(block, {
      name,
      page: at,
      offset: records.from(name),
      callee: callee ?? block,
      edges: [],
    } satisfies Block);
    byName.set(name, block);
    blocks.push(block);
    return block;
  };
  const jumpTo = (at: number, offset: number): number => core.jumpBlock(page + BigInt(at) + BigInt(offset));
  const pageOf = (offset: number): number => Math.floor(offset / PAGE_SIZE) * PAGE_SIZE;

  add(head, 0, undefined);
  for (let i = 0; i < blocks.length; i++) {
    const from = blocks[i] as Block;
    for (const record of branches(records, from.name)) {
      const op = records.op(record);
      const isCall = op === CALL;
      const offset = op === NEXT ? records.offset(record) : records.end(record) + records.rel(record);
      const inPage = pageOf(offset) === 0;
      const link = records.link(record);
      let target = 0;
      if (!inPage) target = jumpTo(from.page, offset);
      else if (!(link & UNLINKED)) target = core.relink(record + R_LINK);
      let to: Block | undefined;
      if (target !== 0) to = add(target, from.page + pageOf(offset), isCall ? undefined : from.callee);
      from.edges.push({ from, to, record, target: inPage ? target : 0, checked: !inPage });
      if (!isCall || to === undefined) continue;
      const back = records.end(record);
      const site = jumpTo(from.page, back);
      if (site === 0) continue;
      const after = add(site, from.page + pageOf(back), from.callee);
      if (after !== undefined) sites.set(to, [...(sites.get(to) ?? []), after]);
    }
  }
  linkReturns(records, blocks, sites);
  return blocks;
}

/** Returns go to where their function was called from, as far as that is in the region. */
function linkReturns(records: Records, blocks: readonly Block[], sites: ReadonlyMap<Block, Block[]>): void {
  for (const from of blocks) {
    const record = lastRecord(records, from.name);
    if (records.op(record) !== RET) continue;
    for (const to of new Set(sites.get(from.callee)))
      from.edges.push({ from, to, record, target: to.name, checked: true });
  }
}

export function lastRecord(records: Records, block: number): number {
  return block + (records.count(block) - 1) * RECORD_SIZE;
}

/** 0: it cannot be translated. */
function instructionsOf(records: Records, block: number): number {
  const first = records.op(block);
  if (first === LOOKUP || first === CROSS) return 0;
  const last = lastRecord(records, block);
  return records.index(last) + (records.op(last) === NEXT ? 0 : 1);
}

/** The direct branches of a block, in order. */
function* branches(records: Records, block: number): Generator<number> {
  const end = block + records.count(block) * RECORD_SIZE;
  for (let rec = block; rec < end; rec += RECORD_SIZE) {
    const op = records.op(rec);
    if (op === NEXT || op === CALL || op === JMP || (op >= JCC && op < SHL_AI)) yield rec;
  }
}
