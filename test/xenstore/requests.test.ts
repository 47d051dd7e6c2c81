/** What xenstored answers, refusals included: rows of who, transaction, request, answer (test/xenstore/rows.ts). */
import { describe, expect, test } from "vitest";
import { bench, type Row } from "./rows.ts";

/** dom0 lays out a guest's corner as the toolstack does. */
const GUEST: readonly Row[] = [
  [0, 0, "MKDIR", "/local/domain/1|", "OK"],
  [0, 0, "SET_PERMS", "/local/domain/1|n0|r1|", "OK"],
  [0, 0, "WRITE", "/local/domain/1/data|", "OK"],
  [0, 0, "SET_PERMS", "/local/domain/1/data|n1|", "OK"],
  [0, 0, "WRITE", "/local/domain/1/name|one", "OK"],
  [0, 0, "WRITE", "/secret/deep|s", "OK"],
];

const tables: Record<string, readonly Row[]> = {
  "the tree that xenstored starts with": [
    [0, 0, "DIRECTORY", "/|", "tool"],
    [0, 0, "DIRECTORY", "/tool|", "xenstored"],
    [0, 0, "GET_PERMS", "/tool/xenstored|", "n0"],
    [0, 0, "READ", "/tool|", ""],
  ],
  "reading and writing": [
    [0, 0, "WRITE", "/a/b/c|value", "OK"],
    [0, 0, "READ", "/a/b/c|", "value"],
    [0, 0, "READ", "/a/b|", ""],
    [0, 0, "WRITE", "/a/b/c|x|y", "OK"],
    [0, 0, "READ", "/a/b/c|", "x|y"],
    [0, 0, "WRITE", "/a/b/c|", "OK"],
    [0, 0, "READ", "/a/b/c|", ""],
    [0, 0, "READ", "/a/nothing|", "ENOENT"],
    [0, 0, "READ", "/nothing/at/all|", "ENOENT"],
    [0, 0, "DIRECTORY", "/nothing|", "ENOENT"],
  ],
  "children are listed in the order of their creation": [
    [0, 0, "WRITE", "/d/z|1", "OK"],
    [0, 0, "WRITE", "/d/a|2", "OK"],
    [0, 0, "MKDIR", "/d/m|", "OK"],
    [0, 0, "WRITE", "/d/z|3", "OK"],
    [0, 0, "DIRECTORY", "/d|", "z|a|m"],
    [0, 0, "RM", "/d/a|", "OK"],
    [0, 0, "DIRECTORY", "/d|", "z|m"],
  ],
  "mkdir leaves what is there": [
    [0, 0, "WRITE", "/d|kept", "OK"],
    [0, 0, "MKDIR", "/d|", "OK"],
    [0, 0, "READ", "/d|", "kept"],
  ],
  "rm takes everything below, and forgives what is not there if its parent is": [
    [0, 0, "WRITE", "/d/a/b|1", "OK"],
    [0, 0, "RM", "/d/a|", "OK"],
    [0, 0, "READ", "/d/a/b|", "ENOENT"],
    [0, 0, "RM", "/d/a|", "OK"],
    [0, 0, "RM", "/d/a/b|", "ENOENT"],
    [0, 0, "RM", "/|", "EINVAL"],
  ],
  "malformed requests": [
    [0, 0, "READ", "", "EINVAL"],
    [0, 0, "READ", "/tool", "EINVAL"],
    [0, 0, "READ", "/tool|x|", "EINVAL"],
    [0, 0, "READ", "/tool/|", "EINVAL"],
    [0, 0, "READ", "//tool|", "EINVAL"],
    [0, 0, "READ", "/to ol|", "EINVAL"],
    [0, 0, "READ", "/to.ol|", "EINVAL"],
    [0, 0, "READ", `/${"x".repeat(2100)}|`, "EINVAL"],
    [0, 0, "WRITE", "/no-nul", "EINVAL"],
    [0, 0, "MKDIR", "|", "EINVAL"],
    [0, 0, "SET_PERMS", "/tool|", "EINVAL"],
    [0, 0, "SET_PERMS", "/tool|x0|", "EINVAL"],
    [0, 0, "SET_PERMS", "/tool|n|", "EINVAL"],
    [0, 0, "WATCH", "/tool|", "EINVAL"],
    [0, 0, "WATCH", "/to ol|t|", "EINVAL"],
    [0, 0, "WATCH", "/tool|t|x|", "EINVAL"],
    [0, 0, "UNWATCH", "/tool|t|", "ENOENT"],
    [0, 0, "TRANSACTION_END", "T|", "ENOENT"],
    [0, 0, "INTRODUCE", "1|", "EINVAL"],
    [0, 0, "INTRODUCE", "1|5|0|", "EINVAL"],
    [0, 0, "RELEASE", "0|", "EINVAL"],
    [0, 0, "RELEASE", "x|", "EINVAL"],
    [0, 0, "RELEASE", "9|", "ENOENT"],
    [0, 0, "GET_DOMAIN_PATH", "x|", "EINVAL"],
    [0, 0, 20, "|", "ENOSYS"],
    [0, 0, 23, "|", "ENOSYS"],
    [0, 0, 0xffffffff, "|", "ENOSYS"],
    [0, 0, "ERROR", "EINVAL|", "ENOSYS"],
    [0, 0, "WATCH_EVENT", "a|b|", "ENOSYS"],
    [0, "unknown", "READ", "/tool|", "ENOENT"],
  ],
  "relative paths start at the domain's own": [
    ...GUEST,
    [1, 0, "READ", "name|", "one"],
    [0, 0, "WRITE", "domid|0", "OK"],
    [0, 0, "READ", "/local/domain/0/domid|", "0"],
    [1, 0, "GET_DOMAIN_PATH", "7|", "/local/domain/7"],
  ],
  "a guest sees and changes only what it may": [
    ...GUEST,
    [1, 0, "READ", "name|", "one"],
    [1, 0, "WRITE", "name|two", "EACCES"],
    [1, 0, "RM", "name|", "EACCES"],
    [1, 0, "WRITE", "new|x", "EACCES"],
    [1, 0, "WRITE", "data/x/y|1", "OK"],
    [1, 0, "GET_PERMS", "data/x/y|", "n1"],
    [1, 0, "READ", "/local/domain/1/data/x/y|", "1"],
    [1, 0, "READ", "/secret/deep|", "EACCES"],
    [1, 0, "READ", "/secret/missing|", "EACCES"],
    [1, 0, "READ", "missing|", "ENOENT"],
    [1, 0, "DIRECTORY", "/|", "EACCES"],
    [1, 0, "DIRECTORY", "/local/domain/1|", "data|name"],
    [2, 0, "READ", "/local/domain/1/data/x/y|", "EACCES"],
    [2, 0, "WRITE", "/local/domain/1/data/x|", "EACCES"],
  ],
  "what dom0 makes is inherited from the parent, what a guest makes is its own": [
    ...GUEST,
    [0, 0, "WRITE", "/local/domain/1/cpu/0/availability|online", "OK"],
    [0, 0, "GET_PERMS", "/local/domain/1/cpu/0/availability|", "n0|r1"],
    [0, 0, "SET_PERMS", "/local/domain/1/data|n1|r0|", "OK"],
    [0, 0, "WRITE", "/local/domain/1/data/by-dom0|", "OK"],
    [0, 0, "GET_PERMS", "/local/domain/1/data/by-dom0|", "n1|r0"],
    [0, 0, "SET_PERMS", "/secret|b0|", "OK"],
    [1, 0, "WRITE", "/secret/mine|", "OK"],
    [1, 0, "GET_PERMS", "/secret/mine|", "b1"],
  ],
  "permissions are the owner's to change, ownership is not": [
    ...GUEST,
    [1, 0, "SET_PERMS", "data|n1|r2|", "OK"],
    [1, 0, "SET_PERMS", "data|n2|r1|", "EPERM"],
    [1, 0, "SET_PERMS", "name|n1|", "EACCES"],
    [2, 0, "READ", "/local/domain/1/data|", ""],
    [2, 0, "SET_PERMS", "/local/domain/1/data|n1|b2|", "EACCES"],
    [0, 0, "SET_PERMS", "/local/domain/1/data|n2|", "OK"],
    [1, 0, "READ", "data|", "EACCES"],
    [2, 0, "WRITE", "/local/domain/1/data|two", "OK"],
  ],
  "a domain that is not there owns nothing, and is given nothing": [
    ...GUEST,
    [0, 0, "SET_PERMS", "/secret|n77|", "ENOENT"],
    [0, 0, "SET_PERMS", "/secret|n70000|", "ENOENT"],
    [0, 0, "SET_PERMS", "/secret|n0|r77|", "OK"],
    [0, 0, "GET_PERMS", "/secret|", "n0|r77"],
    [0, 0, "SET_PERMS", "@releaseDomain|n77|", "ENOENT"],
  ],
  "special events are dom0's, unless it lets others hear them": [
    [1, 0, "WATCH", "@introduceDomain|t|", "OK"],
    [1, 0, "WATCH", "@nothing|t|", "OK"],
    [1, 0, "WATCH", `@${"x".repeat(2048)}|t|`, "EINVAL"],
    [1, "events", ["@introduceDomain t", "@nothing t"]],
    [1, 0, "SET_PERMS", "@introduceDomain|n0|r1|", "EACCES"],
    [0, 0, "SET_PERMS", "@nothing|n0|", "EINVAL"],
    [0, 0, "SET_PERMS", "@introduceDomain|n2|", "OK"],
    [2, 0, "SET_PERMS", "@introduceDomain|n2|r1|", "OK"],
    [1, 0, "SET_PERMS", "@introduceDomain|n1|", "EACCES"],
    [0, 0, "GET_PERMS", "@introduceDomain|", "EINVAL"],
    [0, 0, "READ", "@introduceDomain|", "EINVAL"],
  ],
  "what belongs to the toolstack is refused to guests": [
    ...GUEST,
    [1, 0, "INTRODUCE", "1|5|1|", "EACCES"],
    [1, 0, "RELEASE", "1|", "EACCES"],
    [1, 0, "SET_TARGET", "1|2|", "EACCES"],
    [1, 0, "RESUME", "1|", "EACCES"],
    [1, 0, "IS_DOMAIN_INTRODUCED", "1|", "EACCES"],
    [1, 0, "CONTROL", "check|", "EACCES"],
    [1, 0, "SET_PERMS", "@releaseDomain|n1|", "EACCES"],
    [0, 0, "CONTROL", "check|", "OK"],
    [0, 0, "CONTROL", "check|x|", "EINVAL"],
    [0, 0, "CONTROL", "nonsense|", "EINVAL"],
    [0, 0, "CONTROL", "", "EINVAL"],
    [0, 0, "IS_DOMAIN_INTRODUCED", "32752|", "T"],
    [0, 0, "IS_DOMAIN_INTRODUCED", "0|", "T"],
    [0, 0, "IS_DOMAIN_INTRODUCED", "5|", "F"],
  ],
  "a watch says itself once, then every change at or below its path": [
    [0, 0, "WATCH", "/d|tok|", "OK"],
    [0, "events", ["/d tok"]],
    [0, 0, "WRITE", "/d/a/b|1", "OK"],
    [0, 0, "WRITE", "/elsewhere|1", "OK"],
    [0, 0, "WRITE", "/da|1", "OK"],
    [0, 0, "MKDIR", "/d/a|", "OK"],
    [0, 0, "SET_PERMS", "/d/a|n0|", "OK"],
    [0, "events", ["/d/a/b tok", "/d/a tok"]],
    [0, 0, "WATCH", "/d|tok|", "EEXIST"],
    [0, 0, "UNWATCH", "/d|tok|", "OK"],
    [0, 0, "WRITE", "/d/a|1", "OK"],
    [0, "events", []],
  ],
  "a removal is heard at the node, and by those who watch what went with it": [
    [0, 0, "WRITE", "/d/a/b|1", "OK"],
    [0, 0, "WRITE", "/d/a/c|1", "OK"],
    [0, 0, "WATCH", "/d|above|", "OK"],
    [0, 0, "WATCH", "/d/a/c|below|", "OK"],
    [0, "events", ["/d above", "/d/a/c below"]],
    [0, 0, "RM", "/d/a|", "OK"],
    [0, "events", ["/d/a/c below", "/d/a above"]],
  ],
  "a relative watch hears relative paths": [
    ...GUEST,
    [1, 0, "WATCH", "data|t|", "OK"],
    [1, "events", ["data t"]],
    [0, 0, "WRITE", "/local/domain/1/data/x|1", "OK"],
    [1, "events", ["data/x t"]],
    [1, 0, "WATCH", "/local/domain/1/data|abs|", "OK"],
    [1, 0, "WRITE", "data/x|2", "OK"],
    [1, "events", ["/local/domain/1/data abs", "data/x t", "/local/domain/1/data/x abs"]],
    [1, 0, "UNWATCH", "/local/domain/1/data|t|", "OK"],
  ],
  "a watch with a depth": [
    [0, 0, "WATCH", "/d|self|0|", "OK"],
    [0, 0, "WATCH", "/d|one|1|", "OK"],
    [0, "events", ["/d self", "/d one"]],
    [0, 0, "WRITE", "/d/a/b|", "OK"],
    [0, "events", []],
    [0, 0, "WRITE", "/d/a|", "OK"],
    [0, "events", ["/d/a one"]],
    [0, 0, "WRITE", "/d|", "OK"],
    [0, "events", ["/d self", "/d one"]],
  ],
  "nobody hears of what he may not read": [
    ...GUEST,
    [1, 0, "WATCH", "/secret|t|", "OK"],
    [1, "events", ["/secret t"]],
    [0, 0, "WRITE", "/secret/deep|2", "OK"],
    [1, "events", []],
    [0, 0, "SET_PERMS", "/secret/deep|n0|r1|", "OK"],
    [1, "events", ["/secret/deep t"]],
    [0, 0, "SET_PERMS", "/secret/deep|n0|", "OK"],
    [1, "events", ["/secret/deep t"]],
    [0, 0, "WRITE", "/secret/deep|3", "OK"],
    [1, "events", []],
  ],
  "RESET_WATCHES forgets watches and transactions": [
    ...GUEST,
    [1, 0, "WATCH", "data|t|", "OK"],
    [1, 0, "TRANSACTION_START", "|", "= a"],
    [1, 0, "RESET_WATCHES", "|", "OK"],
    [1, "events", ["data t"]],
    [1, 0, "WRITE", "data|1", "OK"],
    [1, "events", []],
    [1, "a", "READ", "data|", "ENOENT"],
  ],
  "a transaction works on its snapshot until it commits": [
    [0, 0, "WRITE", "/d/a|1", "OK"],
    [0, 0, "WATCH", "/d|t|", "OK"],
    [0, "events", ["/d t"]],
    [0, 0, "TRANSACTION_START", "|", "= a"],
    [0, "a", "TRANSACTION_START", "|", "EBUSY"],
    [0, "a", "WRITE", "/d/b|2", "OK"],
    [0, "a", "READ", "/d/b|", "2"],
    [0, 0, "READ", "/d/b|", "ENOENT"],
    [0, "events", []],
    [0, "a", "TRANSACTION_END", "X|", "EINVAL"],
    [0, "a", "TRANSACTION_END", "T|", "OK"],
    [0, "events", ["/d/b t"]],
    [0, 0, "READ", "/d/b|", "2"],
    [0, "a", "READ", "/d/b|", "ENOENT"],
  ],
  "an aborted transaction leaves no trace": [
    [0, 0, "TRANSACTION_START", "|", "= a"],
    [0, "a", "WRITE", "/d|1", "OK"],
    [0, "a", "RM", "/tool|", "OK"],
    [0, "a", "TRANSACTION_END", "F|", "OK"],
    [0, 0, "READ", "/d|", "ENOENT"],
    [0, 0, "READ", "/tool|", ""],
  ],
  "a transaction that read what others changed must try again": [
    [0, 0, "WRITE", "/d/a|1", "OK"],
    [0, 0, "TRANSACTION_START", "|", "= a"],
    [0, "a", "READ", "/d/a|", "1"],
    [0, "a", "WRITE", "/e|1", "OK"],
    [0, 0, "WRITE", "/d/a|2", "OK"],
    [0, "a", "READ", "/d/a|", "1"],
    [0, "a", "TRANSACTION_END", "T|", "EAGAIN"],
    [0, 0, "READ", "/e|", "ENOENT"],
  ],
  "a transaction that found nothing must try again when there is something": [
    [0, 0, "TRANSACTION_START", "|", "= a"],
    [0, "a", "READ", "/d|", "ENOENT"],
    [0, 0, "WRITE", "/d|1", "OK"],
    [0, "a", "TRANSACTION_END", "T|", "EAGAIN"],
  ],
  "transactions that do not meet both commit": [
    [0, 0, "WRITE", "/x/a|1", "OK"],
    [0, 0, "WRITE", "/y/b|1", "OK"],
    [0, 0, "TRANSACTION_START", "|", "= a"],
    [0, 0, "TRANSACTION_START", "|", "= b"],
    [0, "a", "WRITE", "/x/a|2", "OK"],
    [0, "b", "WRITE", "/y/b|2", "OK"],
    [0, "b", "WRITE", "/y/new/er|2", "OK"],
    [0, "a", "TRANSACTION_END", "T|", "OK"],
    [0, "b", "TRANSACTION_END", "T|", "OK"],
    [0, 0, "READ", "/x/a|", "2"],
    [0, 0, "READ", "/y/new/er|", "2"],
  ],
  "who looked for a node must try again when its directory has changed": [
    [0, 0, "WRITE", "/d|1", "OK"],
    [0, 0, "TRANSACTION_START", "|", "= a"],
    [0, "a", "READ", "/d/wanted|", "ENOENT"],
    [0, 0, "WRITE", "/d/other|1", "OK"],
    [0, "a", "TRANSACTION_END", "T|", "EAGAIN"],
  ],
  "a transaction's events come once each, in the order in which it met the nodes": [
    [0, 0, "WRITE", "/d/a|1", "OK"],
    [0, 0, "WRITE", "/d/b/c|1", "OK"],
    [0, 0, "WATCH", "/d|t|", "OK"],
    [0, "events", ["/d t"]],
    [0, 0, "TRANSACTION_START", "|", "= a"],
    [0, "a", "READ", "/d/b|", ""],
    [0, "a", "WRITE", "/d/a|2", "OK"],
    [0, "a", "WRITE", "/d/a|3", "OK"],
    [0, "a", "SET_PERMS", "/d/a|n0|", "OK"],
    [0, "a", "RM", "/d/b|", "OK"],
    [0, "a", "TRANSACTION_END", "T|", "OK"],
    [0, "events", ["/d/b t", "/d/a t"]],
  ],
  "changes of a transaction are replayed in their order": [
    [0, 0, "WRITE", "/d/one/below|1", "OK"],
    [0, 0, "WRITE", "/d/two|1", "OK"],
    [0, 0, "TRANSACTION_START", "|", "= a"],
    [0, "a", "WRITE", "/d/three|1", "OK"],
    [0, "a", "RM", "/d/one|", "OK"],
    [0, "a", "WRITE", "/d/one/new|1", "OK"],
    [0, "a", "WRITE", "/d/gone/again|1", "OK"],
    [0, "a", "RM", "/d/gone|", "OK"],
    [0, "a", "WRITE", "/d/two|2", "OK"],
    [0, 0, "WRITE", "/elsewhere|1", "OK"],
    [0, "a", "TRANSACTION_END", "T|", "OK"],
    [0, 0, "DIRECTORY", "/d|", "two|three|one"],
    [0, 0, "DIRECTORY", "/d/one|", "new"],
    [0, 0, "READ", "/d/two|", "2"],
  ],
  "a node removed and made anew in a transaction is empty": [
    [0, 0, "WRITE", "/d/old/er|1", "OK"],
    [0, 0, "WRITE", "/e|1", "OK"],
    [0, 0, "TRANSACTION_START", "|", "= a"],
    [0, "a", "RM", "/d/old|", "OK"],
    [0, "a", "WRITE", "/d/old|new", "OK"],
    [0, 0, "WRITE", "/e|2", "OK"],
    [0, "a", "TRANSACTION_END", "T|", "OK"],
    [0, 0, "DIRECTORY", "/d/old|", ""],
    [0, 0, "READ", "/d/old|", "new"],
  ],
};

