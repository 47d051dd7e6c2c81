/**
 * The hypervisor's console ring (`xl dmesg`): whole lines, the oldest dropped when it is full.
 * Xen's own lines start with "(XEN) ", a guest's with "(dN) ".
 */
const RING_SIZE = 65_536;

export class LogRing {
  private lines: string[] = [];
  private length = 0;
  /** Called after every line, for dom0 (VIRQ_CON_RING) and whoever keeps a hypervisor.log. */
  onLine: ((line: string) => void) | undefined;

  /** `line` without newline, with its prefix. */
  add(line: string): void {
    this.lines.push(line);
    this.length += line.length + 1;
    while (this.length > RING_SIZE && this.lines.length > 1) {
      this.length -= (this.lines.shift() as string).length + 1;
    }
    this.onLine?.(line);
  }

  read(clear: boolean): string {
    const text = this.lines.map((line) => `${line}\n`).join("");
    if (clear) {
      this.lines = [];
      this.length = 0;
    }
    return text;
  }
}
