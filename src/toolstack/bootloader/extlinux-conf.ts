/** extlinux.conf and isolinux.cfg, as PyGRUB reads them (ExtLinuxConf.py). */
import { kernelLine, type Menu, type MenuImage, meaningfulLines, splitCommand } from "./conf.ts";

export function parseExtlinux(text: string): Menu {
  const images: MenuImage[] = [];
  let wanted = "";
  let timeout = "-1";
  let open: string[] = [];
  for (const line of meaningfulLines(text)) {
    if (line.toLowerCase().startsWith("label")) {
      if (open.length > 0) images.push(extlinuxImage(open));
      open = [line];
    } else if (open.length > 0) {
      open.push(line);
    } else {
      const [command, rest] = splitCommand(line);
      if (command.toLowerCase() === "default") wanted = rest.trim();
      if (command.toLowerCase() === "timeout") timeout = rest.trim();
    }
  }
  if (open.length > 0) images.push(extlinuxImage(open));
  const selected = Math.max(
    0,
    images.findIndex(({ title }) => title === wanted),
  );
  return { images, timeout, selected, image: (_title, lines) => extlinuxImage(lines) };
}

function extlinuxImage(lines: readonly string[]): MenuImage {
  let title = "";
  let kernel: string | undefined;
  let args: string | undefined = "";
  let initrd: string | undefined;
  const setKernel = (value: string): void => {
    const parsed = kernelLine(value);
    kernel = parsed.kernel;
    args = parsed.args;
  };
  for (const line of lines) {
    const [spelt, rest] = splitCommand(line);
    const command = spelt.toLowerCase();
    let value = rest.trim();
    if (command === "append" && kernel?.endsWith("mboot.c32") === true) {
      // Xen, kernel and ramdisk; or kernel and ramdisk.
      const modules = value.split("---").map((module) => module.trim());
      const [image, disk] = modules.length === 3 ? modules.slice(1) : modules.length === 2 ? modules : [];
      if (image !== undefined && image !== "") setKernel(image);
      if (disk !== undefined && disk !== "") initrd = disk;
      continue;
    }
    // The ramdisk may stand among the arguments.
    const words = value.split(" ");
    const isInitrd = (word: string): boolean => word.toLowerCase().startsWith("initrd=");
    initrd = words.findLast(isInitrd)?.replace("initrd=", "") ?? initrd;
    value = words.map((word) => (isInitrd(word) ? "" : word)).join(" ");
    value = value.trim().replace(/^"(.+)"$/, "$1");
    if (command === "label") title = value;
    else if (command === "kernel") setKernel(value);
    else if (command === "append") args = value;
  }
  return { title, root: "", kernel, args, initrd, lines };
}
