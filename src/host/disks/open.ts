/** Opens an image by its format. */
import { type DiskImage, ImageError } from "./image.ts";
import { RawImage } from "./raw.ts";

/** Throws {@link ImageError}, or what the system says. */
export async function openImage(path: string, format: string, readonly: boolean): Promise<DiskImage> {
  switch (format) {
    case "raw":
      return await RawImage.open(path, readonly);
    default:
      throw new ImageError(`${path}: images of format ${format} are not read`);
  }
}
