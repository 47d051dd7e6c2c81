/** Loads kernels and initrds from the guest's disks into the domain's own memory, and starts what was loaded. */
import { MAX_GUEST_CMDLINE } from "../../abi/start-info.ts";
import { PAGE_SIZE } from "../../abi/types.ts";
import type { BuildFault } from "../../dombuild/fault.ts";
import { MAX_UNPACKED, type ParsedKernel, readKernelSteps } from "../../dombuild/kernel.ts";
import { type LayoutResult, type PvLayout, planPv } from "../../dombuild/layout.ts";
import type { MiniOs } from "../minios/kernel.ts";
import { schedule, type Thread } from "../minios/threads.ts";
import { GrubError } from "./errors.ts";
import type { GrubFiles } from "./files.ts";
import { Content, Image, OutOfPages } from "./heap.ts";
import { kexec, takeBootPages } from "./kexec.ts";
import type { Loader, RunEnd } from "./menu.ts";
import { showProgress } from "./progress.ts";
import type { Screen } from "./screen/screen.ts";

/** Bytes read from a disk at a time. */
const PIECE = 256 * 1024;
/** Between initrds that are put together, Linux looks for the next at a multiple of this (initramfs buffer format). */
const INITRD_ALIGN = 4;
const PAGES_PER_MIB = 256;
/** No domain is asked to be larger. */
const LARGEST_MIB = 64 * 1024;

interface Loaded {
  /** Without its image: that lies in `memory`. */
  readonly kernel: ParsedKernel;
  readonly memory: Image;
  readonly cmdline: string;
}

export class KernelLoader implements Loader {
  readonly #os: MiniOs;
  readonly #files: GrubFiles;
  readonly #screen: Screen;
  #loaded: Loaded | undefined;
  #initrd: Content | undefined;

  constructor(os: MiniOs, files: GrubFiles, screen: Screen) {
    this.#os = os;
    this.#files = files;
    this.#screen = screen;
  }

  get loaded(): boolean {
    return this.#loaded !== undefined;
  }

