; hello: the guest that xlab brings along. A 64-bit paravirtual kernel that does what every guest does at its start, in
; order: traps and callbacks, shared_info, console ring, xenstore ring, timer; then talks to whoever is at its console.
;
; It ends by itself when its ticks are counted and nobody is at the console: Xen does not tell a guest whether a terminal
; is there, so the console's back end writes `console/attached` into the guest's part of xenstore while one is. Without
; that node (on a real Xen) the word `stay` on the command line keeps it:
;
;   ticks=N   count N ticks of the timer (5)      ms=N   of N milliseconds each (200)      stay   wait for `exit`
;   end=N     end with this SHUTDOWN_ reason (0: poweroff)      watchdog=N   arm Xen's watchdog with N seconds, never pat it
;
; Assembled by asm/assemble.ts. Functions keep rbx, rbp, r12 to r15; hypercalls destroy rax, rcx, r11 and their arguments.

VIRT_BASE               equ 0xffffffff80000000  ; where pfn 0 is mapped: as in Linux, so that names fit 32 bits

org VIRT_BASE

note GUEST_OS,       "hello"
note GUEST_VERSION,  "1"
note XEN_VERSION,    "xen-3.0"
note LOADER,         "generic"
note VIRT_BASE,      VIRT_BASE
note PADDR_OFFSET,   0
note ENTRY,          start
note HYPERCALL_PAGE, hypercall_page
note FEATURES,       "!writable_page_tables|pae_pgdir_above_4gb"
note PAE_MODE,       "yes"

; public/xen.h: hypercalls, each a stub of 32 bytes in the page that the domain builder fills
set_trap_table          equ hypercall_page +  0 * 32
set_callbacks           equ hypercall_page +  4 * 32
update_va_mapping       equ hypercall_page + 14 * 32
set_timer_op            equ hypercall_page + 15 * 32
xen_version             equ hypercall_page + 17 * 32
console_io              equ hypercall_page + 18 * 32
iret                    equ hypercall_page + 23 * 32
vcpu_op                 equ hypercall_page + 24 * 32
sched_op                equ hypercall_page + 29 * 32
event_channel_op        equ hypercall_page + 32 * 32

XENVER_version          equ 0
XENVER_extraversion     equ 1
CONSOLEIO_write         equ 0
VCPUOP_is_up            equ 3
VCPUOP_stop_periodic    equ 7
SCHEDOP_block           equ 1
SCHEDOP_shutdown        equ 2
SCHEDOP_watchdog        equ 6
SHUTDOWN_crash          equ 3
EVTCHNOP_bind_virq      equ 1
EVTCHNOP_send           equ 4
VIRQ_TIMER              equ 0
UVMF_INVLPG             equ 2
PTE_PRESENT_RW          equ 3
MACH2PHYS_VIRT_START    equ 0xffff800000000000
FLAT_KERNEL_CS          equ 0xe033

; start_info
SI_nr_pages             equ 0x20
SI_shared_info          equ 0x28
SI_store_mfn            equ 0x38
SI_store_evtchn         equ 0x40
SI_console_mfn          equ 0x48
SI_console_evtchn       equ 0x50
SI_cmd_line             equ 0x80

; shared_info: vCPU 0's vcpu_info stands first
upcall_pending          equ shared_info + 0
upcall_mask             equ shared_info + 1
pending_sel             equ shared_info + 8
time_version            equ shared_info + 32
time_tsc                equ shared_info + 40
time_system             equ shared_info + 48
time_mul                equ shared_info + 56
time_shift              equ shared_info + 60
evtchn_pending          equ shared_info + 0x800
evtchn_mask             equ shared_info + 0xa00

; xencons_interface (io/console.h), offsets in its page
CONS_in                 equ 0
CONS_out                equ 0x400
CONS_in_cons            equ 0xc00
CONS_in_prod            equ 0xc04
CONS_out_cons           equ 0xc08
CONS_out_prod           equ 0xc0c
CONS_in_size            equ 1024
CONS_out_size           equ 2048

