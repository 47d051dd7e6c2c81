/** Menus as PyGRUB reads them. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { diskPart, grubSplit, type Menu, PythonError } from "../../../src/toolstack/bootloader/conf.ts";
import { parseExtlinux } from "../../../src/toolstack/bootloader/extlinux-conf.ts";
import { parseGrub2, parseLegacy } from "../../../src/toolstack/bootloader/grub-conf.ts";

const brief = ({ images, timeout, selected }: Menu) => ({
  timeout,
  selected,
  images: images.map(({ title, root, kernel, args, initrd }) => [title, root, kernel, args, initrd]),
});

describe("splitting a line", () => {
  const rows: [string, number, string[]][] = [
    ["kernel /vmlinuz root=x ro", 2, ["kernel", "/vmlinuz root=x ro"]],
    ["timeout=5", 2, ["timeout", "5"]],
    ["a=b c=d", 2, ["a", "b c=d"]],
    ["a=b=c", 3, ["a", "b", "c"]],
    ["default\t 1 ", 2, ["default", "1 "]],
    ["fallback", 2, ["fallback"]],
    ["", 2, []],
  ];
  it.each(rows)("%j in %i", (text, parts, expected) => {
    expect(grubSplit(text, parts)).toEqual(expected);
  });
});

describe("disk names", () => {
  const rows: [string, string][] = [
    ["(hd0,0)", "d0p0"],
    ["(hd0,msdos1)", "d0p1"],
    ["hd1,gpt2", "d1p2"],
    ["(hd0)", "d0"],
    ["/dev/xvdb,1", "d1p1"],
  ];
  it.each(rows)("%s is %s", (text, expected) => expect(diskPart(text)).toBe(expected));
  it.each(["xen/xvda,msdos1", "(hd0,1,2)", "(hd0,x)", "cd"])("%s is none to PyGRUB", (text) => {
    expect(() => diskPart(text)).toThrow(PythonError);
  });
});

describe("grub.cfg", () => {
  it("entries, submenus flattened; the last of two timeouts; a saved default is the first", () => {
    const menu = parseGrub2(`
# comment
set default="\${saved_entry}"
function f {
  set timeout=99
}
if [ x = y ] ; then
  set timeout=30
else
  set timeout=3
fi
menuentry 'One' --class x {
	set root='hd0,msdos1'
	search --no-floppy --fs-uuid --set=root 1234
	echo	'Loading ...'
	linux	/vmlinuz root=/dev/xvda1 ro quiet
	initrd	/initrd.img
}
submenu 'More' {
	menuentry "Two" {
		linux /k2
	}
}
`);
    expect(brief(menu)).toEqual({
      timeout: "3",
      selected: 0,
      images: [
        ["One", "d0p1", "/vmlinuz", "root=/dev/xvda1 ro quiet", "/initrd.img"],
        ["Two", undefined, "/k2", undefined, undefined],
      ],
    });
  });

  const refused: [string, string][] = [
    ["an entry within an entry", "menuentry 'a' {\nmenuentry 'b' {\n}\n}\n"],
    ["a brace too many", "}\n"],
    ["an entry without end", "menuentry 'a' {\nlinux /k\n"],
    ["a root by its xenstore name", "menuentry 'a' {\nset root='xen/xvda,msdos1'\n}\n"],
    ["a setting with two equal signs", "set a=b=c\n"],
    ["a setting without a value", "set verbose\n"],
    ["a kernel on half a device", "menuentry 'a' {\nlinux (hd0,1/k\n}\n"],
    ["a negative default", "set default=-1\n"],
  ];
  it.each(refused)("%s ends in an exception", (_, text) => {
    expect(() => parseGrub2(text)).toThrow(PythonError);
  });
});

it("menu.lst", () => {
  const menu = parseLegacy(
    "default 1\ntimeout 7\ncolor x\ntitle One\nroot (hd0,0)\nkernel (hd0,0)/k1 a b\ninitrd /i1\ntitle Two\nkernel /k2\n",
  );
  expect(brief(menu)).toEqual({
    timeout: "7",
    selected: 1,
    images: [
      ["One", "d0p0", "/k1", "a b", "/i1"],
      ["Two", undefined, "/k2", undefined, undefined],
    ],
  });
});

it("extlinux.conf: the default by its label, the ramdisk among the arguments", () => {
  const menu = parseExtlinux(
    "DEFAULT two\nLABEL one\nKERNEL /k1\nAPPEND initrd=/i1 ro quiet\nLABEL two\nKERNEL mboot.c32\nAPPEND xen.gz --- /k2 a --- /i2\n",
  );
  expect(brief(menu)).toEqual({
    timeout: "-1",
    selected: 1,
    images: [
      ["one", "", "/k1", "ro quiet", "/i1"],
      ["two", "", "/k2", "a", "/i2"],
    ],
  });
});

it("lines made to be slow are read at once", () => {
  const quotes = `menuentry '${"' ".repeat(400_000)}`;
  const initrds = `label x\nappend ${"initrd=a ".repeat(100_000)}`;
  const started = performance.now();
  expect(() => parseGrub2(quotes)).not.toThrow();
  expect(parseExtlinux(initrds).images[0]?.initrd).toBe("a");
  expect(performance.now() - started).toBeLessThan(2_000);
});

it("any text is a menu or a PythonError, and soon", () => {
  const word = fc.constantFrom(
    "menuentry 'a' {\n",
    "}\n",
    "title x\n",
    "set ",
    "=",
    "label y\n",
    "(",
    ",",
    ")",
    "linux /k\n",
    " ",
    "\n",
  );
  fc.assert(
    fc.property(fc.array(fc.oneof(word, fc.string()), { maxLength: 60 }), (words) => {
      for (const parse of [parseGrub2, parseLegacy, parseExtlinux]) {
        try {
          parse(words.join(""));
        } catch (error) {
          expect(error).toBeInstanceOf(PythonError);
        }
      }
    }),
  );
});
