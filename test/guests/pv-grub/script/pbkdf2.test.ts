import { createHash, pbkdf2Sync } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isPassword, parsePbkdf2 } from "../../../../src/guests/pv-grub/script/pbkdf2.ts";
import { sha512 } from "../../../../src/guests/pv-grub/script/sha512.ts";
import { drive } from "../machine.ts";

describe("passwords of grub-mkpasswd-pbkdf2", () => {
  it("SHA-512 is the host's", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (message) => {
        expect(Buffer.from(sha512(message)).toString("hex")).toBe(
          createHash("sha512").update(message).digest("hex"),
        );
      }),
    );
  });

  it.each([
    ["secret", "ab01".repeat(32), 1000, 64],
    ["", "00", 1, 64],
    [`long ${"x".repeat(200)}`, "cd".repeat(64), 3, 20],
    ["two blocks", "cd".repeat(64), 5, 128],
  ])("%.10s is known again, and others are not", (password, salt, iterations, length) => {
    const hash = pbkdf2Sync(password, Buffer.from(salt, "hex"), iterations, length, "sha512").toString("hex");
    const stored = parsePbkdf2(`grub.pbkdf2.sha512.${iterations}.${salt.toUpperCase()}.${hash}`);
    if (stored === undefined) throw new Error("it was not understood");
    expect(drive(isPassword(password, stored))).toBe(true);
    expect(drive(isPassword(`${password}.`, stored))).toBe(false);
  });

  it.each([
    "grub.pbkdf2.sha512.",
    "grub.pbkdf2.sha512.0.ab.cd",
    "grub.pbkdf2.sha512.10.abc.cd",
    "grub.pbkdf2.sha512.99999999.ab.cd",
    `grub.pbkdf2.sha512.10.ab.${"cd".repeat(2000)}`,
    "plain",
  ])("%.40s is none", (text) => {
    expect(parsePbkdf2(text)).toBeUndefined();
  });
});