; xenstore_domain_interface (io/xs_wire.h), and a message's header
XS_req                  equ 0
XS_rsp                  equ 0x400
XS_req_cons             equ 0x800
XS_req_prod             equ 0x804
XS_rsp_cons             equ 0x808
XS_rsp_prod             equ 0x80c
XS_ring_size            equ 1024
XS_READ                 equ 2
XS_ERROR                equ 16
MSG_type                equ 0
MSG_req_id              equ 4
MSG_tx_id               equ 8
MSG_len                 equ 12
MSG_size                equ 16

LINE_MAX                equ 256
VALUE_MAX               equ 128
MAX_TICKS               equ 1000
MAX_MS                  equ 10000

entry start

; ---------------------------------------------------------------------------------------------------- start of day
section .text

; rsi: start_info. Stack: one page, ours. Events are masked, no callback is known to Xen.
start:
        cld
        mov     rbx, rsi                        ; rbx stays start_info in all of this function

        lea     rdi, [trap_table]
        call    set_trap_table
        lea     rdi, [event_callback]
        lea     rsi, [failsafe_callback]
        xor     edx, edx                        ; no user mode, so no system calls
        call    set_callbacks

        mov     rdi, shared_info                ; our page there gives way to the shared one
        mov     rsi, [rbx + SI_shared_info]     ; a machine address
        or      rsi, PTE_PRESENT_RW
        mov     edx, UVMF_INVLPG
        call    update_va_mapping
        test    rax, rax
        jnz     crash

        mov     rdi, [rbx + SI_console_mfn]
        call    mfn_to_virt
        mov     [console], rax
        mov     rdi, [rbx + SI_store_mfn]
        call    mfn_to_virt
        mov     [store], rax
        mov     eax, [rbx + SI_console_evtchn]
        mov     [console_port], eax
        call    bit_of
        mov     [console_bit], rax
        mov     eax, [rbx + SI_store_evtchn]
        mov     [store_port], eax
        call    bit_of
        mov     [store_bit], rax

        mov     edi, VCPUOP_stop_periodic       ; a PV vCPU is born with 100 ticks a second
        xor     esi, esi
        xor     edx, edx
        call    vcpu_op
        mov     edi, EVTCHNOP_bind_virq
        lea     rsi, [bind_virq]
        call    event_channel_op
        test    rax, rax
        jnz     crash
        mov     eax, [bind_virq.port]
        call    bit_of
        mov     [timer_bit], rax

        mov     byte [upcall_mask], 0           ; from here on event_callback may run between any two instructions

        call    parse_cmd_line
        cmp     dword [watchdog.timeout], 0
        je      .unwatched
        mov     edi, SCHEDOP_watchdog
        lea     rsi, [watchdog]
        call    sched_op
        test    rax, rax
        jle     crash                           ; the answer is the watchdog's id
.unwatched:
        call    introduce
        call    count_ticks
        jmp     converse

; rdi: machine frame. Answers rax: where it is mapped, by way of Xen's machine-to-physical table.
mfn_to_virt:
        mov     rax, MACH2PHYS_VIRT_START
        mov     rax, [rax + rdi * 8]
        shl     rax, 12
        add     rax, VIRT_BASE
        ret

; eax: event channel port below 64. Answers rax: its bit in the first word.
bit_of:
        mov     ecx, eax
        mov     eax, 1
        shl     rax, cl
        ret

; ------------------------------------------------------------------------------------------- events, traps, sleeping

; Xen enters here with events masked. Stack from the top: rcx, r11, rip, cs, rflags, rsp, ss.
event_callback:
        push    rax
        push    rdx
        push    r8
        mov     byte [upcall_pending], 0
        xor     eax, eax
        xchg    [pending_sel], rax              ; words of the bitmap that have news
