/* SPDX-License-Identifier: BSD-3-Clause */
#include "rpc/client/tracker.h"

#include <string.h>

#include "base/cleanup.h"
#include "rpc/client/conn.h"
#include "rpc/client/host.h"
#include "wire/limits.h"

/* Tried once: what this kernel and this user may does not change while the program runs. */
static struct tracker *started(struct rpc_client *c, char why[TRACK_WHY_MAX])
{
	SCOPED_LOCK(&c->tracker_lock);

	if (!c->tracker_tried && tracker_new(c->config.spin_ns, &c->tracker, c->tracker_why)) {
		c->tracker = NULL;
		debug("buffers are compared, and not tracked: %s", c->tracker_why);
	}
	c->tracker_tried = true;
	memcpy(why, c->tracker_why, TRACK_WHY_MAX);
	return c->tracker;
}

fpga_result client_tracker(const struct remote_handle *h, struct tracker **ret)
{
	char why[TRACK_WHY_MAX] = "its server knows only buffers that are compared as a whole: update it";
	enum rpc_tracker wanted = client_config(h->client)->tracker;

	*ret = NULL;
	if (wanted == RPC_TRACKER_EAGER)
		return FPGA_OK;
	if (h->conn->features & WIRE_FEATURE_TRACKED)
		*ret = started(h->client, why);
	if (*ret || wanted == RPC_TRACKER_AUTO)
		return FPGA_OK;
	return say_host(h->conn, FPGA_NOT_SUPPORTED, "\"tracker\" is \"trap\", which cannot be had: %s", why);
}