  *kernel(path: string, cmdline: string): Thread<void> {
    this.#forget();
    const { memory } = this.#os;
    const packed = new Content(memory);
    const image = new Image(memory);
    try {
      yield* this.#read(path, packed);
      const file = yield* packed.bytes();
      const parsed = yield* this.#parse(path, file);
      packed.free();
      for (const { offset, filesz, paddr } of parsed.segments)
        yield* image.write(paddr, parsed.image.subarray(offset, offset + filesz));
      if (parsed.bsdSymbols !== undefined)
        yield* image.write(parsed.bsdSymbols.paddr, parsed.bsdSymbols.bytes);
      const kernel = { ...parsed, image: new Uint8Array(0) };
      this.#layout(kernel, undefined);
      if (new TextEncoder().encode(cmdline).length >= MAX_GUEST_CMDLINE)
        this.#screen.print(
          `the kernel sees ${MAX_GUEST_CMDLINE - 1} bytes of its command line: it is longer\n`,
        );
      this.#loaded = { kernel, memory: image, cmdline };
    } catch (error) {
      packed.free();
      image.freeExcept(new Set());
      throw this.#said(error, path);
    }
  }

  *initrd(paths: readonly string[]): Thread<void> {
    const loaded = this.#loaded;
    if (loaded === undefined) throw new GrubError(19, "no kernel has been loaded");
    this.#initrd?.free();
    this.#initrd = undefined;
    const content = new Content(this.#os.memory);
    try {
      for (const path of paths) {
        content.append(new Uint8Array(-content.length & (INITRD_ALIGN - 1)));
        yield* this.#read(path, content);
      }
      this.#layout(loaded.kernel, content.length);
      this.#initrd = content;
    } catch (error) {
      content.free();
      throw this.#said(error, paths.join(" "));
    }
  }

  *boot(): Thread<RunEnd> {
    const loaded = this.#loaded;
    if (loaded === undefined)
      return { end: "error", error: "Error 8: Kernel must be loaded before booting", why: undefined };
    const { kernel, cmdline } = loaded;
    const memory = loaded.memory.copy();
    const ramdisk = this.#initrd?.length;
    let layout: PvLayout;
    try {
      layout = this.#layout(kernel, ramdisk);
      for (const [i, page] of (this.#initrd?.pages ?? []).entries())
        memory.place((layout.ramdisk?.pfn ?? 0) + i, page);
      takeBootPages({ kernel, layout, memory, ramdisk, cmdline });
    } catch (error) {
      memory.freeExcept(new Set([...loaded.memory.pages.values(), ...(this.#initrd?.pages ?? [])]));
      const said = this.#said(error, "the kernel");
      if (!(said instanceof GrubError)) throw said;
      return { end: "error", error: said.message, why: said.why };
    }
    yield* this.#letGo();
    return yield* kexec(this.#os, { kernel, layout, memory, ramdisk, cmdline });
  }

  #forget(): void {
    this.#loaded?.memory.freeExcept(new Set());
    this.#initrd?.free();
    this.#loaded = undefined;
    this.#initrd = undefined;
  }

  *#read(path: string, into: Content): Thread<void> {
    const file = yield* this.#files.open(path);
    const progress = showProgress(this.#screen, path, file.size);
    try {
      for (let at = 0; at < file.size; at += PIECE) {
        into.append(yield* file.read(at, Math.min(PIECE, file.size - at)));
        progress.at(Math.min(file.size, at + PIECE));
        yield* schedule();
      }
    } finally {
      progress.end();
    }
  }

  *#parse(path: string, file: Uint8Array): Thread<ParsedKernel> {
    const limit = Math.min(MAX_UNPACKED, this.#os.memory.freePages * PAGE_SIZE);
    const steps = readKernelSteps(file, limit);
    let step = steps.next();
    for (; step.done !== true; step = steps.next()) yield* schedule();
    const result = step.value;
    this.#os.gate.charge("byte", file.length + (result.ok ? result.value.image.length : 0));
    yield* schedule();
    if (result.ok) return result.value;
    if (limit < MAX_UNPACKED && result.why.includes(`at most ${limit} are accepted`))
      throw new GrubError(28, `${path} does not fit into the domain unpacked: ${result.why}; ${MORE}`);
    throw new GrubError(13, `${path}: ${wordsOf(result)}`);
  }

  /** Throws Error 28. */
  #layout(kernel: ParsedKernel, ramdisk: number | undefined): PvLayout {
    const { nrPages } = this.#os.start;
    const plan = planPv(kernel, (nrPages / PAGES_PER_MIB) * 1024, ramdisk);
    if (plan.ok) return plan.value;
    const least = leastMib(nrPages / PAGES_PER_MIB, (mib) => planPv(kernel, mib * 1024, ramdisk));
    if (least === undefined) throw new GrubError(13, plan.why);
    throw new GrubError(28, `${plan.why}: memory=${least} is the least that will do`);
  }

  /** What is said of an error; what is none of GRUB's is ours. */
  #said(error: unknown, what: string): unknown {
    if (!(error instanceof OutOfPages)) return error;
    const mib = this.#os.start.nrPages / PAGES_PER_MIB;
    return new GrubError(28, `${what} does not fit into the domain's ${mib} MiB; ${MORE}`);
  }

  *#letGo(): Thread<void> {
    const { os } = { os: this.#os };
    for (const { front } of this.#files.disks) yield* front.close();
    yield* os.xenbus.release();
    os.closeTimer();
    os.gnttab.release();
    this.#screen.print("go!\n");
    yield* this.#screen.flush();
  }
}

const MORE = "give it more (memory=)";

/** The least memory that a plan succeeds with; undefined: more memory does not help. */
function leastMib(from: number, plan: (mib: number) => LayoutResult): number | undefined {
  let high = Math.max(1, from);
  while (!plan(high).ok) {
    high *= 2;
    if (high > LARGEST_MIB) return undefined;
  }
  let low = Math.floor(high / 2);
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (plan(middle).ok) high = middle;
    else low = middle;
  }
  return high;
}

/** PV-GRUB's words for kernels of the other width; else the builder's sentence. */
function wordsOf({ why, xc }: BuildFault): string {
  const type = /guest type (xen-3\.0-x86_32p?) /.exec(xc.join("\n"))?.[1];
  return type === undefined
    ? why
    : `can only boot x86 64 kernels, not ${type}: a 32-bit kernel needs the loader pv-grub-x86_32.gz`;
}