.word:
        bsf     rdx, rax
        jz      .done
        btr     rax, rdx
        mov     r8, [evtchn_mask + rdx * 8]
        not     r8
        and     r8, [evtchn_pending + rdx * 8]
        test    rdx, rdx
        jnz     .clear                          ; our three ports are all in word 0
        or      [happened], r8
.clear:
        not     r8
        lock and [evtchn_pending + rdx * 8], r8
        jmp     .word
.done:
        pop     r8
        pop     rdx
        pop     rax
        pop     rcx
        pop     r11
        push    0                               ; iret's flags: restore rcx and r11 too
        jmp     iret                            ; unmasks and returns in one

failsafe_callback:                              ; a bad segment register, which nobody here loads
        jmp     crash

; Sleeps until one of the events in rdi has happened. Answers rax: which; they are forgotten.
wait_for:
        mov     byte [upcall_mask], 1           ; nothing may come between looking and sleeping
        mov     rax, [happened]
        and     rax, rdi
        jnz     .got
        push    rdi
        mov     edi, SCHEDOP_block              ; unmasks, and returns at once if something is pending
        xor     esi, esi
        call    sched_op
        pop     rdi
        jmp     wait_for
.got:
        xor     [happened], rax
        mov     byte [upcall_mask], 0
        push    rax
        mov     edi, XENVER_version             ; what came while masked is delivered when a hypercall returns
        xor     esi, esi
        call    xen_version
        pop     rax
        ret

; esi: port
notify:
        mov     [send_port], esi
        mov     edi, EVTCHNOP_send
        lea     rsi, [send_port]
        jmp     event_channel_op

; Traps mean that hello is broken: say where, and crash. On entry the stack has rcx, r11, (error code,) rip.
trap_divide:
        mov     r12d, 0
        mov     r13, [rsp + 16]
        jmp     trap
trap_opcode:
        mov     r12d, 6
        mov     r13, [rsp + 16]
        jmp     trap
trap_double:
        mov     r12d, 8
        mov     r13, [rsp + 24]
        jmp     trap
trap_segment:
        mov     r12d, 11
        mov     r13, [rsp + 24]
        jmp     trap
trap_stack:
        mov     r12d, 12
        mov     r13, [rsp + 24]
        jmp     trap
trap_protection:
        mov     r12d, 13
        mov     r13, [rsp + 24]
        jmp     trap
trap_page:
        mov     r12d, 14
        mov     r13, [rsp + 24]
trap:                                           ; r12d: vector, r13: rip
        cmp     qword [console], 0
        je      crash
        lea     rsi, [text_trap]
        call    puts
        mov     eax, r12d
        call    put_decimal
        lea     rsi, [text_at]
        call    puts
        mov     rax, r13
        call    put_hex
        call    newline
crash:
        mov     edi, CONSOLEIO_write            ; for `xl dmesg`
        mov     esi, text_crash.length
        lea     rdx, [text_crash]
        call    console_io
        mov     dword [reason], SHUTDOWN_crash
        jmp     shut_down

power_off:
        mov     eax, [end_reason]
        mov     [reason], eax
shut_down:
        mov     edi, SCHEDOP_shutdown
        lea     rsi, [reason]
        call    sched_op
        jmp     shut_down

; -------------------------------------------------------------------------------------------------------------- time

; Answers rax: nanoseconds of system time, from the time stamp counter and what Xen says about it (vcpu_time_info).
clock:
        mov     r8d, [time_version]
        test    r8d, 1
        jnz     .busy                           ; Xen is writing
        rdtsc
        shl     rdx, 32
        or      rax, rdx
        sub     rax, [time_tsc]
        movsx   ecx, byte [time_shift]
        test    ecx, ecx
        js      .right
        shl     rax, cl
        jmp     .scale
.right: neg     ecx
        shr     rax, cl
