/** xl block-attach and its kin over a real back end and a front end that answers, or does not. */
import { expect, test } from "vitest";
import { XenbusState } from "../../../src/abi/io/xenbus.ts";
import { Domid } from "../../../src/abi/types.ts";
import { Blkback } from "../../../src/devices/vbd/blkback.ts";
import { diskOf } from "../../../src/toolstack/config/keys/devices.ts";
import { emptyDomainConfig } from "../../../src/toolstack/config/libxl-types.ts";
import { XlError } from "../../../src/toolstack/error.ts";
import { attachBlock, changeCd, detachBlock, listBlocks } from "../../../src/toolstack/plan/block.ts";
import type { Ended } from "../../../src/toolstack/wait.ts";
import { connectLocal } from "../../../src/xenstore/client/client.ts";
import { MemoryDisk } from "../../support/blk-front.ts";
import { Bench, wish } from "./bench.ts";

const GUEST = Domid(1);

function make() {
  const bench = new Bench();
  for (const kind of ["vbd", "qdisk"] as const) {
    new Blkback({
      gate: bench.machine.gate,
      xs: connectLocal(bench.xenstored, bench.machine.clock),
      kind,
      queues: 4,
      hotplug: kind === "vbd",
      open: () => new MemoryDisk(64),
      warn: () => {},
    });
  }
  const made = bench.create({ ...wish(), libxl: emptyDomainConfig() });
  expect(made.ok).toBe(true);
  const attach = (text: string) => bench.run(attachBlock(bench.dom0, GUEST, diskOf(text, "command line")));
  const detach = (vdev: string, force = false) => bench.run(detachBlock(bench.dom0, GUEST, vdev, force));
  const kept = () => bench.dom0.userdata.get(GUEST)?.libxl.disks?.map(({ vdev }) => vdev);
  return { bench, attach, detach, kept };
}

/** Lines, and the plain one after them. */
function refusal(outcome: Ended<unknown>): { lines: readonly string[]; status: number } {
  if (outcome.ok || !(outcome.error instanceof XlError)) throw new Error("it was not refused");
  return { lines: outcome.error.lines, status: outcome.error.exitCode };
}

test("a disk is attached, listed, kept for the next life, and taken away", () => {
  const { bench, attach, detach, kept } = make();
  expect(attach("/a.img,raw,xvdb,w")).toMatchObject({ ok: true });
  expect(attach("/b.qcow2,qcow2,xvdc,r")).toMatchObject({ ok: true });
  expect(listBlocks(bench.dom0, GUEST)).toEqual([
    {
      devid: 51728,
      backendDomid: 0,
      domid: 1,
      state: 1,
      evtchn: -1,
      ringRef: -1,
      backend: "/local/domain/0/backend/vbd/1/51728",
    },
    {
      devid: 51744,
      backendDomid: 0,
      domid: 1,
      state: 1,
      evtchn: -1,
      ringRef: -1,
      backend: "/local/domain/0/backend/qdisk/1/51744",
    },
  ]);
  expect([...bench.attached.values()]).toEqual(["/a.img", "/b.qcow2"]);
  expect(kept()).toEqual(["xvdb", "xvdc"]);
  // The guest's kernel answers to its back end's wish.
  const front = "/local/domain/1/device/vbd/51728";
  bench.xs.watch("/local/domain/0/backend/vbd/1/51728/state", () => {
    if (bench.xs.read("/local/domain/0/backend/vbd/1/51728/state") === String(XenbusState.Closing))
      bench.xs.write(`${front}/state`, String(XenbusState.Closed));
  });
  expect(detach("51728")).toMatchObject({ ok: true });
  expect(detach("xvdc", true)).toMatchObject({ ok: true });
  expect([listBlocks(bench.dom0, GUEST), bench.attached.size, kept()]).toEqual([[], 0, []]);
  expect(bench.listing().filter((line) => /device\/vbd\/\d|backend\/(vbd|qdisk)\/1\/\d/.test(line))).toEqual(
    [],
  );
});

const TAIL = [
  "libxl: error: libxl_device.c:1486:device_addrm_aocomplete: unable to add device",
  "libxl_device_disk_add failed.",
];
test.each([
  [
    "/nosuch.img,raw,xvde,w",
    [
      "libxl: error: libxl_device.c:455:libxl__device_disk_set_backend: Disk vdev=xvde failed to stat: /nosuch.img: No such file or directory",
    ],
  ],
  [
    "/x.img,raw,zzz,w",
    [
      "libxl: error: libxl_disk.c:335:device_disk_add: Domain 1:Invalid or unsupported virtual disk identifier zzz",
    ],
  ],
  [
    "/x.img,raw,xvda,w",
    ["libxl: error: libxl_disk.c:343:device_disk_add: Domain 1:device already exists in xenstore"],
  ],
  [
    "/busy.img,raw,xvde,w",
    [
      "libxl: error: libxl_exec.c:117:libxl_report_child_exitstatus: /etc/xen/scripts/block add [77] exited with error status 1",
      "libxl: error: libxl_device.c:1337:device_hotplug_child_death_cb: script: it is busy",
    ],
  ],
])("%s is refused, and leaves nothing", (text, lines) => {
  const { bench, attach, kept } = make();
  expect(attach("/a.img,raw,xvda,w")).toMatchObject({ ok: true });
  const before = bench.listing();
  expect(refusal(attach(text))).toEqual({ lines: [...lines, ...TAIL], status: 1 });
  expect(bench.listing().filter((line) => !/ \/tool| error/.test(line))).toEqual(before);
  expect(kept()).toEqual(["xvda"]);
});

test("a guest that does not let go within 10 s keeps its disk, unless forced", () => {
  const { bench, attach, detach } = make();
  attach("/a.img,raw,xvdb,w");
  const began = bench.machine.clock.now();
  expect(refusal(detach("xvdb"))).toEqual({
    lines: [
      "libxl: error: libxl_device.c:1161:device_backend_callback: Domain 1:unable to remove device with path /local/domain/0/backend/vbd/1/51728",
      "libxl_device_disk_safe_remove failed.",
    ],
    status: 1,
  });
  expect(Math.round((bench.machine.clock.now() - began) / 1e9)).toBe(10);
  expect(listBlocks(bench.dom0, GUEST)).toHaveLength(1);
  expect(detach("xvdb", true)).toMatchObject({ ok: true });
  expect(listBlocks(bench.dom0, GUEST)).toEqual([]);
});

test("what is not there cannot be detached; a paravirtual guest has no drive to change", () => {
  const { bench, detach } = make();
  expect(refusal(detach("xvdb")).lines).toEqual([
    "libxl: error: libxl_disk.c:516:libxl__disk_from_xenstore: disk /libxl/1/device/vbd/51728 does not exist (no backend path",
    "Error: Device xvdb not connected.",
  ]);
  expect(() => changeCd(bench.dom0, GUEST)).toThrow(XlError);
});
