/* printf without libc: variable arguments of every kind, numbers to text and back. */
#include "program.h"

static void put_char(char c) { put(&c, 1); }

static void put_number(u64 v, unsigned base, int width, char pad, int negative, int upper)
{
	char text[72];
	int n = 0;
	do
		text[n++] = (upper ? "0123456789ABCDEF" : "0123456789abcdef")[v % base];
	while (v /= base);
	if (negative && pad == '0')
		put_char('-'), width--;
	else if (negative)
		text[n++] = '-';
	while (width-- > n)
		put_char(pad);
	while (n--)
		put_char(text[n]);
}

static void put_real(double v, int digits)
{
	double scale = 1;
	if (v < 0)
		put_char('-'), v = -v;
	for (int i = 0; i < digits; i++)
		scale *= 10;
	u64 whole = (u64)v, part = (u64)((v - (double)whole) * scale + 0.5);
	if (part >= (u64)scale)
		whole++, part -= (u64)scale;
	put_number(whole, 10, 0, ' ', 0, 0);
	put_char('.');
	put_number(part, 10, digits, '0', 0, 0);
}

__attribute__((noinline, format(printf, 1, 2))) static void print(const char *f, ...)
{
	va_list ap;
	va_start(ap, f);
	for (; *f; f++) {
		if (*f != '%') {
			put_char(*f);
			continue;
		}
		char pad = ' ';
		int width = 0, wide = 0, digits = 6;
		if (*++f == '0')
			pad = '0', f++;
		while (*f >= '0' && *f <= '9')
			width = width * 10 + *f++ - '0';
		if (*f == '.')
			for (digits = 0, f++; *f >= '0' && *f <= '9';)
				digits = digits * 10 + *f++ - '0';
		while (*f == 'l')
			wide++, f++;
		switch (*f) {
		case 'd': {
			s64 v = wide ? va_arg(ap, s64) : va_arg(ap, int);
			put_number(v < 0 ? -(u64)v : (u64)v, 10, width, pad, v < 0, 0);
			break;
		}
		case 'u': put_number(wide ? va_arg(ap, u64) : va_arg(ap, u32), 10, width, pad, 0, 0); break;
		case 'x': put_number(wide ? va_arg(ap, u64) : va_arg(ap, u32), 16, width, pad, 0, 0); break;
		case 'X': put_number(wide ? va_arg(ap, u64) : va_arg(ap, u32), 16, width, pad, 0, 1); break;
		case 'o': put_number(va_arg(ap, u32), 8, width, pad, 0, 0); break;
		case 'c': put_char(va_arg(ap, int)); break;
		case 'f': put_real(va_arg(ap, double), digits); break;
		case 's': {
			const char *s = va_arg(ap, const char *);
			int n = (int)strlen(s);
			while (width-- > n)
				put_char(' ');
			put(s, n);
			break;
		}
		default: put_char(*f);
		}
	}
	va_end(ap);
}

static double parse(const char *s)
{
	double v = 0, scale = 1;
	int negative = *s == '-';
	for (s += negative; *s >= '0' && *s <= '9'; s++)
		v = v * 10 + (*s - '0');
	if (*s == '.')
		for (s++; *s >= '0' && *s <= '9'; s++)
			v += (*s - '0') * (scale /= 10);
	return negative ? -v : v;
}

void program(void)
{
	print("%d %5d|%05d|%-d %u %x %X %o %c%%\n", -7, 42, -42, INT_MIN, UINT_MAX, 0xbeefu, 0xbeefu, 511u, 'z');
	print("%ld %lu %016lx %s|%8s|\n", LONG_MIN, ULONG_MAX, 0x123456789abcdefUL, "text", "right");
	print("%f %.2f %.0f %.9f %s %f %f %f %f %f %f %d\n", 3.14159265, -2.005, 0.5, 1e-5, "x", 1.0, 2.0, 3.0, 4.0, 5.0, 6.5, 9);
	for (int i = 0; i < 12; i++)
		print("%2d: %10ld %8.3f %04x\n", i, 1L << (i * 5), (i - 6) / 7.0, i * 4099u & 0xffff);
	PUT(parse("3.25"));
	PUT(parse("-1234567.0625"));
	PUT(parse("0.1"));
}