.scale: mov     edx, [time_mul]
        mul     rdx
        shrd    rax, rdx, 32
        add     rax, [time_system]
        cmp     r8d, [time_version]
        jne     clock
        ret
.busy:  pause
        jmp     clock

; Asks for the next tick, one interval after the last.
next_tick:
        mov     rdi, [deadline]
        add     rdi, [interval]
        mov     [deadline], rdi
        jmp     set_timer_op

; Counts [ticks] ticks of the timer aloud.
count_ticks:
        push    rbx
        call    clock
        mov     [deadline], rax
        xor     ebx, ebx
        cmp     dword [ticks], 0
        je      .done
        lea     rsi, [text_ticks]
        call    puts
.next:
        call    next_tick
        mov     rdi, [timer_bit]
        call    wait_for
        inc     ebx
        lea     rsi, [text_tick]
        call    puts
        mov     eax, ebx
        call    put_decimal
        lea     rsi, [text_at]
        call    puts
        call    clock
        call    put_seconds
        call    newline
        cmp     ebx, [ticks]
        jb      .next
.done:
        pop     rbx
        ret

; ----------------------------------------------------------------------------------------------------- introduction

introduce:
        push    rbx
        push    rbp
        lea     rdi, [path_name]
        call    store_read
        lea     rsi, [text_hello]
        call    puts
        lea     rsi, [value]
        call    puts
        lea     rsi, [text_started]
        call    puts
        mov     edi, XENVER_version
        xor     esi, esi
        call    xen_version
        mov     ebx, eax
        shr     eax, 16
        call    put_decimal
        mov     al, '.'
        call    putc
        movzx   eax, bx
        call    put_decimal
        mov     edi, XENVER_extraversion
        lea     rsi, [value]
        call    xen_version
        lea     rsi, [value]
        call    puts
        lea     rsi, [text_stop]
        call    puts

        lea     rdi, [path_domid]
        call    store_read
        lea     rsi, [text_domain]
        call    puts
        lea     rsi, [value]
        call    puts
        call    newline

        lea     rsi, [text_memory]
        call    puts
        mov     rax, [start_info_pages]
        call    put_decimal
        lea     rsi, [text_pages]
        call    puts
        mov     rax, [start_info_pages]
        shr     rax, 8
        call    put_decimal
        lea     rsi, [text_mib]
        call    puts

        xor     ebx, ebx                        ; vCPUs there are
        xor     ebp, ebp                        ; vCPUs that run
.vcpu:
        mov     edi, VCPUOP_is_up
        mov     esi, ebx
        xor     edx, edx
        call    vcpu_op
        test    rax, rax
        js      .counted
        add     ebp, eax
        inc     ebx
        jmp     .vcpu
.counted:
        lea     rsi, [text_vcpus]
        call    puts
        mov     eax, ebp
        call    put_decimal
        lea     rsi, [text_of]
        call    puts
        mov     eax, ebx
        call    put_decimal
        call    newline
        pop     rbp
        pop     rbx
        ret

; Reads our words from the command line at start_info, rbx.
parse_cmd_line:
        mov     rax, [rbx + SI_nr_pages]
        mov     [start_info_pages], rax
        lea     rsi, [rbx + SI_cmd_line]
.space:
        cmp     byte [rsi], ' '
        jne     .word
        inc     rsi
        jmp     .space
.word:
        cmp     byte [rsi], 0
        je      .done
        lea     rdi, [word_ticks]
        call    skip_prefix
        jne     .not_ticks
        call    parse_decimal
        mov     ecx, MAX_TICKS
        cmp     eax, ecx
        cmova   eax, ecx
        mov     [ticks], eax
.not_ticks:
        lea     rdi, [word_ms]
        call    skip_prefix
        jne     .not_ms
        call    parse_decimal
        mov     ecx, MAX_MS
        cmp     eax, ecx
        cmova   eax, ecx
        mov     ecx, 1
        test    eax, eax
        cmovz   eax, ecx
        imul    rax, rax, 1000000
        mov     [interval], rax
