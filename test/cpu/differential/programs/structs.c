/* Structs by value in every class of the calling convention, unions, arrays of them, a tree and a hash table. */
#include "program.h"

struct pair { int a; float b; };
struct reals { double x, y; };
struct mixed { u64 n; double d; };
struct large { u64 v[9]; u8 tail[5]; };
union view { double d; float f[2]; u64 n; u8 b[8]; };

__attribute__((noinline)) static struct pair twist(struct pair p) { return (struct pair){ (int)p.b, (float)p.a }; }
__attribute__((noinline)) static struct reals turn(struct reals a, struct reals b) { return (struct reals){ a.x * b.x - a.y * b.y, a.x * b.y + a.y * b.x }; }
__attribute__((noinline)) static struct mixed blend(struct mixed m, int k) { return (struct mixed){ m.n + k, m.d * k }; }

__attribute__((noinline)) static struct large grow(struct large l, struct large *out)
{
	for (int i = 0; i < 9; i++)
		l.v[i] = l.v[i] * 3 + l.v[8 - i];
	l.tail[2]++;
	*out = l;
	return l;
}

struct node { struct node *left, *right; u32 key; s32 height; };
static struct node nodes[128];
static int used;

static int height(struct node *n) { return n ? n->height : 0; }
static void update(struct node *n) { int l = height(n->left), r = height(n->right); n->height = (l > r ? l : r) + 1; }

static struct node *rotate(struct node *n, int left)
{
	struct node *up = left ? n->right : n->left;
	if (left)
		n->right = up->left, up->left = n;
	else
		n->left = up->right, up->right = n;
	update(n);
	update(up);
	return up;
}

static struct node *insert(struct node *n, u32 key)
{
	if (!n) {
		nodes[used] = (struct node){ .key = key, .height = 1 };
		return &nodes[used++];
	}
	if (key < n->key)
		n->left = insert(n->left, key);
	else if (key > n->key)
		n->right = insert(n->right, key);
	else
		return n;
	update(n);
	int balance = height(n->left) - height(n->right);
	if (balance > 1) {
		if (key > n->left->key)
			n->left = rotate(n->left, 1);
		return rotate(n, 0);
	}
	if (balance < -1) {
		if (key < n->right->key)
			n->right = rotate(n->right, 0);
		return rotate(n, 1);
	}
	return n;
}

static void walk(const struct node *n, int depth)
{
	if (!n)
		return;
	walk(n->left, depth + 1);
	PUT((u16)n->key);
	PUT((u8)(depth << 4 | n->height));
	walk(n->right, depth + 1);
}

void program(void)
{
	struct pair p = { 7, 2.5f };
	struct reals z = { 0.5, 0.25 }, w = { 0.9, 0.3 };
	struct mixed m = { 1, 1.5 };
	struct large l = { { 1, 2, 3, 4, 5, 6, 7, 8, 9 }, "tail" }, copies[4];
	struct node *root = NULL;
	u64 s = 11;

	for (int i = 0; i < 10; i++) {
		p = twist(p);
		p.a += i;
		z = turn(z, w);
		m = blend(m, i + 1);
		l = grow(l, &copies[i & 3]);
		union view v = { .d = z.x };
		v.f[0] += 1;
		v.b[3] ^= 0x11;
		PUT(p.a);
		PUT(p.b);
		PUT(v.n);
		PUT(z.y);
		PUT(m.n);
		PUT(m.d);
	}
	copies[1] = copies[3];
	for (int i = 0; i < 4; i++)
		put(&copies[i], 77);
	for (int i = 0; i < 120; i++)
		root = insert(root, next_random(&s) % 500);
	walk(root, 0);
}
