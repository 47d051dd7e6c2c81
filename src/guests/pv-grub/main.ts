/** PV-GRUB: a boot loader that runs in the guest's own domain, and becomes the kernel that it loads. */
import { readKernel } from "../../dombuild/kernel.ts";
import { readRamdisk } from "../../dombuild/ramdisk.ts";
import { corrupt } from "../../image/disk-reading.ts";
import { openExt } from "../../image/fs/ext/ext.ts";
import type { MiniOs } from "../minios/kernel.ts";
import type { Thread } from "../minios/threads.ts";
import { openDisks, readFrom } from "./disks.ts";
import { kexec } from "./kexec.ts";

export function* pvGrub(os: MiniOs): Thread<number> {
  const disks = yield* openDisks(os);
  const disk = disks[0];
  if (disk === undefined) {
    os.console.print("no disk\n");
    return 1;
  }
  const { bytes } = disk;
  const files = yield* readFrom(
    disk,
    (function* () {
      const fs = (yield* openExt(bytes)) ?? corrupt("no file system that is known");
      const load = function* (path: string) {
        const file = yield* fs.open(path);
        return yield* file.read(0, file.size);
      };
      return { kernel: yield* load("/boot/vmlinuz"), ramdisk: yield* load("/boot/initrd.img") };
    })(),
  );
  if (!files.ok) {
    os.console.print(`${files.why}\n`);
    return 1;
  }
  os.console.print(`read ${files.value.kernel.length} + ${files.value.ramdisk.length}\n`);
  const kernel = readKernel(files.value.kernel);
  if (!kernel.ok) {
    os.console.print(`${kernel.why}\n`);
    return 1;
  }
  const fault = yield* kexec(
    os,
    {
      kernel: kernel.value,
      ramdisk: readRamdisk(files.value.ramdisk).bytes,
      cmdline: "console=hvc0 cryptomgr.notests rodata=off",
    },
    function* () {
      for (const { front } of disks) yield* front.close();
      yield* os.xenbus.release();
      os.closeTimer();
      os.gnttab.release();
      os.console.print("go!\n");
      yield* os.console.drained();
    },
  );
  os.console.print(`${fault.why}\n`);
  return 1;
}
