/** Real guests that scripts/get-guests.sh obtained: a test that needs one says so, and skips where it is absent. */
import { existsSync } from "node:fs";
import { join } from "node:path";

const directories = [process.env["XLAB_GUESTS"], "guests-cache", "/tmp/guests"].filter(
  (path) => path !== undefined,
);

export const guestsDirectory: string | undefined = directories.find(
  (path) => existsSync(join(path, "vmlinuz-cloud")) && existsSync(join(path, "initrd.img")),
);

const generic = join(guestsDirectory ?? "", "vmlinuz-generic");
/** Debian's generic kernel (packed with xz), where it stands too. */
export const genericKernel = guestsDirectory !== undefined && existsSync(generic) ? generic : undefined;

const withBlkfront = join(guestsDirectory ?? "", "initrd-blk.img");
/** The initramfs with the cloud kernel's block front end in it, where it stands too. */
export const blockRamdisk =
  guestsDirectory !== undefined && existsSync(withBlkfront) ? withBlkfront : undefined;

if (genericKernel === undefined && process.env["XLAB_REQUIRE_GUESTS"] === "1") {
  throw new Error("XLAB_REQUIRE_GUESTS is set and not every guest stands: run scripts/get-guests.sh");
}

/** Why a test of a real kernel is skipped here. */
export const noGuests = "no Debian kernel here: run scripts/get-guests.sh";