describe("xenstored answers", () => {
  for (const [claim, rows] of Object.entries(tables)) test(claim, () => bench().play(rows));
});

describe("quotas bind guests, not dom0", () => {
  test("nodes", () => {
    const { play } = bench({ nodes: 3 });
    play([
      ...GUEST,
      [1, 0, "WRITE", "data/a|", "OK"],
      [1, 0, "WRITE", "data/b/c|", "ENOSPC"],
      [1, 0, "WRITE", "data/b|", "OK"],
      [1, 0, "WRITE", "data/c|", "ENOSPC"],
      [1, 0, "RM", "data/a|", "OK"],
      [1, 0, "WRITE", "data/c|", "OK"],
      [0, 0, "WRITE", "/local/domain/1/data/d|", "OK"],
      [1, 0, "RM", "data/b|", "OK"],
      [1, 0, "TRANSACTION_START", "|", "= a"],
      [1, "a", "WRITE", "data/e|", "ENOSPC"],
      [1, "a", "TRANSACTION_END", "F|", "OK"],
    ]);
  });
  test("watches: 4.17 counts those there are, so that 129 fit", () => {
    const rows = Array.from({ length: 129 }, (_, n): Row => [1, 0, "WATCH", `data|${n}|`, "OK"]);
    bench().play([
      ...GUEST,
      ...rows,
      [1, 0, "WATCH", "data|more|", "E2BIG"],
      [1, 0, "WATCH", "data|0|", "EEXIST"],
      [1, 0, "UNWATCH", "data|7|", "OK"],
      [1, 0, "WATCH", "data|more|", "OK"],
    ]);
  });
  test("transactions: so do they, and 11 fit", () => {
    const rows = Array.from({ length: 11 }, (_, n): Row => [1, 0, "TRANSACTION_START", "|", `= t${n}`]);
    bench().play([
      ...GUEST,
      ...rows,
      [1, 0, "TRANSACTION_START", "|", "ENOSPC"],
      [1, "t3", "TRANSACTION_END", "F|", "OK"],
      [1, 0, "TRANSACTION_START", "|", "= t11"],
    ]);
  });
  test("1,000 nodes, and one less for a transaction", () => {
    const rows = Array.from({ length: 998 }, (_, n): Row => [1, 0, "MKDIR", `data/${n % 9}/${n}|`, "OK"]);
    bench().play([
      ...GUEST,
      ...rows.slice(0, 989), // with data and its nine children: 999
      [1, 0, "TRANSACTION_START", "|", "= a"],
      [1, "a", "MKDIR", "data/0/x|", "OK"],
      [1, "a", "TRANSACTION_END", "T|", "ENOSPC"],
      [1, 0, "MKDIR", "data/0/x|", "OK"],
      [1, 0, "MKDIR", "data/0/y|", "ENOSPC"],
      [1, 0, "WRITE", "data/0/x|still", "OK"],
    ]);
  });
  test("bytes of all together", () => {
    bench({ memory: 7500 }).play([
      ...GUEST,
      [1, 0, "WRITE", `data/a|${"x".repeat(1900)}`, "OK"],
      [1, 0, "WRITE", `data/b|${"x".repeat(1900)}`, "OK"],
      [1, 0, "WRITE", `data/c|${"x".repeat(1900)}`, "OK"],
      [1, 0, "WRITE", `data/d|${"x".repeat(1900)}`, "ENOMEM"],
      [1, 0, "WATCH", `data|${"t".repeat(2500)}|`, "ENOMEM"],
      [1, 0, "WRITE", `data/a|${"y".repeat(1900)}`, "OK"],
      [1, 0, "RM", "data/b|", "OK"],
      [1, 0, "WRITE", `data/d|${"x".repeat(1900)}`, "OK"],
      [0, 0, "WRITE", `/local/domain/1/data/e|${"x".repeat(1900)}`, "OK"],
    ]);
  });
  test("entries in a permission list", () => {
    bench().play([
      ...GUEST,
      [1, 0, "SET_PERMS", "data|n1|r2|r3|r4|r5|", "OK"],
      [1, 0, "SET_PERMS", "data|n1|r2|r3|r4|r5|r6|", "ENOSPC"],
      [0, 0, "SET_PERMS", "/local/domain/1/data|n1|r2|r3|r4|r5|r6|", "OK"],
    ]);
  });
  test("size of a node", () => {
    bench().play([
      ...GUEST,
      [1, 0, "WRITE", `data/big|${"x".repeat(2015)}`, "OK"],
      [1, 0, "WRITE", `data/big|${"x".repeat(2016)}`, "ENOSPC"],
      [1, 0, "WRITE", `data/huge|${"x".repeat(3000)}`, "ENOSPC"],
      [0, 0, "WRITE", `/local/domain/1/data/huge|${"x".repeat(3000)}`, "OK"],
    ]);
  });
  test("nodes touched by one transaction", () => {
    bench({ transactionNodes: 4 }).play([
      ...GUEST,
      [1, 0, "TRANSACTION_START", "|", "= a"],
      [1, "a", "WRITE", "data/a|", "OK"],
      [1, "a", "WRITE", "data/b|", "OK"],
      [1, "a", "WRITE", "data/c|", "OK"],
      [1, "a", "WRITE", "data/d|", "ENOSPC"],
      [1, "a", "TRANSACTION_END", "T|", "ENOMEM"],
    ]);
  });
});

