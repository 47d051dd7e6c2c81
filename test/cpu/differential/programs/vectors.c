/* Loops that -O3 turns into SSE2: integers of every width, floats, doubles, reductions; Mandelbrot, FFT, n bodies. */
#include "program.h"

#define N 67
static u8 b1[N], b2[N], b3[N];
static s16 h1[N], h2[N], h3[N];
static s32 w1[N], w2[N], w3[N];
static u64 q1[N], q2[N], q3[N];
static float f1[N], f2[N], f3[N];
static double d1[N], d2[N], d3[N];

static void integers(void)
{
	u32 sum = 0;
	s32 most = INT_MIN;
	for (int i = 0; i < N; i++) {
		b3[i] = b1[i] > b2[i] ? b1[i] : b2[i];
		b2[i] = (b1[i] + b3[i] + 1) >> 1;
		h3[i] = h1[i] < h2[i] ? h1[i] : h2[i];
		h1[i] = h1[i] * h2[i] + h3[i];
		w3[i] = w1[i] * 3 - (w2[i] >> 5) + h1[i];
		w2[i] = (w1[i] > w2[i]) ? w1[i] - w2[i] : w2[i] - w1[i];
		q3[i] = q1[i] << 7 ^ q2[i] >> 9;
		q1[i] += q2[i] * (u32)w3[i];
	}
	for (int i = 0; i < N; i++) {
		sum += b3[i] * h3[i];
		most = w3[i] > most ? w3[i] : most;
	}
	PUT(sum);
	PUT(most);
}

static void reals(void)
{
	float least = f1[0];
	double dot = 0;
	for (int i = 0; i < N; i++) {
		f3[i] = f1[i] * f2[i] + (float)w1[i];
		d3[i] = d1[i] / (d2[i] + 3) - f1[i];
		w1[i] = (s32)d3[i];
		h2[i] = (s16)f2[i];
		f2[i] = __builtin_sqrtf(f1[i] * f1[i]);
		d2[i] = __builtin_sqrt(d1[i] * d1[i] + 1);
		if (f3[i] < least)
			least = f3[i];
	}
	for (int i = 0; i < N; i++)
		dot += d3[i] * f3[i];
	PUT(least);
	PUT(dot);
}

static void mandelbrot(void)
{
	for (int y = 0; y < 8; y++)
		for (int x = 0; x < 16; x++) {
			double cr = x / 8.0 - 1.5, ci = y / 4.0 - 1, zr = 0, zi = 0;
			u8 n = 0;
			while (n < 60 && zr * zr + zi * zi < 4) {
				double t = zr * zr - zi * zi + cr;
				zi = 2 * zr * zi + ci;
				zr = t;
				n++;
			}
			PUT(n);
		}
}

static void transform(float re[16], float im[16])
{
	/* cos and sin of 2 pi / n for n = 2 4 8 16 */
	static const float wr[] = { -1, 0, 0.70710678f, 0.92387953f }, wi[] = { 0, -1, -0.70710678f, -0.38268343f };
	for (int i = 1, k = 0; i < 16; i++) {
		for (int bit = 8; (k ^= bit) < bit; bit >>= 1)
			;
		if (i < k) {
			float t = re[i];
			re[i] = re[k], re[k] = t;
		}
	}
	for (int stage = 0, half = 1; half < 16; half *= 2, stage++)
		for (int start = 0; start < 16; start += 2 * half) {
			float cr = 1, ci = 0;
			for (int i = start; i < start + half; i++) {
				float tr = re[i + half] * cr - im[i + half] * ci, ti = re[i + half] * ci + im[i + half] * cr, t = cr;
				re[i + half] = re[i] - tr;
				im[i + half] = im[i] - ti;
				re[i] += tr;
				im[i] += ti;
				cr = cr * wr[stage] - ci * wi[stage];
				ci = t * wi[stage] + ci * wr[stage];
			}
		}
}

static void bodies(void)
{
	double p[5][3], v[5][3];
	for (int i = 0; i < 5; i++)
		for (int k = 0; k < 3; k++) {
			p[i][k] = i * 1.5 - k * 0.7 + (i ^ k);
			v[i][k] = (k - i) * 0.01;
		}
	for (int step = 0; step < 50; step++) {
		for (int i = 0; i < 5; i++)
			for (int j = i + 1; j < 5; j++) {
				double d[3], r2 = 0.01;
				for (int k = 0; k < 3; k++)
					d[k] = p[i][k] - p[j][k], r2 += d[k] * d[k];
				double m = 0.01 / (r2 * __builtin_sqrt(r2));
				for (int k = 0; k < 3; k++)
					v[i][k] -= d[k] * m, v[j][k] += d[k] * m;
			}
		for (int i = 0; i < 5; i++)
			for (int k = 0; k < 3; k++)
				p[i][k] += v[i][k] * 0.01;
	}
	put(p, sizeof p);
}

void program(void)
{
	u64 s = 1;
	float re[16], im[16];

	for (int i = 0; i < N; i++) {
		u64 v = next_random(&s);
		b1[i] = v, b2[i] = v >> 8;
		h1[i] = v >> 16, h2[i] = v >> 32;
		w1[i] = (s32)(v >> 20) >> 4, w2[i] = v >> 40;
		q1[i] = v, q2[i] = next_random(&s);
		f1[i] = (s32)v / 65536.0f, f2[i] = (s16)v * 0.125f;
		d1[i] = (s64)v / 1e12, d2[i] = (double)(v >> 60);
	}
	integers();
	reals();
	put(b2, sizeof b2);
	put(h1, sizeof h1);
	put(w3, sizeof w3);
	put(w1, sizeof w1);
	put(q3, 200);
	put(f3, sizeof f3);
	put(d2, 200);
	mandelbrot();
	for (int i = 0; i < 16; i++)
		re[i] = f1[i], im[i] = 0;
	transform(re, im);
	put(re, sizeof re);
	put(im, sizeof im);
	bodies();
}