.not_ms:
        lea     rdi, [word_end]
        call    skip_prefix
        jne     .not_end
        call    parse_decimal
        mov     [end_reason], eax
.not_end:
        lea     rdi, [word_watchdog]
        call    skip_prefix
        jne     .not_watchdog
        call    parse_decimal
        mov     [watchdog.timeout], eax
.not_watchdog:
        lea     rdi, [word_stay]
        call    skip_prefix
        jne     .skip
        cmp     byte [rsi], ' '
        ja      .skip
        mov     byte [stay], 1
.skip:
        cmp     byte [rsi], ' '
        jbe     .space_or_end
        inc     rsi
        jmp     .skip
.space_or_end:
        cmp     byte [rsi], 0
        je      .done
        inc     rsi
        jmp     .space
.done:
        ret

; If the text at rsi begins with the one at rdi: equal, and rsi behind it. Else rsi stays.
skip_prefix:
        push    rsi
.next:
        mov     al, [rdi]
        test    al, al
        jz      .yes
        cmp     al, [rsi]
        jne     .no
        inc     rsi
        inc     rdi
        jmp     .next
.yes:
        add     rsp, 8
        xor     eax, eax                        ; equal
        ret
.no:
        pop     rsi                             ; leaves the flags of cmp
        ret

; Digits at rsi: rsi behind them, eax their number, at most about 2^31.
parse_decimal:
        xor     eax, eax
.next:
        movzx   ecx, byte [rsi]
        sub     ecx, '0'
        cmp     ecx, 9
        ja      .done
        inc     rsi
        cmp     eax, 200000000
        ja      .next
        imul    eax, eax, 10
        add     eax, ecx
        jmp     .next
.done:
        ret

; ------------------------------------------------------------------------------------------------------ conversation

; Echoes lines until `exit`; without a terminal, until nothing more is said for a tick.
converse:
        cmp     byte [stay], 0
        jne     .prompt
        lea     rdi, [path_attached]
        call    store_read
        test    eax, eax
        js      .prompt                         ; no such node: nobody tells
        cmp     byte [value], '0'
        setne   [stay]                          ; how many terminals; empty counts as none
        cmp     byte [value], 0
        jne     .prompt
        mov     byte [stay], 0
.prompt:
        lea     rsi, [text_prompt]
        call    puts
        cmp     byte [stay], 0
        jne     .stays
.until_quiet:
        call    read_input
        test    eax, eax
        jz      .alone
        call    clock
        mov     [deadline], rax
        call    next_tick
        mov     rdi, [timer_bit]
        call    wait_for
        jmp     .until_quiet
.alone:
        lea     rsi, [text_alone]
        call    puts
        jmp     power_off
.stays:
        call    read_input
        cmp     byte [look_again], 0
        mov     byte [look_again], 0
        jne     .stays
        mov     rdi, [console_bit]
        call    wait_for
        jmp     .stays

; Takes all that was typed. Answers eax: how many bytes.
read_input:
        push    rbx
        push    rbp
        xor     ebp, ebp
.next:
        mov     rbx, [console]
        mov     ecx, [rbx + CONS_in_cons]
        cmp     ecx, [rbx + CONS_in_prod]
        je      .done
        inc     ebp
        mov     edx, ecx
        and     edx, CONS_in_size - 1
        mov     al, [rbx + rdx + CONS_in]
        inc     ecx
        mov     [rbx + CONS_in_cons], ecx
        call    typed
        jmp     .next
.done:
        test    ebp, ebp
        jz      .none
        mov     esi, [console_port]             ; there is room again, and an echo to show
        call    notify
.none:
        mov     eax, ebp
        pop     rbp
        pop     rbx
        ret

