/* SPDX-License-Identifier: BSD-3-Clause */
/* A client of opaed for what is about the daemon and not about a device: one connection, a call at a time. */
#ifndef TOOLS_DAEMON_CLIENT_H
#define TOOLS_DAEMON_CLIENT_H

#include <opae/types.h>

#include "rpc/link.h"
#include "transport/address.h"
#include "wire/codec.h"
#include "wire/ops.h"

struct daemon_client {
	struct rpc_link link;
	uint32_t last_id;
	char where[ADDRESS_TEXT_MAX];
};

/*
 * Connects and says hello. `to` is an address as for address_parse(); NULL: this user's daemon, or else
 * root's. What fails is printed with what mends it: EXIT_OK, EXIT_USAGE for an address that is none,
 * EXIT_FAILED.
 */
int daemon_connect(struct daemon_client *c, const char *to);
void daemon_leave(struct daemon_client *c);
/*
 * A call about no object: sends the body, and hands each frame of the reply to `part` (may be NULL). What
 * fails is printed. FPGA_EXCEPTION also where the connection is lost, or a reply makes no sense.
 */
fpga_result daemon_call(struct daemon_client *c, enum wire_op op, const struct wire_writer *body,
			void (*part)(void *ctx, struct wire_reader *reply), void *ctx);

#endif
