/** The `default:` of a switch over a union: a new member fails to compile here. */
export function absurd(x: never): never {
  throw new Bug(`no such case: ${JSON.stringify(x)}`);
}

/** Our own mistake. Nobody catches it: the machine stops and the mistake is mended. */
export class Bug extends Error {
  override readonly name = "Bug";
}

/** Throws a {@link Bug}: the state is one that the model can never be in. */
export function bug(message: string): never {
  throw new Bug(message);
}
