import { describe, expect, test } from "vitest";
import { ProgressLines } from "../../../src/toolstack/save/progress.ts";

describe("progress", () => {
  test("is said at every five percent of a 160 MiB domain, as xl 4.17 said it", () => {
    const progress = new ProgressLines();
    const said: (string | undefined)[] = [progress.line("Start of stream", 0, 0)];
    for (let done = 0; done <= 40_960; done += 1024) said.push(progress.line("Frames", done, 40_960));
    said.push(progress.line("End of stream", 0, 0), progress.line("Complete", 0, 0));
    const lines = said.filter((line) => line !== undefined);
    expect(lines.slice(0, 2)).toEqual([
      "xc: progress: Frames: 2048/40960    5%",
      "xc: progress: Frames: 4096/40960   10%",
    ]);
    expect(lines.slice(-3)).toEqual([
      "xc: progress: Frames: 38912/40960   95%",
      "xc: progress: Frames: 40960/40960  100%",
      "xc: progress: End of stream: 0/0    0%",
    ]);
    expect(lines).toHaveLength(21);
  });
});
