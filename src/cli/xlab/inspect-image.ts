/** The part of `xlab inspect` that is about disk images: opens the image, prints what is in it. */
import { readSync } from "node:fs";
import { type ImageReport, inspectImage, suggestImageConfig } from "../inspect/image.ts";
import { type ImageFormat, imageFormat } from "../inspect/image-format.ts";
import type { OpenDiskImage } from "./local-host.ts";

const HEAD_BYTES = 4096;
const TAIL_BYTES = 512;

export function formatOf(file: number, bytes: number): ImageFormat {
  const part = (at: number, length: number): Uint8Array => {
    const buffer = new Uint8Array(Math.max(0, Math.min(length, bytes - at)));
    return buffer.subarray(0, readSync(file, buffer, 0, buffer.length, at));
  };
  return imageFormat(part(0, HEAD_BYTES), part(Math.max(0, bytes - TAIL_BYTES), TAIL_BYTES), bytes);
}

/** Undefined: it holds neither partitions nor a file system. Throws what opening and reading the image throws. */
export async function readImage(
  path: string,
  format: ImageFormat,
  openDiskImage: OpenDiskImage,
): Promise<ImageReport | undefined> {
  const image = await openDiskImage(path, format.name);
  try {
    const steps = inspectImage(image.size);
    let step = steps.next();
    while (step.done !== true) step = steps.next(await image.read(step.value.offset, step.value.length));
    return step.value;
  } finally {
    await image.close();
  }
}

const WIDTH = 12;
const row = (name: string, value: string): string =>
  `${name.padEnd(WIDTH)}${name === "" ? "  " : ": "}${tame(value)}\n`;
/** Names in an image may hold anything. */
const tame = (text: string): string => text.replace(/[\p{Cc}\p{Cs}]/gu, "?");

export const imageJson = (path: string, format: ImageFormat, report: ImageReport): string =>
  `${JSON.stringify({ file: path, format, ...report, config: suggestImageConfig(path, format.name, report) }, null, 4)}\n`;

export function imageText(path: string, format: ImageFormat, report: ImageReport): string {
  const { table, volumes, menus, kernels, guests } = report;
  const config = suggestImageConfig(path, format.name, report);
  const facts = [`${format.name}`, `${format.virtualBytes} bytes`, ...format.facts].join(", ");
  return [
    row("file", path),
    row("format", facts),
    row(
      "partitions",
      table.kind === "none" ? "none" : `${table.kind}${table.uuid && `, disk ${table.uuid}`}`,
    ),
    ...table.notes.map((note) => row("", note)),
    ...volumes.flatMap(({ device, partition, fileSystem, problem }) => [
      row(device, partition === undefined ? "the whole disk" : placeOf(partition)),
      ...(fileSystem === undefined
        ? [row("", problem ?? "no file system that is known")]
        : [
            row(
              "",
              [
                fileSystem.kind,
                ...nonEmpty("label", fileSystem.label),
                ...nonEmpty("uuid", fileSystem.uuid),
              ].join(", "),
            ),
            ...(fileSystem.features.length === 0 ? [] : [row("", fileSystem.features.join(" "))]),
            ...fileSystem.notes.map((note) => row("", note)),
          ]),
    ]),
    ...menus.flatMap(({ device, path: menu, entries, problem }) => [
      row("menu", `${device}${menu}${problem === undefined ? "" : `: PyGRUB cannot read it: ${problem}`}`),
      ...entries.map(({ title, kernel }) => row("", `${title}: ${kernel ?? "no kernel"}`)),
    ]),
    ...kernels.map(({ device, path: kernel, report: about, problem }) =>
      row("kernel", `${device}${kernel}: ${problem ?? aboutKernel(about)}`),
    ),
    ...(guests.length === 0 ? [row("PV", "no: no kernel was found in it that boots as a PV guest")] : []),
    ...guests.map(({ type, loader, why }) => row(type, `boots by ${loader}: ${why}`)),
    ...(config === undefined ? [] : [`\n# a config to start from\n${config.join("\n")}\n`]),
  ].join("");
}

const nonEmpty = (name: string, value: string): string[] => (value === "" ? [] : [`${name} ${value}`]);

const placeOf = (one: NonNullable<ImageReport["volumes"][number]["partition"]>): string =>
  [
    `${one.size} bytes at ${one.start}`,
    `type ${one.type}`,
    ...nonEmpty("label", one.label),
    ...nonEmpty("partuuid", one.uuid),
    ...(one.isActive ? ["active"] : []),
  ].join(", ");

function aboutKernel(report: NonNullable<ImageReport["kernels"][number]["report"]> | undefined): string {
  if (report === undefined) return "not read";
  const { format, version, pv, notesFrom } = report;
  const parts = [
    version ?? "no version",
    format ?? "unknown format",
    ...(notesFrom === undefined ? [] : [`notes in ${notesFrom}`]),
  ];
  return `${parts.join(", ")}, PV ${pv.boots ? "boots" : `no: ${pv.why}`}`;
}