; One byte, al, from the console.
typed:
        cmp     al, 10
        je      .line_feed
        mov     byte [after_return], 0
        cmp     al, 13
        je      .return
        cmp     al, 127
        je      .erase
        cmp     al, 8
        je      .erase
        cmp     al, 32
        jb      .ignore                         ; other control characters
        mov     ecx, [line_length]
        cmp     ecx, LINE_MAX - 1
        jae     .ignore                         ; a full line takes no more
        mov     [line + rcx], al
        inc     ecx
        mov     [line_length], ecx
        jmp     putc
.ignore:
        ret
.erase:
        cmp     dword [line_length], 0
        je      .ignore
        dec     dword [line_length]
        lea     rsi, [text_erase]
        jmp     puts_quietly
.line_feed:
        cmp     byte [after_return], 0          ; of a pair: done with
        mov     byte [after_return], 0
        jne     .ignore
        jmp     end_of_line
.return:
        mov     byte [after_return], 1
        jmp     end_of_line

end_of_line:
        call    newline
        mov     ecx, [line_length]
        mov     byte [line + rcx], 0
        mov     dword [line_length], 0
        test    ecx, ecx
        jz      .again
        cmp     ecx, 4
        jne     .echo
        cmp     dword [line], 0x74697865        ; "exit"
        jne     .echo
        lea     rsi, [text_bye]
        call    puts
        jmp     power_off
.echo:
        lea     rsi, [text_said]
        call    puts
        lea     rsi, [line]
        call    puts
        call    newline
.again:
        lea     rsi, [text_ready]
        jmp     puts

; --------------------------------------------------------------------------------------------------------- xenstore

; Reads the node whose path, relative to our own, is at rdi, into `value`. Answers eax: its length; negative: there is
; none, and `value` holds the error's name.
store_read:
        push    rbx
        push    rbp
        push    r12
        mov     rbp, rdi
        xor     ecx, ecx
.length:
        inc     ecx
        cmp     byte [rdi + rcx - 1], 0
        jne     .length
        mov     ebx, ecx                        ; with its NUL

        mov     dword [message + MSG_type], XS_READ
        inc     dword [message_id]
        mov     eax, [message_id]
        mov     [message + MSG_req_id], eax
        mov     dword [message + MSG_tx_id], 0
        mov     [message + MSG_len], ebx
        lea     rsi, [message]
        mov     ecx, MSG_size
        call    store_put
        mov     rsi, rbp
        mov     ecx, ebx
        call    store_put
        mov     esi, [store_port]
        call    notify

        lea     rdi, [message]
        mov     ecx, MSG_size
        call    store_get
        mov     ebx, [message + MSG_len]
        mov     ebp, VALUE_MAX - 1
        cmp     ebx, ebp
        cmovb   ebp, ebx                        ; what fits
        lea     rdi, [value]
        mov     ecx, ebp
        call    store_get
        mov     ecx, ebp
        mov     byte [value + rcx], 0
        sub     ebx, ebp
.rest:
        test    ebx, ebx
        jz      .whole
        lea     rdi, [spill]
        mov     ecx, 1
        call    store_get
        dec     ebx
        jmp     .rest
.whole:
        mov     esi, [store_port]               ; its ring has room again
        call    notify
        mov     eax, ebp
        mov     ecx, -1
        cmp     dword [message + MSG_type], XS_ERROR
        cmove   eax, ecx
        pop     r12
        pop     rbp
        pop     rbx
        ret

; Puts ecx bytes from rsi into the request ring.
store_put:
        push    rbx
        push    rbp
        push    r12
        mov     rbp, rsi
        mov     r12d, ecx
        mov     rbx, [store]
.next:
        test    r12d, r12d
        jz      .done
        mov     ecx, [rbx + XS_req_prod]
        mov     edx, ecx
        sub     edx, [rbx + XS_req_cons]
        cmp     edx, XS_ring_size
        jae     .full
        mov     edx, ecx
        and     edx, XS_ring_size - 1
        mov     al, [rbp]
        mov     [rbx + rdx + XS_req], al
        inc     ecx
        mov     [rbx + XS_req_prod], ecx
        inc     rbp
        dec     r12d
        jmp     .next
