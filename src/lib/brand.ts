/**
 * Branded numbers: a frame cannot be passed for a domain, an instant not for a duration.
 * A brand costs nothing at run time; the constructor is the place where a bare number enters.
 */
declare const brand: unique symbol;

/** `T` marked as a `Name`: assignable to `T`, never to another brand. */
export type Brand<T, Name extends string> = T & { readonly [brand]: Name };

/** An instant: nanoseconds of virtual time since power-on. Integers; exact for 104 days. */
export type Nanos = Brand<number, "Nanos">;
export const Nanos = (n: number): Nanos => n as Nanos;
