/**
 * What a guest asked the terminal of an earlier sitting: where the cursor is, what kind of terminal it is. Shown again, the
 * questions would be answered again, and the answers reach the guest as if they had been typed.
 */

/** DSR and DA: ESC [ 5 n, ESC [ 6 n, ESC [ c and their kin. */
const QUESTION = /\x1b\[(?:[?>=]?[0-9;]*c|\??[56]n)/g;

export function withoutQuestions(bytes: Uint8Array): Uint8Array {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
  return text.includes("\x1b[") ? Buffer.from(text.replace(QUESTION, ""), "latin1") : bytes;
}
