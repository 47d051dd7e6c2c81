/**
 * Who may have a watch at a path: so that a change asks those alone, however many watches there are. It may name somebody who
 * has taken his watch back; whoever asks looks at the watches themselves.
 */
import type { Connection } from "./connection.ts";
import { parentOf } from "./path.ts";
import type { Reach } from "./watch.ts";

export class Watchers {
  readonly #byPath = new Map<string, Set<Connection>>();

  add(conn: Connection, path: string): void {
    const there = this.#byPath.get(path);
    if (there === undefined) this.#byPath.set(path, new Set([conn]));
    else there.add(conn);
  }

  /** Takes the connection away where it has no watch any more. */
  forget(conn: Connection, path: string): void {
    const there = this.#byPath.get(path);
    if (there === undefined || conn.watches.some((watch) => watch.path === path)) return;
    there.delete(conn);
    if (there.size === 0) this.#byPath.delete(path);
  }

  /** In the order in which they connected. */
  of(path: string, reach: Reach): Connection[] {
    const found = new Set<Connection>();
    for (let at = path; ; at = parentOf(at)) {
      for (const conn of this.#byPath.get(at) ?? []) found.add(conn);
      if (reach === "exact" || at === "/" || !at.startsWith("/")) break;
    }
    return [...found].sort((a, b) => a.serial - b.serial);
  }
}
