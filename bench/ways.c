/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/ways.h"

#include <stdio.h>

bool ways_wanted[NUM_WAYS];

struct names names_of(const char *what, enum way way)
{
	struct names n;

	snprintf(n.median, sizeof(n.median), "%.28s-%s", what, way_names[way]);
	snprintf(n.p99, sizeof(n.p99), "%.34s-p99", n.median);
	return n;
}

bool names_wanted(const struct run *r, const struct names *n)
{
	return run_wants(r, n->median) || run_wants(r, n->p99);
}

bool each_way_and_tls(struct run *r, bool (*measure)(struct run *r, enum way way))
{
	bool good = true;

	for (enum way way = 0; good && way < NUM_WAYS; way++)
		good = !ways_wanted[way] || measure(r, way);
	return good;
}

bool each_way(struct run *r, bool (*measure)(struct run *r, enum way way))
{
	return (!ways_wanted[WAY_UNIX] || measure(r, WAY_UNIX)) &&
	       (!ways_wanted[WAY_TCP] || measure(r, WAY_TCP)) &&
	       (!ways_wanted[WAY_RDMA] || measure(r, WAY_RDMA));
}

const char *raw_exchange(enum way way)
{
	return way == WAY_TLS ? "exchange-tls" : way == WAY_RDMA ? "exchange-fabric" : "exchange";
}

const char *raw_socket(enum way way)
{
	return way == WAY_UNIX ? "unix" : "tcp";
}

void other_cpu(const struct run *r, char text[12])
{
	snprintf(text, 12, "%d", r->cpu[1]);
}

bool beside_raw(struct run *r, enum way way, const struct cards_kind *kind, const char *more,
		struct side *ours, struct side *raw)
{
	char config[CONFIG_MAX];
	struct server server;
	bool good;

	ours->pinned = raw->pinned = true;
	ours->config = config;
	good = server_start(r, &server, kind, 1, true) &&
	       server_client_config(r, &server, way, more, config, sizeof(config)) &&
	       run_sides(r, ours, raw);
	return server_end(&server) && good;
}
