/**
 * The journal (jbd2; Documentation/filesystems/ext4/journal.rst). Big endian. A transaction is descriptor blocks, each
 * followed by the blocks that its tags name, then a commit block; revoke blocks forbid older copies of blocks. Whole
 * transactions are put into the volume's map of journaled blocks; nothing is copied.
 *
 * Descriptor, revoke and commit blocks are checked by their checksums, copies of blocks are not: they would all have to be
 * read. Fast commits are not replayed: without them the file system is whole, only a little older.
 */
import { be64, viewOf } from "../../disk-bytes.ts";
import { type Reading, unsupported } from "../../disk-reading.ts";
import { crc32cRaw } from "../crc32c.ts";
import { blockMap } from "./block-map.ts";
import { JOURNAL_MAGIC, type Journaled, readInode, type Volume } from "./volume.ts";

const DESCRIPTOR = 1;
const COMMIT = 2;
const SUPERBLOCK_V2 = 4;
const REVOKE = 5;

const INCOMPAT_64BIT = 0x2;
const INCOMPAT_CSUM_V2 = 0x8;
const INCOMPAT_CSUM_V3 = 0x10;
const INCOMPAT_FAST_COMMIT = 0x20;
/** revoke, 64bit, async_commit, csum_v2, csum_v3, fast_commit. */
const KNOWN = 0x3f;
const FAST_COMMIT_BLOCKS = 256;

const TAG_ESCAPED = 1;
const TAG_SAME_UUID = 2;
const TAG_LAST = 8;

interface Journal {
  /** Blocks of the ring: [first, end). */
  readonly first: number;
  readonly end: number;
  readonly incompat: number;
  readonly seed: number;
}

interface Tag extends Journaled {
  readonly target: number;
}

/** Fills `volume.journaled`; answers a sentence on what was done. */
export function* replayJournal(volume: Volume): Reading<string> {
  const { bytes, blockSize, sb } = volume;
  if (sb.s_journal_inum === 0)
    return "the journal needs to be replayed but lies on another device; old blocks are read";
  const inode = yield* readInode(volume, sb.s_journal_inum);
  const map = blockMap(volume, inode);
  /** The disk's block of the journal's; undefined for a hole, which no journal has. */
  function* place(block: number): Reading<number | undefined> {
    if (block * blockSize >= inode.size) return undefined;
    const { disk } = yield* map(block * blockSize, blockSize);
    return disk === undefined ? undefined : disk / blockSize;
  }
  function* blockAt(block: number): Reading<Uint8Array | undefined> {
    const at = yield* place(block);
    return at === undefined
      ? undefined
      : yield* bytes.read(at * blockSize, blockSize, "a block of the journal");
  }

  const raw = yield* blockAt(0);
  const view = raw && viewOf(raw);
  if (raw === undefined || view === undefined || view.getUint32(0) !== JOURNAL_MAGIC)
    return "the journal needs to be replayed but is damaged; old blocks are read";
  const start = view.getUint32(0x1c);
  if (start === 0) return "the journal is empty, though marked as to be replayed";
  const incompat = view.getUint32(4) === SUPERBLOCK_V2 ? view.getUint32(0x28) : 0;
  if ((incompat & ~KNOWN) !== 0 || view.getUint32(0xc) !== blockSize)
    unsupported("journal", "the journal is to be replayed, and has features that are not known here");
  const fast = incompat & INCOMPAT_FAST_COMMIT ? view.getUint32(0x54) || FAST_COMMIT_BLOCKS : 0;
  const journal: Journal = {
    first: view.getUint32(0x14),
    end: view.getUint32(0x10) - fast,
    incompat,
    seed: crc32cRaw(0xffffffff, raw.subarray(0x30, 0x40)),
  };
  if (!(start >= journal.first && start < journal.end))
    return "the journal needs to be replayed but is damaged; old blocks are read";

  const transactions: { readonly sequence: number; readonly tags: readonly Tag[] }[] = [];
  /** By block: the last transaction whose older copies do not count. */
  const revoked = new Map<number, number>();
  let sequence = view.getUint32(0x18);
  const firstSequence = sequence;
  let tags: Tag[] = [];
  let revokes: number[] = [];
  const next = (block: number) => (block + 1 >= journal.end ? journal.first : block + 1);
  let block = start;
  for (let left = journal.end - journal.first; left > 0; left--) {
    bytes.work.step();
    const content = yield* blockAt(block);
    if (content === undefined) break;
    const head = viewOf(content);
    if (head.getUint32(0) !== JOURNAL_MAGIC || head.getUint32(8) !== sequence) break;
    const type = head.getUint32(4);
    block = next(block);
    if (type === DESCRIPTOR) {
      if (!isTailGood(journal, content)) break;
      for (const tag of tagsOf(journal, content)) {
        bytes.work.step();
        const at = yield* place(block);
        block = next(block);
        left--;
        if (at !== undefined) tags.push({ ...tag, block: at });
      }
    } else if (type === REVOKE) {
      if (!isTailGood(journal, content)) break;
      revokes.push(...revokesOf(journal, content));
    } else if (type === COMMIT) {
      if (!isCommitGood(journal, content)) break;
      // Counted from the first one: sequence numbers wrap at 2^32.
      const ordinal = (sequence - firstSequence) >>> 0;
      transactions.push({ sequence: ordinal, tags });
      for (const one of revokes) revoked.set(one, ordinal);
      tags = [];
      revokes = [];
      sequence = (sequence + 1) >>> 0;
    } else break;
  }
  for (const one of transactions)
    for (const { target, block: at, isEscaped } of one.tags)
      if (one.sequence > (revoked.get(target) ?? -1)) volume.journaled.set(target, { block: at, isEscaped });
  return `the journal's ${transactions.length} transactions (${volume.journaled.size} blocks) were replayed in memory`;
}

