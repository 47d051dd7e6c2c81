/* Floats and doubles: series, matrices, roots, conversions in every direction, specials. */
#include "program.h"

static double exponential(double x)
{
	double term = 1, sum = 1;
	for (int n = 1; n < 40; n++)
		sum += term *= x / n;
	return sum;
}

static double sine(double x)
{
	double term = x, sum = x;
	for (int n = 1; n < 20; n++)
		sum += term *= -x * x / ((2 * n) * (2 * n + 1));
	return sum;
}

static float root(float v)
{
	float x = v;
	for (int i = 0; i < 20; i++)
		x = (x + v / x) * 0.5f;
	return x;
}

static double a[8][8], b[8][8], c[8][8];

static void matrices(void)
{
	for (int i = 0; i < 8; i++)
		for (int j = 0; j < 8; j++) {
			a[i][j] = 1.0 / (i + j + 1);
			b[i][j] = i * 3.5 - j * 1.25;
		}
	for (int i = 0; i < 8; i++)
		for (int j = 0; j < 8; j++) {
			double s = 0;
			for (int k = 0; k < 8; k++)
				s += a[i][k] * b[k][j];
			c[i][j] = s;
		}
	put(c, sizeof c);
}

void program(void)
{
	static const double specials[] = { 0.0, -0.0, 1.0, -1.5, 1e308, -1e308, 4.9e-324, 2.2250738585072014e-308,
					   __builtin_inf(), -__builtin_inf(), 0.1, 1e15 + 0.5, 4294967296.5, -2147483648.5 };
	u64 s = 7;

	for (double x = -3; x <= 3; x += 0.75) {
		PUT(exponential(x));
		PUT(sine(x));
	}
	for (float v = 0.25f; v < 1e6f; v *= 7)
		PUT(root(v));
	matrices();
	for (unsigned i = 0; i < sizeof specials / sizeof *specials; i++) {
		volatile double v = specials[i];
		PUT(v * v);
		PUT(v + 1);
		PUT(1 / v);
		PUT((float)v);
		PUT(v < 1.0);
		PUT(v == v);
		PUT(__builtin_isnan(v - v));
		if (v > -9e18 && v < 9e18) {
			PUT((s64)v);
			PUT((s32)(v > -2e9 && v < 2e9 ? v : 0));
			PUT((u32)(v >= 0 && v < 4e9 ? v : 0));
		}
	}
	for (int i = 0; i < 24; i++) {
		s64 n = (s64)next_random(&s) >> (i * 2);
		u64 u = next_random(&s) >> i;
		PUT((double)n + (float)n);
		PUT((double)u);
		PUT((float)u);
		PUT((float)(s32)n * 1.5f);
	}
	double mean = 0, variance = 0;
	for (int i = 1; i <= 1000; i++) {
		double v = (double)(next_random(&s) >> 11) * 0x1p-53, d = v - mean;
		mean += d / i;
		variance += d * (v - mean);
	}
	PUT(mean);
	PUT(variance / 999);
}
