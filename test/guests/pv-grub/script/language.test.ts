// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${x} is the language under test
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readScript } from "../../../../src/guests/pv-grub/script/script.ts";
import { matchesWildcards } from "../../../../src/guests/pv-grub/script/wildcards.ts";
import { drive, machine, memoryGrubDisk } from "../machine.ts";

/** What a script prints, behind a newline per error. */
function output(text: string, typed: string[] = []): string {
  const given = machine([memoryGrubDisk(0, new Uint8Array(512))], { typed });
  drive(readScript(given, { text, path: "(hd0)/boot/grub/grub.cfg" }));
  return given.out();
}

const words = 'function w { echo -n "$#:"; for x in "$@"; do echo -n "<$x>"; done; echo; }\n';

describe("words", () => {
  it.each([
    ["w a b", "2:<a><b>"],
    ["w 'a  b' \"c d\"", "2:<a  b><c d>"],
    ["w a\\ b \\$x", "2:<a b><$x>"],
    ["x='1  2 3'; w $x", "3:<1><2><3>"],
    ["x='1  2 3'; w \"$x\"", "1:<1  2 3>"],
    ["x='1 2'; w a${x}b", "2:<a1><2b>"],
    ["w $none", "0:"],
    ['w "$none" ""', "2:<><>"],
    ["w x$none ${none}y", "2:<x><y>"],
    ['w \'$x\' "\\$x" "a\\"b" "a\\b"', '4:<$x><$x><a"b><a\\b>'],
    ["w a#b # c", "1:<a#b>"],
    ['w $ a$ "$"', "3:<$><a$><$>"],
    ["w a\\\nb", "1:<ab>"],
    ["w 'a\nb'", "1:<a\nb>"],
    ["w if then fi", "3:<if><then><fi>"],
    ["w a;w b", "1:<a>\n1:<b>"],
    ["w ${grub_platform} $grub_cpu $feature_menuentry_id", "3:<xen><x86_64><y>"],
    ["w $root $prefix", "2:<hd0><(hd0)/boot/grub>"],
  ])("%s gives %j", (text, out) => {
    expect(output(words + text)).toBe(`${out}\n`);
  });
});

