/** Variables of a grub.cfg. A context (a submenu's, a configfile's) begins with what the outer one exports. */

/** Characters that all variables of a context may have, names and values together. */
const TOTAL_MAX = 1024 * 1024;
const VALUE_MAX = 64 * 1024;

interface Variable {
  readonly value: string;
  readonly isExported: boolean;
}

export class Environment {
  readonly #variables: Map<string, Variable>;
  #total = 0;

  constructor(variables: Iterable<readonly [string, Variable]> = []) {
    this.#variables = new Map(variables);
    for (const [name, { value }] of this.#variables) this.#total += name.length + value.length;
  }

  get(name: string): string | undefined {
    return this.#variables.get(name)?.value;
  }

  /** Answers why it cannot be. */
  set(name: string, value: string): string | undefined {
    const old = this.#variables.get(name);
    const total = this.#total + value.length + (old === undefined ? name.length : -old.value.length);
    if (value.length > VALUE_MAX || total > TOTAL_MAX) return `the variable ${name} grows too long`;
    this.#total = total;
    this.#variables.set(name, { value, isExported: old?.isExported ?? false });
    return undefined;
  }

  unset(name: string): void {
    const old = this.#variables.get(name);
    if (old === undefined) return;
    this.#total -= name.length + old.value.length;
    this.#variables.delete(name);
  }

  export(name: string): void {
    this.#variables.set(name, { value: this.get(name) ?? "", isExported: true });
  }

  open(): Environment {
    return new Environment([...this.#variables].filter(([, { isExported }]) => isExported));
  }

  /** Sorted by name. */
  entries(): readonly (readonly [name: string, value: string])[] {
    return [...this.#variables]
      .map(([name, { value }]) => [name, value] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1));
  }
}
