/** libxc's progress as its logger prints it where stderr is no terminal: a line each time five percent more are done. */

export class ProgressLines {
  #percent = 0;

  /** Undefined: nothing is said of this step. */
  line(what: string, done: number, total: number): string | undefined {
    const percent = total === 0 ? 0 : Math.floor((done * 100) / total);
    if (percent === this.#percent || (percent > this.#percent && percent < this.#percent + 5))
      return undefined;
    this.#percent = percent;
    return `xc: progress: ${what}: ${done}/${total}  ${String(percent).padStart(3)}%`;
  }
}