describe("flow", () => {
  it.each([
    ["if true; then echo a; else echo b; fi", "a"],
    ["if false; then echo a; elif true; then echo b; else echo c; fi", "b"],
    ["if false\nthen\n echo a\nelif false\nthen echo b\nelse\n echo c\nfi", "c"],
    ["if false; true; then echo last; fi", "last"],
    ["if ! false; then echo a; fi", "a"],
    ["false; echo $?; true; echo $?", "1\n0"],
    ["for i in a b c; do echo -n $i; done", "abc"],
    ["for i in; do echo $i; done; echo end", "end"],
    ["i=x; while [ $i != xxxx ]; do i=x$i; echo -n $i,; done", "xx,xxx,xxxx,"],
    ["i=x; until [ $i = xxx ]; do i=x$i; done; echo $i", "xxx"],
    ["for i in a b c; do if [ $i = b ]; then continue; fi; echo -n $i; done", "ac"],
    [
      "for i in a b; do for j in 1 2 3; do if [ $j = 2 ]; then break; fi; echo -n $i$j,; done; done",
      "a1,b1,",
    ],
    ["for i in a b; do for j in 1 2; do echo -n $i$j,; break 2; done; done; echo end", "a1,end"],
    ["for i in a b; do for j in 1 2; do echo -n $i$j,; continue 2; done; done", "a1,b1,"],
    ["function f { echo $1-$2 $#; }; f a b; f 'a b'", "a-b 2\na b- 1"],
    ["function f { return 3; echo no; }; f; echo $?", "3"],
    ["function f { shift; echo $@; }; f a b c", "b c"],
    ["function f { setparams x y; echo $*; }; f a", "x y"],
    ["function f { x=in; }; x=out; f; echo $x", "in"],
    ["function f { function g { echo inner; }; }; f; g", "inner"],
    ['set a=1; unset a; echo "<$a>"', "<>"],
    ["set a='b c'; echo $a", "b c"],
    ["eval 'echo $' x; eval \"echo a; echo b\"", "$ x\na\nb"],
    ["echo -n a; echo -e 'b\\tc\\n\\\\d'; echo -- x", "ab\tc\n\\d\n-- x"],
    ["break", "error: not in a loop."],
    ["nonsense a; echo on", "error: can't find command `nonsense'.\non"],
    ["set nonsense", "error: no value is specified for variable `nonsense'."],
    ["search --nonsense", "error: unknown argument `--nonsense'."],
    ["read x; echo got $x", "typed\ngot typed"],
    ["linux", "error: filename expected."],
    ["initrd /x", "error: you need to load the kernel first."],
    ["terminal_output gfxterm", "error: terminal `gfxterm' isn't found."],
    ["insmod nonsense; terminal_input console; if loadfont x; then echo font; fi; echo end", "end"],
  ])("%s prints %j", (text, out) => {
    expect(output(text, ["typed"]).split("\n  (")[0]?.trimEnd()).toBe(out);
  });

  it.each([
    ["if true; echo x\n", 'line 2: "then" is missing'],
    ["fi\n", 'line 1: "fi" stands where a command should'],
    ["}\n", 'line 1: "}" stands where a command should'],
    ["echo 'x\n", "line 1: a ' is not closed"],
    ["echo a | b\n", 'line 1: "|" means nothing to GRUB'],
    ["menuentry x {\n linux\n", 'line 3: "}" is missing at the end of a block'],
  ])("%j is a syntax error", (text, why) => {
    expect(output(text)).toContain("error: syntax error.");
    expect(output(text)).toContain(why);
  });

  it("goes on behind a syntax error", () => {
    expect(output("echo a\n}\necho b\n")).toBe("a\nerror: syntax error.\nb\n");
  });
});

describe("test", () => {
  it.each([
    ["a = a", true],
    ["a = b", false],
    ["a != b", true],
    ["a == a", true],
    ["a '<' b", true],
    ["b '<=' a", false],
    ["10 -gt 9", true],
    ["10 -lt 9", false],
    ["010 -eq 10", true],
    ["0x10 -eq 16", true],
    ["-5 -le -4", true],
    ["3 -ne 3", false],
    ["v10 -pgt v9", true],
    ["-n x", true],
    ["-z ''", true],
    ["-z x", false],
    ["x", true],
    ["''", false],
    ["! x", false],
    ["! -z x", true],
    ["x -a ''", false],
    ["'' -o x", true],
    ["'' -a x -o x", true],
    ["x -o '' -a ''", true],
    ["( '' -o x ) -a x", true],
    ["! ( x -a x )", false],
    ["-z '' -a -f /nothing", false],
    ["-e /nothing -o -z ''", true],
    ["-f", true],
    ["( ( ( x", true],
  ])("[ %s ] is %s", (expression, holds) => {
    const quoted = expression;
    expect(output(`if [ ${quoted} ]; then echo true; else echo false; fi`)).toBe(`${holds}\n`);
    expect(output(`if test ${quoted}; then echo true; else echo false; fi`)).toBe(`${holds}\n`);
  });
});

