/**
 * The red team: a PV guest with two vCPUs that tries to reach what is not its own by every path it has. Every attempt prints
 * its name and what came of it (0, -errno, #PF…); the last line is the result, in XTF's words. This makes its source, for the
 * assembler of guests/hello.
 *
 * A row that is answered otherwise than ATTEMPTS allows is marked with (!), and the result is FAILURE.
 */
import { ATTEMPTS, type Attempt } from "./attempts.ts";
import { FAULT } from "./code.ts";
import { RACE } from "./race.ts";

const VECTORS_WITH_CODE = [8, 10, 11, 12, 13, 14, 17];
const VECTORS = [0, 1, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14, 16, 17, 19];

const handler = (vector: number): string => `trap_${vector}:
        pop     rcx
        pop     r11
${VECTORS_WITH_CODE.includes(vector) ? "        add     rsp, 8\n" : ""}        mov     qword [fault], ${FAULT + vector}
        jmp     trapped`;

const trapEntry = (vector: number): string =>
  `        db ${vector}, 0\n        dw 0xe033\n        dd 0\n        dq trap_${vector}`;

const attemptCode = ({ code }: Attempt, i: number): string =>
  `try_${i}:\n${code}\n        lea rsi, [name_${i}]\n        lea rdx, [right_${i}]\n        call judge`;
const attemptData = ({ name, right }: Attempt, i: number): string =>
  `name_${i}: db ${JSON.stringify(name)}, 0\nright_${i}: dq ${[...right, "END"].join(", ")}`;

