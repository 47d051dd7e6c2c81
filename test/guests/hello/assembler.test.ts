import { Code, Decoder, DecoderOptions, Formatter, FormatterSyntax } from "iced-x86";
import { describe, expect, it } from "vitest";
import { assemble } from "../../../src/guests/hello/asm/assemble.ts";

const BASE = 0xffff_ffff_8000_0000n;

function text(source: string): Uint8Array {
  const out = assemble(`org 0xffffffff80000000\nentry start\nsection .text\nstart:\n${source}`);
  if (!out.ok) throw new Error(out.errors.map((error) => error.message).join("; "));
  return out.value.sections[0]?.bytes ?? new Uint8Array(0);
}

/** What another's decoder reads in our bytes, in Intel syntax, numbers as 0x…. */
function decode(bytes: Uint8Array): string[] {
  const decoder = new Decoder(64, bytes, DecoderOptions.None);
  decoder.ip = BASE;
  const formatter = new Formatter(FormatterSyntax.Nasm);
  formatter.hexPrefix = "0x";
  formatter.hexSuffix = "";
  formatter.uppercaseHex = false;
  formatter.spaceAfterOperandSeparator = true;
  formatter.smallHexNumbersInDecimal = false;
  formatter.showBranchSize = false;
  formatter.ripRelativeAddresses = false;
  const out: string[] = [];
  while (decoder.canDecode) {
    const instruction = decoder.decode();
    if (instruction.code === Code.INVALID) out.push("(bad)");
    else out.push(formatter.format(instruction));
    instruction.free();
  }
  formatter.free();
  decoder.free();
  return out;
}

const errorOf = (source: string): string => {
  const out = assemble(`org 0x1000\nentry start\nsection .text\nstart:\n${source}`);
  return out.ok ? "" : out.errors.map((error) => `${error.line}: ${error.message}`).join("; ");
};

