/**
 * Two vCPUs and one page: the second writes into it, without end, an entry that maps the neighbour and then none; the first
 * makes it an L1 table, looks, and makes it a plain page again. No look may find the neighbour in a table.
 */
import { call, load, mmuext, UPDATE_VA_MAPPING, VCPU_OP } from "./code.ts";

const ROUNDS = 2000;
/** UVMF_INVLPG | UVMF_ALL */
const FLUSH = 6;
/** Offsets in vcpu_guest_context. */
const CONTEXT: readonly (readonly [offset: number, value: string])[] = [
  [0x200, "0x24"], // in kernel, online
  [0x288, "racer"], // rip
  [0x290, "0xe033"],
  [0x298, "0x200"],
  [0x2a0, "race_stack + 4096"],
  [0x2a8, "0xe02b"],
  [0x2d0 + 14 * 16, "0xe033000e"],
  [0x2d0 + 14 * 16 + 8, "racer_fault"],
  [0x1368, "0xe02b"],
  [0x1370, "race_stack + 4096"],
];
const remap = (flags: number): string =>
  call(UPDATE_VA_MAPPING, "race_page", { frame: "race_mfn", flags }, FLUSH);
const verdict = (name: string): string =>
  `        lea rsi, [name_${name}]\n        lea rdx, [right_zero]\n        call judge`;

const code = `
        lea     rdi, [race_page]
        call    virt_to_mfn
        mov     [race_mfn], rax
${load("rax", { frame: "other_mfn", flags: 0x27 })}
        mov     [race_value], rax
${CONTEXT.map(([offset, value]) => `        mov rax, ${value}\n        mov [context + ${offset}], rax`).join("\n")}
        mov     rax, [l4_mfn]
        shl     rax, 12
        mov     [context + 0x1390], rax
${call(VCPU_OP, 0, 1, "context")}
        test    rax, rax
        jnz     .started
${call(VCPU_OP, 1, 1, 0)}
.started:
        mov     rbx, rax
${verdict("start")}
        test    rbx, rbx
        jnz     .race_over
        mov     ebx, ${ROUNDS}
.round:
${remap(0x21)}
${mmuext(0, "[race_mfn]")}
        test    rax, rax
        jnz     .refused
        mov     ecx, 200
.look:
        test    byte [race_page + 56], 1
        jz      .clean
        inc     qword [breaches]
.clean:
        dec     ecx
        jnz     .look
${mmuext(4, "[race_mfn]")}
        jmp     .again
.refused:
        inc     qword [race_refused]
.again:
${remap(0x23)}
        mov     ecx, 500
.wait:
        dec     ecx
        jnz     .wait
        dec     ebx
        jnz     .round
        mov     rax, [breaches]
${verdict("race")}
        xor     eax, eax
        cmp     qword [race_refused], 0         ; it did meet the entry
        sete    al
        cmp     qword [race_faults], 0          ; and the other one did meet the table
        sete    cl
        or      al, cl
${verdict("met")}
.race_over:
        jmp     past_racer

racer:
        mov     rax, [race_value]
.loop:
        mov     [race_page + 56], rax
        mov     ecx, 150
.set:
        dec     ecx
        jnz     .set
        mov     qword [race_page + 56], 0
        mov     ecx, 50
.unset:
        dec     ecx
        jnz     .unset
        jmp     .loop
racer_fault:
        pop     rcx
        pop     r11
        add     rsp, 8
        mov     qword [rsp], racer
        mov     qword [rsp + 8], 0xe033
        inc     qword [race_faults]
        iretq
past_racer:
`;

const data = `
right_zero: dq 0, END
name_start: db "start the second vCPU", 0
name_race:  db "tables with the neighbour in them, out of ${ROUNDS} races", 0
name_met:   db "races without a meeting", 0
`;

const variables = `
race_mfn:     resq 1
race_value:   resq 1
race_refused: resq 1
race_faults:  resq 1
breaches:     resq 1
`;

const pages = `
race_page:  resb 4096
race_stack: resb 4096
context:    resb 8192
`;

export const RACE = { code, data, variables, pages } as const;