.full:
        mov     esi, [store_port]
        call    notify
        mov     rdi, [store_bit]
        call    wait_for
        jmp     .next
.done:
        pop     r12
        pop     rbp
        pop     rbx
        ret

; Gets ecx bytes of the response ring to rdi.
store_get:
        push    rbx
        push    rbp
        push    r12
        mov     rbp, rdi
        mov     r12d, ecx
        mov     rbx, [store]
.next:
        test    r12d, r12d
        jz      .done
        mov     ecx, [rbx + XS_rsp_cons]
        cmp     ecx, [rbx + XS_rsp_prod]
        je      .empty
        mov     edx, ecx
        and     edx, XS_ring_size - 1
        mov     al, [rbx + rdx + XS_rsp]
        mov     [rbp], al
        inc     ecx
        mov     [rbx + XS_rsp_cons], ecx
        inc     rbp
        dec     r12d
        jmp     .next
.empty:
        mov     esi, [store_port]
        call    notify
        mov     rdi, [store_bit]
        call    wait_for
        jmp     .next
.done:
        pop     r12
        pop     rbp
        pop     rbx
        ret

; ---------------------------------------------------------------------------------------------------------- printing

; The text at rsi, up to its NUL; then the console is told.
puts:
        call    puts_quietly
        mov     esi, [console_port]
        jmp     notify

puts_quietly:
        push    rbx
        mov     rbx, rsi
.next:
        mov     al, [rbx]
        test    al, al
        jz      .done
        inc     rbx
        call    putc
        jmp     .next
.done:
        pop     rbx
        ret

newline:
        lea     rsi, [text_newline]
        jmp     puts

; al into the console's ring; sleeps while it is full.
putc:
        mov     rdi, [console]
        mov     ecx, [rdi + CONS_out_prod]
        mov     edx, ecx
        sub     edx, [rdi + CONS_out_cons]
        cmp     edx, CONS_out_size
        jae     .full
        mov     edx, ecx
        and     edx, CONS_out_size - 1
        mov     [rdi + rdx + CONS_out], al
        inc     ecx
        mov     [rdi + CONS_out_prod], ecx
        ret
.full:
        push    rax
        mov     esi, [console_port]
        call    notify
        mov     rdi, [console_bit]
        call    wait_for
        mov     byte [look_again], 1            ; the event may have meant input as well
        pop     rax
        jmp     putc

; rax in decimal digits
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

; rax as 0x and sixteen digits
put_hex:
        push    rbx
        push    rbp
        mov     rbx, rax
        mov     ebp, 16
        mov     al, '0'
        call    putc
        mov     al, 'x'
        call    putc
.digit:
        rol     rbx, 4
        mov     eax, ebx
        and     eax, 15
        lea     rdx, [hex_digits]
        mov     al, [rdx + rax]
        call    putc
        dec     ebp
        jnz     .digit
        pop     rbp
        pop     rbx
        ret

; rax nanoseconds, as seconds with three digits behind the point
put_seconds:
        push    rbx
        mov     ecx, 1000000
        xor     edx, edx
        div     rcx                             ; milliseconds
        mov     ecx, 1000
        xor     edx, edx
        div     rcx
        mov     ebx, edx
        call    put_decimal
        mov     al, '.'
        call    putc
        mov     eax, ebx
        mov     ecx, 100
        xor     edx, edx
        div     ecx
        mov     ebx, edx
        call    put_decimal
        mov     eax, ebx
        mov     ecx, 10
        xor     edx, edx
        div     ecx
        mov     ebx, edx
        call    put_decimal
        mov     eax, ebx
        call    put_decimal
        lea     rsi, [text_seconds]
        pop     rbx
        jmp     puts_quietly

