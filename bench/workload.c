/*
 * Integer work for bench/engine.ts: fill 65,536 words by a linear congruential generator and sort them, CRC-32 of these
 * 256 KiB, and 4,096 SHA-256 compressions. Runs on bare memory: entered at _start with the number of repetitions in EDI,
 * leaves by SYSCALL with a checksum in RAX.
 *
 *   gcc -O2 -mgeneral-regs-only -ffreestanding -fno-pic -fno-pie -mcmodel=small -fno-stack-protector -fcf-protection=none \
 *       -fno-asynchronous-unwind-tables -nostdlib -static -no-pie -Wl,-T,bench/workload.ld -o workload.bin bench/workload.c
 */
typedef unsigned int u32;
typedef unsigned char u8;

#define WORDS 65536

static u32 words[WORDS];
static u32 crcTable[256];

static void fill(u32 seed) {
  for (int i = 0; i < WORDS; i++) {
    seed = seed * 1664525u + 1013904223u;
    words[i] = seed;
  }
}

static void sort(u32 *a, long low, long high) {
  while (low < high) {
    u32 pivot = a[low + (high - low) / 2];
    long i = low, j = high;
    while (i <= j) {
      while (a[i] < pivot) i++;
      while (a[j] > pivot) j--;
      if (i <= j) {
        u32 t = a[i];
        a[i++] = a[j];
        a[j--] = t;
      }
    }
    if (j - low < high - i) {
      sort(a, low, j);
      low = i;
    } else {
      sort(a, i, high);
      high = j;
    }
  }
}

static u32 crc(const u8 *p, long n) {
  if (!crcTable[1])
    for (u32 i = 0; i < 256; i++) {
      u32 c = i;
      for (int k = 0; k < 8; k++) c = c & 1 ? 0xedb88320u ^ (c >> 1) : c >> 1;
      crcTable[i] = c;
    }
  u32 c = ~0u;
  while (n--) c = crcTable[(c ^ *p++) & 255] ^ (c >> 8);
  return ~c;
}

static const u32 K[64] = {
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01,
  0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc,
  0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
  0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08,
  0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
  0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static u32 turn(u32 x, int n) { return (x >> n) | (x << (32 - n)); }

static void compress(u32 *h, const u32 *block) {
  u32 w[64];
  for (int i = 0; i < 16; i++) w[i] = __builtin_bswap32(block[i]);
  for (int i = 16; i < 64; i++) {
    u32 s0 = turn(w[i - 15], 7) ^ turn(w[i - 15], 18) ^ (w[i - 15] >> 3);
    u32 s1 = turn(w[i - 2], 17) ^ turn(w[i - 2], 19) ^ (w[i - 2] >> 10);
    w[i] = w[i - 16] + s0 + w[i - 7] + s1;
  }
  u32 a = h[0], b = h[1], c = h[2], d = h[3], e = h[4], f = h[5], g = h[6], k = h[7];
  for (int i = 0; i < 64; i++) {
    u32 t1 = k + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g)) + K[i] + w[i];
    u32 t2 = (turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
    k = g;
    g = f;
    f = e;
    e = d + t1;
    d = c;
    c = b;
    b = a;
    a = t1 + t2;
  }
  h[0] += a;
  h[1] += b;
  h[2] += c;
  h[3] += d;
  h[4] += e;
  h[5] += f;
  h[6] += g;
  h[7] += k;
}

__attribute__((used)) static u32 work(int repetitions) {
  u32 h[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  u32 sum = 1;
  for (int r = 0; r < repetitions; r++) {
    fill(sum);
    sort(words, 0, WORDS - 1);
    sum += crc((const u8 *)words, sizeof words);
    for (int i = 0; i < 4096; i++) compress(h, words + 16 * i);
    for (int i = 0; i < 8; i++) sum = sum * 31 + h[i];
  }
  return sum;
}

__asm__(".section .text.start\n.globl _start\n_start: call work\nsyscall\n");
