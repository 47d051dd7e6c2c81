/*
 * A stub domain in C: no library, no device but the console. Says what Xen told it, and ends.
 * The structures are those of Xen's public headers, as far as they are used here.
 */
typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long u64;

/* struct start_info, public/xen.h */
struct start_info {
	char magic[32];
	u64 nr_pages;
	u64 shared_info;
	u32 flags;
	u64 store_mfn;
	u32 store_evtchn;
	u64 console_mfn;
	u32 console_evtchn;
	u64 pt_base;
	u64 nr_pt_frames;
	u64 mfn_list;
	u64 mod_start;
	u64 mod_len;
	char cmd_line[1024];
};

/* struct xencons_interface, public/io/console.h */
struct console {
	char in[1024];
	char out[2048];
	volatile u32 in_cons, in_prod, out_cons, out_prod;
};

#define VIRT_BASE 0xffffffff80000000UL
/* Which pfn each machine frame is: Xen maps the table for every guest. */
#define MACH2PHYS ((const u64 *)0xffff800000000000UL)

#define HYPERVISOR_sched_op 29
#define HYPERVISOR_event_channel_op 32
#define SCHEDOP_yield 0
#define SCHEDOP_shutdown 2
#define SHUTDOWN_poweroff 0
#define EVTCHNOP_send 4

extern u8 hypercall_page[];

static long hypercall2(int number, u64 a, void *b)
{
	long result;
	void *entry = hypercall_page + number * 32;
	__asm__ volatile("call *%[entry]"
			 : "=a"(result), "+D"(a), "+S"(b)
			 : [entry] "r"(entry)
			 : "rcx", "r11", "rdx", "r8", "r9", "r10", "memory");
	return result;
}

static struct console *console;
static u32 console_port;

static void put(char c)
{
	while (console->out_prod - console->out_cons >= sizeof(console->out)) {
		hypercall2(HYPERVISOR_event_channel_op, EVTCHNOP_send, &console_port);
		hypercall2(HYPERVISOR_sched_op, SCHEDOP_yield, 0);
	}
	console->out[console->out_prod % sizeof(console->out)] = c;
	__asm__ volatile("" ::: "memory");
	console->out_prod++;
}

static void print(const char *text)
{
	for (; *text; text++) {
		if (*text == '\n')
			put('\r');
		put(*text);
	}
	hypercall2(HYPERVISOR_event_channel_op, EVTCHNOP_send, &console_port);
}

static void print_number(u64 n)
{
	char digits[21];
	int at = 20;
	digits[at] = 0;
	do
		digits[--at] = '0' + n % 10;
	while (n /= 10);
	print(digits + at);
}

void c_main(struct start_info *start)
{
	u32 reason = SHUTDOWN_poweroff;

	console = (struct console *)(VIRT_BASE + MACH2PHYS[start->console_mfn] * 4096);
	console_port = start->console_evtchn;
	print("Hello from C, on ");
	print(start->magic);
	print(".\nI have ");
	print_number(start->nr_pages);
	print(" pages, and my arguments are: ");
	print(start->cmd_line);
	print("\n");
	hypercall2(HYPERVISOR_sched_op, SCHEDOP_shutdown, &reason);
}