export const redteamSource = (): string => `
VIRT_BASE equ 0xffffffff80000000
org VIRT_BASE
note GUEST_OS,       "redteam"
note XEN_VERSION,    "xen-3.0"
note LOADER,         "generic"
note VIRT_BASE,      VIRT_BASE
note PADDR_OFFSET,   0
note ENTRY,          start
note HYPERCALL_PAGE, hypercall_page
note FEATURES,       "!writable_page_tables|pae_pgdir_above_4gb"

M2P             equ 0xffff800000000000
END             equ 0x7000000000000000
CONS_out        equ 0x400
CONS_out_cons   equ 0xc08
CONS_out_prod   equ 0xc0c
; slot 300 of the L4, if it shows the L4 itself: where the L4 and Xen's L3 then appear as pages
LINEAR_L4       equ 0xffff964b2592c000
LINEAR_XEN      equ 0xffff964b25900000

entry start
section .text
start:
        cld
        mov     rbx, rsi
        lea     rdi, [trap_table]
        call    hypercall_page + 0 * 32
        mov     rdi, [rbx + 0x48]
        call    mfn_to_virt
        mov     [console], rax
        mov     eax, [rbx + 0x50]
        mov     [console_port], eax
        mov     rax, [rbx + 0x58]
        mov     [pt_base], rax
        mov     rax, [rbx + 0x68]
        mov     [p2m], rax
        mov     rax, [rbx + 0x20]
        mov     [nr_pages], rax
        mov     edi, 0                          ; writable page tables: stores to L1 tables are emulated
        mov     esi, 2
        call    hypercall_page + 21 * 32
        call    look_around
        lea     rsi, [text_title]
        call    puts
${ATTEMPTS.map(attemptCode).join("\n")}
${RACE.code}
        lea     rsi, [text_success]
        cmp     qword [failures], 0
        je      .end
        lea     rsi, [text_failure]
.end:
        call    puts
        mov     dword [args], 0
        mov     edi, 2
        lea     rsi, [args]
        call    hypercall_page + 29 * 32
        jmp     .end

; Finds frames that are not ours: Xen's L3 in our L4, the first page of RAM, and one whose M2P entry is not our p2m's.
look_around:
        mov     rdi, [pt_base]
        mov     rax, [rdi + 256 * 8]
        shr     rax, 12
        mov     [xen_mfn], rax
        mov     qword [dom0_mfn], 256
        lea     rdi, [spare]
        call    virt_to_mfn
        mov     [spare_mfn], rax
        lea     rdi, [window]
        call    virt_to_mfn
        mov     [window_mfn], rax
        mov     rdi, [pt_base]
        call    virt_to_mfn
        mov     [l4_mfn], rax
        shl     rax, 12
        lea     rcx, [rax + 300 * 8]
        mov     [l4e_machine], rcx
        lea     rcx, [rax + 256 * 8]
        mov     [xen_slot_machine], rcx
        mov     rdi, [pt_base]
        mov     rax, [rdi + 511 * 8]
        call    frame_of
        mov     [l3_mfn], rax
        mov     rcx, rax
        shl     rcx, 12
        add     rcx, 8 * 8
        mov     [l3e_machine], rcx
        mov     rdi, rax
        call    mfn_to_virt
        mov     rax, [rax + 510 * 8]
        call    frame_of
        mov     rcx, rax
        shl     rcx, 12
        add     rcx, 400 * 8
        mov     [l2e_machine], rcx
        mov     rdi, rax
        call    mfn_to_virt
        mov     rax, [rax]                      ; our first 2 MiB: the window is there
        call    frame_of
        mov     [l1_mfn], rax
        shl     rax, 12
        lea     rcx, [window]
        shr     rcx, 9
        and     rcx, 0xff8
        add     rax, rcx
        mov     [l1e_machine], rax
        mov     qword [resume], .found
        mov     rbx, 256
.next:
        inc     rbx
        mov     rdi, M2P
        mov     rax, [rdi + rbx * 8]            ; past its end: a fault, and we go on at .found
        cmp     rax, -1
        je      .next
        cmp     rax, [nr_pages]
        jae     .other
        mov     rcx, [p2m]
        cmp     [rcx + rax * 8], rbx
        je      .next
.other:
        mov     [other_mfn], rbx
.found:
        ret

frame_of:                                       ; of the entry rax
        shl     rax, 12
        shr     rax, 24
        ret
virt_to_mfn:
        mov     rax, rdi
        mov     rcx, VIRT_BASE
        sub     rax, rcx
        shr     rax, 12
        mov     rcx, [p2m]
        mov     rax, [rcx + rax * 8]
        ret
mfn_to_virt:
        mov     rax, M2P
        mov     rax, [rax + rdi * 8]
        shl     rax, 12
        mov     rcx, VIRT_BASE
        add     rax, rcx
        ret

; rax: the answer to what rsi names; rdx: a list of right ones
judge:
        push    rbx
        push    rbp
        mov     rbx, rax
        mov     rbp, rdx
        call    puts
        mov     al, ':'
        call    putc
        mov     al, ' '
        call    putc
        mov     rax, rbx
        call    put_answer
.next:
        mov     rax, [rbp]
        mov     rcx, END
        cmp     rax, rcx
        je      .wrong
        cmp     rax, rbx
        je      .right
        add     rbp, 8
        jmp     .next
.wrong:
        inc     qword [failures]
        lea     rsi, [text_wrong]
        call    puts
.right:
        lea     rsi, [text_newline]
        call    puts
        pop     rbp
        pop     rbx
        ret

put_answer:
        push    rbx
        mov     rbx, rax
        cmp     rbx, 0x10000
        jl      .number
        cmp     rbx, 0x100ff
        jg      .number
        lea     rsi, [text_fault]
        call    puts
        sub     rbx, 0x10000
.number:
        test    rbx, rbx
        jns     .positive
        mov     al, '-'
        call    putc
        neg     rbx
.positive:
        mov     rax, rbx
        pop     rbx
put_decimal:
        push    rbx
        push    rbp
        mov     rbp, rsp
        sub     rsp, 32
        mov     rbx, rbp
        mov     ecx, 10
.digit:
        xor     edx, edx
        div     rcx
        add     dl, '0'
        dec     rbx
        mov     [rbx], dl
        test    rax, rax
        jnz     .digit
.out:
        mov     al, [rbx]
        call    putc
        inc     rbx
        cmp     rbx, rbp
        jb      .out
        mov     rsp, rbp
        pop     rbp
        pop     rbx
        ret

puts:
        push    rbx
        mov     rbx, rsi
.next:
        mov     al, [rbx]
        test    al, al
        jz      notify
        inc     rbx
        call    putc
        jmp     .next
notify:
        mov     eax, [console_port]
        mov     [send], eax
        mov     edi, 4
        lea     rsi, [send]
        call    hypercall_page + 32 * 32
        pop     rbx
        ret

putc:
        mov     rdi, [console]
        mov     ecx, [rdi + CONS_out_prod]
        mov     edx, ecx
        sub     edx, [rdi + CONS_out_cons]
        cmp     edx, 2048
        jae     .full
        mov     edx, ecx
        and     edx, 2047
        mov     [rdi + rdx + CONS_out], al
        inc     ecx
        mov     [rdi + CONS_out_prod], ecx
        ret
.full:
        push    rax
        push    rbx
        call    .tell
        xor     edi, edi                        ; SCHEDOP_yield
        xor     esi, esi
        call    hypercall_page + 29 * 32
        pop     rax
        jmp     putc
.tell:
        pop     rax
        pop     rbx
        push    rax
        push    rbx
        jmp     notify

; The frame says where it happened; we go on where the attempt ends.
trapped:
        push    rax
        mov     rax, [resume]
        mov     [rsp + 8], rax
        mov     qword [rsp + 16], 0xe033
        pop     rax
        iretq
${VECTORS.map(handler).join("\n")}

section .data
trap_table:
${VECTORS.map(trapEntry).join("\n")}
        dq 0, 0
text_title:   db "--- red team: what is not ours ---", 10, 0
text_wrong:   db "   (!)", 0
text_newline: db 10, 0
text_fault:   db "fault ", 0
text_success: db "Test result: SUCCESS", 10, 0
text_failure: db "Test result: FAILURE", 10, 0
${ATTEMPTS.map(attemptData).join("\n")}
${RACE.data}

section .bss
fault:        resq 1
resume:       resq 1
failures:     resq 1
console:      resq 1
pt_base:      resq 1
p2m:          resq 1
nr_pages:     resq 1
xen_mfn:      resq 1
dom0_mfn:     resq 1
other_mfn:    resq 1
spare_mfn:    resq 1
window_mfn:   resq 1
l4_mfn:       resq 1
l3_mfn:       resq 1
l1_mfn:       resq 1
l1e_machine:  resq 1
l2e_machine:  resq 1
l3e_machine:  resq 1
l4e_machine:  resq 1
xen_slot_machine: resq 1
pointer:      resq 1
extent:       resq 1
extent2:      resq 1
console_port: resd 1
send:         resd 1
${RACE.variables}
align 4096
hypercall_page: resb 4096
spare:          resb 4096
window:         resb 4096
args:           resb 4096
${RACE.pages}
`;
