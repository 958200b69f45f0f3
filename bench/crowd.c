/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/crowd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "bench/program.h"
#include "rpc/link.h"
#include "transport/connect.h"
#include "wire/codec.h"
#include "wire/ops.h"

#define PATIENCE_NS (30 * NS_PER_S) /* of each step, on a machine that has other things to do */

static struct rpc_link links[CROWD_MAX];
static unsigned int num_links;

/* One request, and its answer to the last frame. */
static bool ask(struct rpc_link *l, enum wire_op op, const struct wire_writer *body)
{
	int64_t deadline = clock_deadline(PATIENCE_NS);
	struct wire_head head = { .op = (uint16_t)op, .id = op };
	struct rpc_frame f;
	int rc = rpc_link_send(l, &head, body->at, body->len, NULL, 0, deadline);

	do
		rc = rc ? rc : rpc_link_next(l, &f, 0, deadline);
	while (!rc && (f.head.id != head.id || f.head.flags & WIRE_MORE));
	if (!rc && !f.head.budget) /* that is the result */
		return true;
	return bench_fail("%s: %s", wire_op_info((uint16_t)op)->name,
			  rc ? strerror(-rc) : "opaed refuses it");
}

bool crowd_hello(struct rpc_link *l)
{
	unsigned char room[256];
	struct wire_writer w;

	wire_writer_init(&w, room, sizeof(room), wire_op_info(WIRE_HELLO)->request);
	wire_put_u32(&w, WIRE_MAGIC);
	wire_put_u16(&w, WIRE_VERSION);
	wire_put_u16(&w, WIRE_VERSION);
	wire_put_u64(&w, 0);
	wire_put_u32(&w, WIRE_FRAME_MAX);
	wire_put_u32(&w, 1);
	wire_put_text(&w, "opae bench");
	return ask(l, WIRE_HELLO, &w);
}

static bool greet(struct rpc_link *l)
{
	unsigned char room[8];
	struct wire_writer w;

	if (!crowd_hello(l))
		return false;
	wire_writer_init(&w, room, sizeof(room), NULL);
	return ask(l, WIRE_ENUMERATE, &w);
}

static bool join(const struct address *a)
{
	char why[CONNECT_WHY_MAX];
	struct transport *t;
	struct rpc_link *l = &links[num_links];

	if (transport_connect(a, clock_deadline(PATIENCE_NS), &t, why))
		return bench_fail("%s", why);
	if (rpc_link_init(l, t))
		return bench_fail("no memory for a session");
	num_links++;
	return greet(l);
}

int crowd_main(int argc, char *argv[])
{
	const char *why = "usage: crowd ADDRESS NUM";
	struct address a;
	unsigned int num;
	bool good = true;
	char end;

	if (argc != 3 || address_parse(argv[1], &a, &why)) {
		bench_fail("%s", why);
		return 1;
	}
	num = (unsigned int)strtoul(argv[2], NULL, 10);
	for (unsigned int i = 0; good && i < num && i < CROWD_MAX; i++)
		good = join(&a);
	if (good) {
		puts("crowd is there");
		fflush(stdout);
		while (read(0, &end, 1) > 0)
			;
	}
	while (num_links)
		rpc_link_done(&links[--num_links]);
	return good ? 0 : 1;
}
