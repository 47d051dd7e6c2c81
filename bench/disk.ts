/**
 * How fast a real Linux guest reads its disk (raw image, blkfront, iflag=direct), beside this process's own read of the same
 * file: sequential in 1 MiB pieces, and 4 KiB pieces at random places. Wall seconds of this machine; the image is in the
 * page cache for both.
 */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readGuestFiles } from "../src/host/guest-files.ts";
import { Host } from "../src/host/host.ts";
import { parseDomainConfig } from "../src/toolstack/config/parse.ts";

const MIB = 2 ** 20;
const IMAGE_MIB = 512;
const PAGE = 4096;
const SMALL_READS = 2000;
const GOAL = 500;

export async function run(): Promise<void> {
  const directory = [process.env["XLAB_GUESTS"], "guests-cache", "/tmp/guests"].find(
    (path) => path !== undefined && existsSync(join(path, "initrd-blk.img")),
  );
  if (directory === undefined) {
    console.log(
      "skipped: no Debian kernel with its block front end here (scripts/get-guests.sh obtains both)",
    );
    return;
  }
  const scratch = mkdtempSync(join(tmpdir(), "xlab-bench-"));
  try {
    const image = join(scratch, "disk.img");
    await fill(image);
    const own = await hostReads(image);
    console.log(
      `this process: sequential ${own.sequential.toFixed(0)} MB/s, random 4 KiB ${own.random.toFixed(0)} reads/s`,
    );
    for (const clock of ["real", "warp"] as const) await guestReads(directory, image, clock, own.sequential);
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

async function fill(image: string): Promise<void> {
  const file = await open(image, "w");
  const piece = new Uint8Array(MIB);
  for (let i = 0; i < IMAGE_MIB; i++) {
    piece.fill(i);
    await file.write(piece);
  }
  await file.close();
}

async function hostReads(image: string): Promise<{ sequential: number; random: number }> {
  const file = await open(image, "r");
  const piece = new Uint8Array(MIB);
  const timed = async (work: () => Promise<void>): Promise<number> => {
    const started = process.hrtime.bigint();
    await work();
    return Number(process.hrtime.bigint() - started) / 1e9;
  };
  const sequential = await timed(async () => {
    for (let i = 0; i < IMAGE_MIB; i++) await file.read(piece, 0, MIB, i * MIB);
  });
  const random = await timed(async () => {
    for (const page of places()) await file.read(piece, 0, PAGE, page * PAGE);
  });
  await file.close();
  return { sequential: (IMAGE_MIB * MIB) / 1e6 / sequential, random: SMALL_READS / random };
}

/** Pages of the image, the same ones on every run. */
function places(): number[] {
  const pages: number[] = [];
  for (let i = 0, at = 1; i < SMALL_READS; i++) {
    at = (at * 1_103_515_245 + 12_345) % 2 ** 31;
    pages.push(at % ((IMAGE_MIB * MIB) / PAGE));
  }
  return pages;
}

/** A program's start costs a guest more than a small read: so a shell's cost is taken off by reading nothing as often. */
const SCRIPT = `
insmod /lib/modules/xen-blkfront.ko
until [ -b /dev/xvda ]; do sleep 0.1; done
for i in 1 2 3; do
echo; echo "mark sequential-begin"
dd if=/dev/xvda of=/dev/null bs=1M count=${IMAGE_MIB} iflag=direct
echo; echo "mark sequential-end"
done
echo; echo "mark random-begin"
dd if=/dev/xvda of=/dev/null bs=4k count=${SMALL_READS} iflag=direct
echo; echo "mark random-end"
poweroff -f
`;

async function guestReads(
  directory: string,
  image: string,
  clock: "real" | "warp",
  own: number,
): Promise<void> {
  const text = [
    'name = "bench"',
    `kernel = "${directory}/vmlinuz-cloud"`,
    `ramdisk = "${directory}/initrd-blk.img"`,
    `extra = "console=hvc0 cryptomgr.notests run=${Buffer.from(SCRIPT).toString("base64")}"`,
    `disk = ["${image},raw,xvda,r"]`,
    "memory = 256",
    "",
  ].join("\n");
  const host = await Host.start({ clock, seed: 1 });
  const { config } = parseDomainConfig({ text, source: "bench", overrides: [], uuid: new Uint8Array(16) });
  const domid = await host.create({
    config,
    files: await readGuestFiles(config, process.cwd()),
    paused: true,
  });
  let printed = "";
  let seen = 0;
  const begun = new Map<
    string,
    { wall: bigint; cpu: NodeJS.CpuUsage; virtual: number; instructions: number }
  >();
  const took: { name: string; wall: number; cpu: number; virtual: number; instructions: number }[] = [];
  const look = (): void => {
    for (;;) {
      const found = /mark (\w+)-(begin|end)\r?\n/.exec(printed.slice(seen));
      if (found === null) return;
      seen += found.index + found[0].length;
      const [, name = "", end] = found;
      const { virtualNanos, instructions } = host.status();
      const now = {
        wall: process.hrtime.bigint(),
        cpu: process.cpuUsage(),
        virtual: virtualNanos,
        instructions,
      };
      const from = begun.get(name);
      if (end === "begin") begun.set(name, now);
      else if (from !== undefined) {
        const { user, system } = process.cpuUsage(from.cpu);
        took.push({
          name,
          wall: Number(now.wall - from.wall) / 1e9,
          cpu: (user + system) / 1e6,
          virtual: (now.virtual - from.virtual) / 1e9,
          instructions: now.instructions - from.instructions,
        });
      }
    }
  };
  await new Promise<void>((resolve) => {
    host.attachConsole(
      domid,
      {
        data: (bytes) => {
          printed += new TextDecoder("latin1").decode(bytes);
          look();
        },
        end: resolve,
      },
      false,
    );
    void host.unpause(domid);
  });
  await host.stop();
  const sequential = took.filter(({ name }) => name === "sequential");
  const best = Math.max(...sequential.map(({ wall }) => (IMAGE_MIB * MIB) / 1e6 / wall));
  const random = took.find(({ name }) => name === "random");
  if (random === undefined) throw new Error(`the guest did not come to its end:\n${printed.slice(-2000)}`);
  console.log(
    `guest, ${clock}: sequential ${best.toFixed(0)} MB/s, 4 KiB ${(SMALL_READS / random.wall).toFixed(0)} reads/s`,
  );
  for (const { name, wall, cpu, virtual, instructions } of took)
    console.log(
      `  ${name}: ${wall.toFixed(2)} s wall, ${cpu.toFixed(2)} s CPU (all threads), ${virtual.toFixed(2)} s virtual, ${(instructions / 1e6).toFixed(0)} M instructions`,
    );
  const goal = Math.min(GOAL, own / 2);
  if (clock === "real" && best < goal) console.log(`  goal missed: ${goal.toFixed(0)} MB/s`);
}
