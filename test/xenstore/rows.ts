/**
 * xenstore tests as rows: who, transaction, request, answer.
 *
 *   [1, 0, "WRITE", "data/x|1", "OK"]        "|" stands for NUL; the answer's last NUL is left out
 *   [1, 0, "READ", "/nothing|", "ENOENT"]
 *   [1, "events", ["data/x t"]]              what has been said to domain 1 since the last such row
 *
 * A transaction is written as a letter; its id is what TRANSACTION_START answered ("= a" as the expected answer).
 */
import { expect } from "vitest";
import { XS, type XsTypeName } from "../../src/abi/io/xs-wire.ts";
import type { Connection } from "../../src/xenstore/connection.ts";
import { Outbox } from "../../src/xenstore/outbox.ts";
import { DEFAULT_QUOTA, type Quota } from "../../src/xenstore/quota.ts";
import { outcomeOf, stringsOf } from "../../src/xenstore/wire.ts";
import { Xenstored } from "../../src/xenstore/xenstored.ts";
import { FakeMachine } from "../support/fake-gate.ts";

export type Row =
  | readonly [who: number, tx: string | 0, request: XsTypeName | number, payload: string, answer: string]
  | readonly [who: number, what: "events", events: readonly string[]];

export interface Bench {
  readonly machine: FakeMachine;
  readonly xs: Xenstored;
  play(rows: readonly Row[]): void;
}

export function bench(quota: Partial<Quota> = {}): Bench {
  const machine = new FakeMachine();
  for (let domid = 1; domid <= 6; domid++) machine.addDomain(domid);
  const xs = new Xenstored(machine.gate, { ...DEFAULT_QUOTA, ...quota });
  const peers = new Map<number, Connection>();
  const transactions = new Map<string, number>();
  const events = new Map<number, string[]>();

  function peer(domid: number): Connection {
    const known = peers.get(domid);
    if (known !== undefined) return known;
    const conn = xs.connect(domid, new Outbox(), () => {});
    peers.set(domid, conn);
    return conn;
  }

  function drain(domid: number): string | undefined {
    const conn = peer(domid);
    const told = events.get(domid) ?? [];
    events.set(domid, told);
    let answer: string | undefined;
    for (let packet = conn.outbox.take(); packet !== undefined; packet = conn.outbox.take()) {
      if (packet.type === XS.WATCH_EVENT) {
        told.push(stringsOf(packet.payload).join(" "));
        continue;
      }
      const outcome = outcomeOf(packet);
      answer = outcome.ok ? outcome.value.replace(/\0$/, "").replaceAll("\0", "|") : outcome.errno;
    }
    return answer;
  }

  return {
    machine,
    xs,
    play(rows) {
      for (const row of rows) {
        if (row[1] === "events") {
          drain(row[0]);
          expect(events.get(row[0]), `events of ${row[0]}`).toEqual(row[2]);
          events.set(row[0], []);
          continue;
        }
        const [who, tx, request, payload, expected] = row as Extract<Row, { readonly 4: string }>;
        const type = typeof request === "number" ? request : XS[request];
        const txId = tx === 0 ? 0 : (transactions.get(tx) ?? 77);
        xs.request(peer(who), { type, reqId: 1, txId, payload: payload.replaceAll("|", "\0") });
        const answer = drain(who);
        const letter = /^= (\w+)$/.exec(expected)?.[1];
        if (letter !== undefined) transactions.set(letter, Number(answer));
        else expect(answer, `${who} ${tx} ${request} ${payload}`).toBe(expected);
      }
    },
  };
}
