/** The pictures of the menu and of an entry's editor, for both looks, as the originals place things on 80 by 24. */
import type { Menu } from "../menu.ts";
import type { Grid } from "./grid.ts";
import { drawGrub2 } from "./look-grub2.ts";
import { drawLegacy } from "./look-legacy.ts";
import type { ListPicture } from "./picture.ts";

/** Lines of the box. */
export const BOX_LINES = { legacy: 12, grub2: 11 } as const satisfies Record<Menu["look"], number>;

export const drawList = (look: Menu["look"], picture: ListPicture): Grid =>
  look === "legacy" ? drawLegacy(picture) : drawGrub2(picture);