describe("the assembler", () => {
  // source (and what iced-x86 reads back, where its words differ)
  const same = (line: string): [string, string] => [line, line];
  // biome-ignore format: a table
  it.each<[string, string]>([
    same("mov rax, rbx"), same("mov r8d, r15d"), same("mov al, sil"), same("mov r9b, dil"), same("mov ax, r10w"),
    same("mov rax, [rbx]"), same("mov [rsp], rax"), same("mov eax, [r13]"), same("mov [rbp], cl"), same("mov rdx, [r12]"),
    same("mov rax, [rbx+0x10]"), same("mov rax, [rbx-0x10]"), same("mov rax, [rsp+0x1000]"),
    same("mov rax, [rbx+rcx*8+0x7f]"), same("mov rax, [r8+r9*4-0x80]"), same("mov eax, [rbx+r12]"), same("lea rdi, [rcx*4+0x10]"),
    ["mov rax, [rbp + r13 * 2]", "mov rax, [rbp+r13*2]"],
    ["mov rax, [rcx + rsp]", "mov rax, [rsp+rcx]"],
    ["mov rax, [0x1234]", "mov rax, [0x1234]"],
    ["mov rax, 0xffffffff80001234", "mov rax, 0xffffffff80001234"],
    ["mov rax, 5", "mov eax, 0x5"],
    ["mov rax, -1", "mov rax, 0xffffffffffffffff"],
    ["mov r10, 0x123456789abcdef0", "mov r10, 0x123456789abcdef0"],
    same("mov byte [rdi], 0x7"), same("mov word [rdi], 0x1234"), same("mov dword [rdi], 0x12345678"), same("mov qword [rdi], 0x7fffffff"),
    ["mov byte ptr [rdi+1], 'A'", "mov byte [rdi+0x1], 0x41"],
    same("mov ecx, 0xffffffff"), same("mov r14w, 0x1234"), same("mov sil, 0x12"),
    same("add rax, 0x8"), same("add eax, 0x12345678"), same("sub rsp, 0x80"), ["add al, 0x3", "add al, 0x3"],
    same("cmp byte [rsi+rcx], 0x0"), same("and r11, rdx"), same("xor [rdi], eax"), same("sbb rcx, [rdx]"), same("adc r8, 0x1"),
    ["or rax, -1", "or rax, 0xffffffffffffffff"],
    same("test rax, rax"), same("test byte [rdi+0x1], 0x80"), ["test ecx, 0x100", "test ecx, 0x100"],
    same("inc rax"), same("dec dword [rbx]"), same("neg r9"), same("not cl"), same("mul rcx"), same("imul r8"), same("div rbx"), same("idiv dword [rsi]"),
    same("imul rax, rbx"), same("imul rax, [rbx], 0x10"), same("imul eax, ecx, 0x12345"),
    same("shl rax, 0x4"), same("shr ecx, cl"), same("sar r8, 0x3f"), ["shl eax, 1", "shl eax, 0x1"], same("rol dx, 0x3"), same("shrd rax, rdx, 0x20"), same("shld rcx, r8, 0x1"),
    same("push rax"), same("push r12"), same("pop rbp"), same("pop r15"), ["push 5", "push 0x5"], ["push 0x1234", "push 0x1234"],
    ["push qword [rdi]", "push qword [rdi]"], ["pop qword [rdi+8]", "pop qword [rdi+0x8]"],
    same("call rax"), same("jmp qword [rdi+rcx*8]"), same("call r11"),
    same("movzx eax, byte [rsi]"), same("movzx rax, cx"), same("movsx rax, byte [rdi]"), ["movsxd rax, dword [rdi]", "movsxd rax, [rdi]"], same("movsxd rcx, edx"), same("movzx ebx, dil"),
    same("sete al"), same("setb sil"), ["setnz byte [rdi]", "setne [rdi]"], same("cmovb rax, rbx"), ["cmovnz ecx, [rdx]", "cmovne ecx, [rdx]"],
    same("bt rax, 0x5"), same("bts [rdi], rax"), ["lock btr [rdi], rcx", "lock btr [rdi], rcx"], same("btc dword [rdi], 0x3"), same("bsf rax, rcx"), same("bsr ecx, [rdi]"),
    ["xchg [rdi], eax", "xchg eax, [rdi]"], same("xchg rax, [rdi]"), ["lock cmpxchg [rdi], rcx", "lock cmpxchg [rdi], rcx"], ["lock xadd [rbx], r8", "lock xadd [rbx], r8"], same("bswap r10"), same("bswap eax"),
    same("syscall"), same("cld"), same("std"), same("pause"), same("nop"), same("ud2"), same("hlt"), same("cpuid"), same("rdtsc"), same("iretq"), same("int3"), same("ret"), same("leave"), same("cqo"), same("cdq"),
    same("mfence"), same("lfence"), same("sfence"), ["pushfq", "pushf"], ["popfq", "popf"], same("swapgs"), same("wrmsr"), same("rdmsr"),
    ["int 0x82", "int 0x82"], same("rep movsb"), same("rep stosq"), same("movsq"), same("stosb"), same("lodsb"), ["repne scasb", "repne scasb"], ["repe cmpsb", "repe cmpsb"], same("stosd"), same("movsd"), same("lodsq"),
  ])("%s", (line, read) => {
    expect(decode(text(line))).toEqual([read]);
  });

  it("addresses names relative to rip, whatever follows the displacement", () => {
    const bytes = text(
      "mov rax, [there]\nmov dword [there + 8], 0x1234\ncmp byte [there], 1\nlea rdi, [there]\nud2\nthere: dq 0",
    );
    const there = bytes.length - 8;
    const at = BASE + BigInt(there);
    const hex = (n: bigint): string => `0x${n.toString(16)}`;
    expect(decode(bytes.subarray(0, there))).toEqual([
      `mov rax, [rel ${hex(at)}]`,
      `mov dword [rel ${hex(at + 8n)}], 0x1234`,
      `cmp byte [rel ${hex(at)}], 0x1`,
      `lea rdi, [rel ${hex(at)}]`,
      "ud2",
    ]);
  });

  it("takes addresses near the top of memory as constants of 32 bits, lower ones as 64", () => {
    expect(decode(text("mov rdi, start"))).toEqual([`mov rdi, 0x${BASE.toString(16)}`]);
    expect(text("mov rdi, start").length).toBe(7);
    expect(text("cmp rdi, start").length).toBe(7);
    const low = assemble("org 0x123456789000\nentry s\nsection .text\ns: mov rdi, s");
    expect(low.ok && low.value.sections[0]?.bytes.length).toBe(10);
  });

  it("makes jumps short where they reach, and long where not", () => {
    for (const pad of [0, 100, 125, 126, 127, 128, 129, 130, 200]) {
      const bytes = text(`jmp .end\nresb ${pad}\n.end: jz start\nret`);
      const [first] = decode(bytes);
      const short = pad <= 127;
      const end = BASE + BigInt((short ? 2 : 5) + pad);
      expect(first).toBe(`jmp 0x${end.toString(16)}`);
      expect(bytes[0]).toBe(short ? 0xeb : 0xe9);
      expect(decode(bytes.subarray(bytes.length - 1)).at(-1)).toBe("ret");
    }
  });

  it("knows local labels, constants, data and sections", () => {
    // biome-ignore format: a program
    const out = assemble(
      [
        "org 0x1000", "size equ 2 * (3 + 1) - -1 % 2 ; nine? no: 8 - (-1 % 2) = 9",
        "entry one", "note VIRT_BASE, 0", 'note GUEST_OS, "me"',
        "section .text", "one: jmp .x", ".x: ret", "two: .x: jmp .x",
        "section .data", 'db "ab\\n\\0", 1, size, \'c\'', "align 8", "dq one, two.x, -1", "here: dd $ - here", "dw 0xffff",
        "section .bss", "b: resq 2", "align 16", "c: resb 1",
      ].join("\n"),
    );
    if (!out.ok) throw new Error(JSON.stringify(out.errors));
    const [code, data, bss] = out.value.sections;
    expect([code?.address, data?.address, bss?.address]).toEqual([0x1000n, 0x2000n, 0x3000n]);
    expect([...(code?.bytes ?? [])]).toEqual([0xeb, 0x00, 0xc3, 0xeb, 0xfe]);
    const bytes = data?.bytes ?? new Uint8Array(0);
    expect([...bytes.subarray(0, 8)]).toEqual([97, 98, 10, 0, 1, 9, 99, 0]);
    const view = new DataView(bytes.buffer);
    expect([view.getBigUint64(8, true), view.getBigUint64(16, true), view.getBigInt64(24, true)]).toEqual([
      0x1000n,
      0x1003n,
      -1n,
    ]);
    expect(bss?.size).toBe(17);
    expect(out.value.entry).toBe(0x1000n);
    expect(out.value.notes).toEqual([
      { type: "VIRT_BASE", value: 0n },
      { type: "GUEST_OS", value: "me" },
    ]);
    expect(out.value.symbols.map((symbol) => symbol.name)).toEqual(["one", "two", "here", "b", "c"]);
  });

  it.each([
    ["frob rax", /5: unknown instruction "frob"/],
    ["mov rax, ecx", /5: the operands differ in size: rax, ecx/],
    ["mov [rax], 5", /how big is the memory operand\?/],
    ["mov rax, [ecx]", /64-bit registers, not ecx/],
    ["mov rax, [rcx*3]", /scaled by 1, 2, 4 or 8/],
    ["mov [rax], [rcx]", /no form of "mov" takes memory of no stated size, memory of no stated size/],
    ["lea al, [rax]", /no form of "lea"/],
    ["jmp nowhere", /"nowhere" is not defined/],
    ["a: nop\na: nop", /6: "a" is defined twice/],
    ["rax: nop", /"rax" is no name/],
    ["mov al, 256", /256 does not fit 8 bits/],
    ["and rax, 0xffffffff", /does not fit 32 bits, sign extended/],
    ["db 300", /300 does not fit 8 bits/],
    ['db "x', /" without its partner/],
    ["mov rax, rbx rcx", /unexpected "rcx"/],
    ["shl rax, bl", /no form of "shl"/],
    ["dd 1 / 0", /division by zero/],
    ["section .rodata", /there is no section .rodata/],
    ["resb -1", /cannot be reserved/],
    ["resb 1 << 60", /cannot be reserved/],
    ["section .bss\ndb 1", /.bss holds no bytes/],
    ["mov rax, 'ab'", /a character constant holds one byte/],
    ["mov rax, @", /unexpected "@"/],
    ["mov rax,", /the line ends too early/],
  ])("refuses %j and says why", (source, why) => {
    expect(errorOf(source)).toMatch(why);
  });
});