; -------------------------------------------------------------------------------------------------------------- data
section .data

align 8
; trap_info: vector, flags (bit 2: mask events), selector, address; ends with address 0
trap_table:
        db      0, 4
        dw      FLAT_KERNEL_CS
        dd      0
        dq      trap_divide
        db      6, 4
        dw      FLAT_KERNEL_CS
        dd      0
        dq      trap_opcode
        db      8, 4
        dw      FLAT_KERNEL_CS
        dd      0
        dq      trap_double
        db      11, 4
        dw      FLAT_KERNEL_CS
        dd      0
        dq      trap_segment
        db      12, 4
        dw      FLAT_KERNEL_CS
        dd      0
        dq      trap_stack
        db      13, 4
        dw      FLAT_KERNEL_CS
        dd      0
        dq      trap_protection
        db      14, 4
        dw      FLAT_KERNEL_CS
        dd      0
        dq      trap_page
        dq      0, 0

interval:       dq      200 * 1000000           ; nanoseconds
ticks:          dd      5
end_reason:     dd      0                       ; SHUTDOWN_*
watchdog:       dd      0                       ; sched_watchdog: IN id, 0 for a new one
.timeout:       dd      0                       ; IN seconds
bind_virq:      dd      VIRQ_TIMER, 0           ; IN virq, IN vcpu, OUT port
.port:          dd      0

path_name:      db      "name\0"
path_domid:     db      "domid\0"
path_attached:  db      "console/attached\0"
word_ticks:     db      "ticks=\0"
word_ms:        db      "ms=\0"
word_stay:      db      "stay\0"
word_end:       db      "end=\0"
word_watchdog:  db      "watchdog=\0"
hex_digits:     db      "0123456789abcdef"

text_hello:     db      "Hello! I am \"\0"
text_started:   db      "\", a small paravirtual guest, started by Xen \0"
text_stop:      db      ".\r\n\0"
text_domain:    db      "  domain    \0"
text_memory:    db      "  memory    \0"
text_pages:     db      " pages, \0"
text_mib:       db      " MiB\r\n\0"
text_vcpus:     db      "  vCPUs     \0"
text_of:        db      " up, of \0"
text_ticks:     db      "My timer ticks; the clock counts from the machine's power-on.\r\n\0"
text_tick:      db      "  tick \0"
text_at:        db      " at \0"
text_seconds:   db      " s\0"
text_prompt:    db      "Say something. `exit` powers off, Ctrl-] leaves.\r\n> \0"
text_ready:     db      "> \0"
text_said:      db      "You said: \0"
text_erase:     db      "\b \b\0"
text_alone:     db      "\r\nNo terminal is attached, so this was all. (extra = \"stay\" keeps me.)\r\n\0"
text_bye:       db      "Good-bye.\r\n\0"
text_newline:   db      "\r\n\0"
text_trap:      db      "\r\nhello: unexpected trap \0"
text_crash:     db      "hello: cannot go on\n"
.length         equ     $ - text_crash

section .bss

hypercall_page: resb    4096                    ; first: .bss begins on a page
shared_info:    resb    4096
console:        resq    1                       ; where the rings are mapped
store:          resq    1
console_bit:    resq    1
store_bit:      resq    1
timer_bit:      resq    1
happened:       resq    1                       ; events that event_callback saw, by port
deadline:       resq    1
start_info_pages: resq  1
console_port:   resd    1
store_port:     resd    1
send_port:      resd    1
reason:         resd    1
line_length:    resd    1
message_id:     resd    1
message:        resb    MSG_size
stay:           resb    1
look_again:     resb    1
after_return:   resb    1
spill:          resb    1
line:           resb    LINE_MAX
align 16
value:          resb    VALUE_MAX               ; of xenstore; XENVER_extraversion writes 16 bytes