describe("regexp", () => {
  it.each([
    ["'^a.c$' abc", true],
    ["'b+' abbc", true],
    ["'^(hd[0-9]+)' hd12,msdos1", true],
    ["'^[^a-c]$' b", false],
    ["'a{2,3}b' aab", true],
    ["'^(a|b)*c$' ababc", true],
    ["'[[:digit:]]' x9", true],
    ["'^a\\.b$' axb", false],
    ["'x?$' ''", true],
  ])("%s matches: %s", (words, matches) => {
    expect(output(`if regexp ${words}; then echo true; else echo false; fi`)).toBe(`${matches}\n`);
  });
  it("sets variables to groups", () => {
    expect(output("regexp --set=1:d --set 2:p '^\\(?([^,]*),?(.*)$' hd0,msdos1; echo $d $p")).toBe(
      "hd0 msdos1\n",
    );
    expect(output("regexp -s x '(b+)' abbc; echo $x")).toBe("bb\n");
  });
  it.each(["'('", "'a)'", "'*a'", "'[a'", "'a{3,2}'", "'a\\'"])("%s is no pattern", (pattern) => {
    expect(output(`regexp ${pattern} x`)).toContain("error: invalid regular expression.");
  });
  it("gives up on a hostile pattern", () => {
    const hostile = `regexp '^(a*)*(a*)*(a*)*b$' ${"a".repeat(200)}`;
    expect(output(hostile)).toContain("invalid regular expression");
  });
});

describe("hostile scripts end", () => {
  it.each([
    ["a loop that does nothing", "while true; do true; done"],
    ["a loop without a body", "while true; do\ndone"],
    ["a function that calls itself", "function f { f; }; f"],
    ["twice", "function f { f; f; }; f"],
    ["with more and more words", "function f { if true; then for i in 1; do f $@ $@; done; fi; }; f a b c"],
    ["through eval", "function f { eval 'f'; }; f"],
    ["a variable that doubles", 'x=aaaaaaaaaa; while true; do x="$x$x"; done'],
    ["more and more variables", "i=; while true; do i=x$i; set v$i=$i; done"],
    ["endless output", "while true; do echo aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa; done"],
    ["endless errors", "while true; do nonsense; done"],
    ["endless entries", "while true; do menuentry x { true; }; done"],
    ["endless searches", "while true; do search --label x; done"],
    ["endless wildcards", "while true; do echo /*/*/*; done"],
    ["an eval of an eval", "eval 'eval \"$@\"'"],
    ["tests in tests", `${"if true; then ".repeat(5000)}echo`],
    ["braces in braces", "{".repeat(5000)],
    ["entries in entries", "menuentry x { ".repeat(5000)],
    ["very many words", `x='${"a ".repeat(30000)}'; while true; do for i in $x $x $x; do true; done; done`],
    ["very many words of a command", "a ".repeat(100_000)],
    ["very many menus", "submenu a { submenu b { true; } }\n".repeat(3000)],
    ["very many quotes", "'\n".repeat(20_001)],
    ["a long word", "x".repeat(100_000)],
  ])("%s", (_, text) => {
    const start = performance.now();
    output(text);
    expect(performance.now() - start).toBeLessThan(20_000);
  });

  it("whatever they are", () => {
    const piece = fc.constantFrom(
      ..."if |then |elif |else |fi\n|for |in |do |done\n|while |until |function |{ |}|; |\n|'|\"|\\|$|${|x|=|[ |] |menuentry |submenu |set |true |false |echo |source |/x |-f |! |( |break |return |shift |eval |#".split(
        "|",
      ),
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.array(piece, { maxLength: 60 }).map((all) => all.join("")),
          fc.string(),
        ),
        (text) => {
          expect(typeof output(text)).toBe("string");
        },
      ),
      { numRuns: 400 },
    );
  });
});

describe("wildcards", () => {
  it.each([
    ["*", "abc", true],
    ["a*c", "abc", true],
    ["a*c", "abcd", false],
    ["?b?", "abc", true],
    ["?", "", false],
    ["a\\*", "a*", true],
    ["a\\*", "ab", false],
    ["*a*b*c", "xaybzc", true],
    ["**", "", true],
    ["\\\\?", "\\x", true],
  ])("%j against %j: %s", (pattern, text, matches) => {
    expect(matchesWildcards(pattern, text)).toBe(matches);
  });
  it("are not slow", () => {
    const start = performance.now();
    expect(matchesWildcards(`${"*a".repeat(2000)}b`, "a".repeat(20_000))).toBe(false);
    expect(performance.now() - start).toBeLessThan(2000);
  });
});
