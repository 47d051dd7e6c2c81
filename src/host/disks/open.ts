/** Opens an image by its format, and the files that it rests on. */
import { dirname, isAbsolute, join } from "node:path";
import { type DiskImage, ImageError } from "./image.ts";
import { ImageFile } from "./image-file.ts";
import { Qcow2Image } from "./qcow2/qcow2.ts";
import { RawImage } from "./raw.ts";
import { VhdImage } from "./vhd.ts";

/** Files below one another, at most. */
const MOST_LAYERS = 32;

/** `who`: for whoever wants the image while we have it. Throws {@link ImageBusy}, {@link ImageError}, or what the system says. */
export async function openImage(
  path: string,
  format: string,
  readonly: boolean,
  who: string,
): Promise<DiskImage> {
  return await openLayer({ path, format, readonly, who }, []);
}

interface Layer {
  readonly path: string;
  readonly format: string;
  readonly readonly: boolean;
  readonly who: string;
}

/** `above`: identities of the files that rest on this one. */
async function openLayer(
  { path, format, readonly, who }: Layer,
  above: readonly string[],
): Promise<DiskImage> {
  if (above.length >= MOST_LAYERS)
    throw new ImageError(`${path}: more than ${MOST_LAYERS} files rest on each other`);
  const file = await ImageFile.open(path, readonly, who, above);
  try {
    switch (format) {
      case "raw":
        return await RawImage.open(file, readonly);
      case "qcow2":
        return await Qcow2Image.open(file, readonly, (name, below) => {
          if (below === undefined) {
            // What a guest wrote into a raw file must not decide what that file is.
            throw new ImageError(
              `${path} does not say of which format its backing file ${name} is; \`qemu-img rebase -u -F FORMAT -b ${name} ${path}\` does`,
            );
          }
          return openLayer({ path: placeOf(name, path), format: below, readonly: true, who }, [
            ...above,
            file.identity,
          ]);
        });
      case "vhd":
      case "vpc": // QEMU's name for it, which qcow2 images use
        return await VhdImage.open(file, readonly);
      default:
        throw new ImageError(`${path}: images of format ${format} are not read`);
    }
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** A backing file's name is relative to the image that names it. */
function placeOf(name: string, of: string): string {
  const path = name.startsWith("file:") ? name.slice("file:".length) : name;
  if (/^[a-z][a-z0-9+.-]*:/.test(path)) throw new ImageError(`${of}: its backing file ${name} is not a file`);
  return isAbsolute(path) ? path : join(dirname(of), path);
}