test("a list too long for one answer is read in parts", () => {
  const { xs, play } = bench();
  const names = Array.from({ length: 900 }, (_, n) => `child-${n}`);
  for (const name of names) play([[0, 0, "WRITE", `/many/${name}|`, "OK"]]);
  play([[0, 0, "DIRECTORY", "/many|", "E2BIG"]]);
  const generation = xs.tree.get("/many")?.generation;
  const first = names.slice(0, 100).join("|");
  expect(generation).toBeGreaterThan(0);
  play([[0, 0, "DIRECTORY_PART", "/many|999999|", `${generation}|`]]);
  expect(first).toContain("child-99");
});

test("what a dead domain owned goes, and its number inherits nothing", () => {
  const { xs, machine, play } = bench();
  play([
    ...GUEST,
    [1, 0, "WRITE", "data/x|1", "OK"],
    [0, 0, "WRITE", "/shared|", "OK"],
    [0, 0, "SET_PERMS", "/shared|n0|r1|r2|", "OK"],
  ]);
  play([
    [0, 0, "WATCH", "/local/domain/1|t|", "OK"],
    [0, 0, "WATCH", "/local/domain/1/data/x|u|", "OK"],
    [0, "events", ["/local/domain/1 t", "/local/domain/1/data/x u"]],
  ]);
  machine.reap(1);
  machine.settle();
  play([
    [0, "events", ["/local/domain/1/data/x u", "/local/domain/1/data t"]],
    [0, 0, "READ", "/local/domain/1/data|", "ENOENT"],
    [0, 0, "GET_PERMS", "/shared|", "n0|r1|r2"], // said, and of no effect
    [2, 0, "READ", "/shared|", ""],
  ]);
  expect(xs.tree.ownedBy(1)).toBe(0);
  machine.addDomain(1);
  play([
    [1, 0, "READ", "/shared|", "EACCES"],
    [0, 0, "WRITE", "/shared|written since", "OK"],
    [1, 0, "READ", "/shared|", "EACCES"],
    [1, 0, "READ", "name|", "EACCES"],
    [0, 0, "SET_PERMS", "/shared|n0|r1|", "OK"],
    [1, 0, "READ", "/shared|", "written since"],
  ]);
});

