/** The terminal that pygrub is run on: what is typed, without waiting for a line's end. */

export interface Keyboard {
  /** Nothing when so many seconds pass, or when nothing can be typed any more. */
  read(seconds: number | undefined): Promise<Uint8Array>;
  close(): void;
}

const CONTROL_C = 3;
const INTERRUPTED = 130;

export function openKeyboard(): Keyboard {
  const { stdin } = process;
  let typed: Uint8Array[] = [];
  let wake = (): void => {};
  let opened = false;
  let ended = false;
  const onData = (chunk: Buffer): void => {
    if (stdin.isTTY === true && chunk.includes(CONTROL_C)) {
      close();
      process.exit(INTERRUPTED);
    }
    typed.push(new Uint8Array(chunk));
    wake();
  };
  const onEnd = (): void => {
    ended = true;
    wake();
  };
  const open = (): void => {
    if (opened) return;
    opened = true;
    if (stdin.isTTY === true) stdin.setRawMode(true);
    stdin.on("data", onData);
    stdin.on("end", onEnd);
  };
  const close = (): void => {
    if (!opened) return;
    if (stdin.isTTY === true) stdin.setRawMode(false);
    stdin.off("data", onData);
    stdin.off("end", onEnd);
    stdin.pause();
  };
  return {
    async read(seconds) {
      open();
      if (typed.length === 0) {
        await new Promise<void>((resolve) => {
          const timer = seconds === undefined ? undefined : setTimeout(resolve, seconds * 1000);
          wake = () => {
            // The end of a pipe is no key: a menu that counts down goes on counting.
            if (ended && typed.length === 0 && seconds !== undefined) return;
            clearTimeout(timer);
            resolve();
          };
          if (ended) wake();
        });
        wake = () => {};
      }
      const bytes = Buffer.concat(typed);
      typed = [];
      if (bytes.length === 0 && ended && seconds === undefined) return new Uint8Array([0x0d]);
      return new Uint8Array(bytes);
    },
    close,
  };
}
