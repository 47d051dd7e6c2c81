/**
 * Time as the model sees it: handed in, never read from the outside.
 * A {@link Timer} fires once, at the first scheduling point at or after its instant, in order of (instant, creation).
 */
import type { Nanos } from "./brand.ts";

export interface Timer {
  readonly when: Nanos;
  /** Forgets the timer; does nothing once it has fired. */
  cancel(): void;
}

export interface Clock {
  /** Virtual time now. */
  now(): Nanos;
  /** Calls `fire` once virtual time has reached `when` (at once, on the next scheduling point, if it is past). */
  at(when: Nanos, fire: () => void): Timer;
}
