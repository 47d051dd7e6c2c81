/** A host with little memory of its own: the guest that writes more than there is dies alone, and its owner hears why. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { assemble, formatErrors } from "../../src/guests/hello/asm/assemble.ts";
import { elfFile } from "../../src/guests/hello/asm/elf-file.ts";
import { machine } from "../support/cli.ts";

/** Maps page after page of its memory and stores into each. */
const EATER = `
VIRT_BASE equ 0xffffffff80000000
org VIRT_BASE
note GUEST_OS,       "eater"
note XEN_VERSION,    "xen-3.0"
note LOADER,         "generic"
note VIRT_BASE,      VIRT_BASE
note PADDR_OFFSET,   0
note ENTRY,          start
note HYPERCALL_PAGE, hypercall_page
entry start
section .text
start:
        mov     r12, [rsi + 0x68]
        mov     r13, [rsi + 0x20]
        mov     ebx, 1024
.next:
        mov     rdi, window
        mov     rsi, [r12 + rbx * 8]
        shl     rsi, 12
        or      rsi, 3
        mov     edx, 2
        call    hypercall_page + 14 * 32
        mov     qword [window], 1
        inc     rbx
        cmp     rbx, r13
        jb      .next
        mov     edi, 2
        lea     rsi, [poweroff]
        call    hypercall_page + 29 * 32
        jmp     start
section .data
poweroff: dd 0
section .bss
align 4096
hypercall_page: resb 4096
window:         resb 4096
`;

const m = machine();
afterAll(() => m.close());
const env = { XLAB_BACKING_MIB: "48" };
const xl = (...args: string[]) => m.runWith({ env }, "xl", ...args);

function guest(name: string, memory: number, kernel: string, extra: string): string {
  const path = join(m.state, `${name}.cfg`);
  writeFileSync(
    path,
    `name="${name}"\nkernel="${kernel}"\nmemory=${memory}\nextra="${extra}"\non_crash="destroy"\n`,
  );
  return path;
}

test("the guest for which there is no memory left falls, and no other", { timeout: 120_000 }, async () => {
  const program = assemble(EATER);
  if (!program.ok) throw new Error(formatErrors("eater", program.errors));
  const file = elfFile(program.value);
  if (!file.ok) throw new Error(file.why);
  const kernel = join(m.state, "eater.elf");
  writeFileSync(kernel, file.value);

  expect((await xl("create", guest("bystander", 16, "hello.elf", "stay"))).status).toBe(0);
  expect((await xl("create", guest("small", 24, kernel, ""))).status).toBe(0); // fits, and powers off
  const greedy = await xl("create", "-c", guest("greedy", 1024, kernel, ""));
  expect(greedy.stdout + greedy.stderr).toMatch(/no memory left to back (this|the) domain's (pages|frames)/);
  const dmesg = await xl("dmesg");
  expect(dmesg.stdout).toMatch(/\(XEN\) domain_crash: d3: .*no memory left to back/);
  expect(dmesg.stdout).not.toMatch(/domain_crash: d[12]/);
  const list = await xl("list");
  expect(list.stdout).toMatch(/^bystander +1 +16 /m);
  expect(list.stdout).not.toMatch(/greedy/);
  const again = await xl("create", guest("again", 16, "hello.elf", "stay")); // what it had is free again
  expect(again.status).toBe(0);
});
