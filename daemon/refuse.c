/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/refuse.h"

#include <errno.h>

#include <opae/types_enum.h>

#include "base/clock.h"
#include "rpc/link.h"
#include "wire/codec.h"
#include "wire/ops.h"

#define READ_NS NS_PER_S /* for the peer to read it, and to go */

void refuse_peer(struct transport *t, int64_t hello_ns, const char *why)
{
	unsigned char body[WIRE_REASON_MAX];
	struct wire_writer w;
	struct wire_head head;
	struct rpc_frame f;
	struct rpc_link link;

	if (rpc_link_init(&link, t))
		return;
	if (!rpc_link_next(&link, &f, 0, clock_deadline(hello_ns)) && f.head.op == WIRE_HELLO) {
		wire_writer_init(&w, body, sizeof(body), "s");
		wire_put_text(&w, why);
		head = (struct wire_head){ .op = WIRE_HELLO,
					   .flags = WIRE_REPLY,
					   .id = f.head.id,
					   .budget = FPGA_NO_ACCESS,
					   .error = EACCES };
		/* A close with something unread would take the reply back: the peer goes first. */
		if (!rpc_link_send(&link, &head, body, w.len, NULL, 0, clock_deadline(READ_NS)))
			rpc_link_next(&link, &f, 0, clock_deadline(READ_NS));
	}
	rpc_link_done(&link);
}