test("xenstore-control shows the quotas and sets them", () => {
  const { play } = bench();
  play([
    ...GUEST,
    [0, 0, "CONTROL", "help|", "check\t\nprint\t<string>\nquota\t[set <name> <val>|<domid>]\nhelp\t\n"],
    [0, 0, "CONTROL", "quota|set|nodes|0|", "EINVAL"],
    [0, 0, "CONTROL", "quota|set|nonsense|5|", "EINVAL"],
    [0, 0, "CONTROL", "quota|set|nodes|2|", "OK"],
    [1, 0, "WRITE", "data/a|", "OK"],
    [1, 0, "WRITE", "data/b|", "ENOSPC"],
    [0, 0, "CONTROL", "quota|99|", "ENOENT"],
    [1, 0, "WATCH", "data|t|", "OK"],
  ]);
  const rows = [
    "nodes            :        2 Nodes per domain",
    "watches          :      128 Watches per domain",
    "transactions     :       10 Transactions per domain",
    "outstanding      :       20 Outstanding requests per domain",
    "transaction-nodes:     1024 Max. number of accessed nodes per transaction",
    "memory           :  2621440 Total Xenstore memory per domain (error level)",
    "node-size        :     2048 Max. size of a node",
    "path-max         :     2048 Max. length of a node path",
    "permissions      :        5 Max. number of permissions per node",
  ];
  play([[0, 0, "CONTROL", "quota|", `Quota settings:\n${rows.map((row) => `${row}\n`).join("")}`]]);
});

test("what a transaction holds is bounded by the nodes that it touches", () => {
  const { xs, play } = bench();
  play([...GUEST, [1, 0, "TRANSACTION_START", "|", "= a"]]);
  for (let n = 0; n < 2000; n++) play([[1, "a", "WRITE", `data/same|${n}`, "OK"]]);
  for (let n = 0; n < 3000; n++) {
    const seen = n < 1022 ? "ENOENT" : "ENOSPC"; // data/same and data were met before
    play([[1, "a", "READ", `data/${n}|`, seen]]);
  }
  expect(xs.domains.usage(1)?.nodes).toBe(1);
  play([[1, "a", "TRANSACTION_END", "T|", "ENOMEM"]]);
});