const hasSums = (journal: Journal): boolean =>
  (journal.incompat & (INCOMPAT_CSUM_V2 | INCOMPAT_CSUM_V3)) !== 0;

/** Descriptor and revoke blocks: the checksum is the last word. */
function isTailGood(journal: Journal, content: Uint8Array): boolean {
  if (!hasSums(journal)) return true;
  const at = content.length - 4;
  return sumWithout(journal, content, at) === viewOf(content).getUint32(at);
}

const COMMIT_SUM = 16;
const isCommitGood = (journal: Journal, content: Uint8Array): boolean =>
  !hasSums(journal) || sumWithout(journal, content, COMMIT_SUM) === viewOf(content).getUint32(COMMIT_SUM);

/** The checksum of a block in which the four bytes at `at` count as zero. */
function sumWithout(journal: Journal, content: Uint8Array, at: number): number {
  const before = crc32cRaw(journal.seed, content.subarray(0, at));
  const field = crc32cRaw(before, new Uint8Array(4));
  return crc32cRaw(field, content.subarray(at + 4));
}

function tagsOf(journal: Journal, content: Uint8Array): Omit<Tag, "block">[] {
  const view = viewOf(content);
  const isV3 = (journal.incompat & INCOMPAT_CSUM_V3) !== 0;
  const is64 = (journal.incompat & INCOMPAT_64BIT) !== 0;
  const size = isV3 ? 16 : 8 + (is64 ? 4 : 0) + (journal.incompat & INCOMPAT_CSUM_V2 ? 2 : 0);
  const end = content.length - (hasSums(journal) ? 4 : 0);
  const out: Omit<Tag, "block">[] = [];
  for (let at = 12; at + size <= end; ) {
    const flags = isV3 ? view.getUint32(at + 4) : view.getUint16(at + 6);
    const high = is64 ? view.getUint32(at + 8) : 0;
    out.push({ target: view.getUint32(at) + high * 0x1_0000_0000, isEscaped: (flags & TAG_ESCAPED) !== 0 });
    at += size + (flags & TAG_SAME_UUID ? 0 : 16);
    if (flags & TAG_LAST) break;
  }
  return out;
}

function revokesOf(journal: Journal, content: Uint8Array): number[] {
  const view = viewOf(content);
  const is64 = (journal.incompat & INCOMPAT_64BIT) !== 0;
  const size = is64 ? 8 : 4;
  const end = Math.min(view.getUint32(12), content.length);
  const out: number[] = [];
  for (let at = 16; at + size <= end; at += size) out.push(is64 ? be64(view, at) : view.getUint32(at));
  return out;
}
