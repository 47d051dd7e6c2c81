/** Colours by their VGA names, as both languages know them. */

const NAMES = [
  "black",
  "blue",
  "green",
  "cyan",
  "red",
  "magenta",
  "brown",
  "light-gray",
  "dark-gray",
  "light-blue",
  "light-green",
  "light-cyan",
  "light-red",
  "light-magenta",
  "yellow",
  "white",
];
/** GRUB 0.97 puts this before a foreground that blinks: the VGA attribute's highest bit, which a background has else. */
const BLINK = "blink-";
const BLINKING = 8;

export type Pair = readonly [foreground: number, background: number];

/** "white/blue", "blink-yellow/black": VGA numbers. A background is one of the first eight. */
export function colourPair(text: string): Pair | undefined {
  const [front = "", back = "", ...more] = text.split("/");
  const blinks = front.startsWith(BLINK);
  const foreground = NAMES.indexOf(blinks ? front.slice(BLINK.length) : front);
  const background = NAMES.indexOf(back);
  if (foreground < 0 || background < 0 || background > 7 || more.length > 0) return undefined;
  return [foreground, background + (blinks ? BLINKING : 0)];
}
