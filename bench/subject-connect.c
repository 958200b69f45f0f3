/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The beginning of a session, by the means of the plugin and without it: what comes before connect(2), as the
 * files of TLS that are read, and what comes behind HELLO is not in the figure.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "bench/crowd.h"
#include "bench/program.h"
#include "bench/site.h"
#include "bench/stats.h"
#include "bench/subject.h"
#include "rpc/link.h"
#include "transport/connect.h"
#include "transport/tls.h"

#define PATIENCE_NS (30 * NS_PER_S) /* on a machine that has other things to do */
#define REST_NS (20 * NS_PER_MS)    /* for the session before to be over with; as raw/start.c */

static double *samples;
static size_t count;
static struct address address;
static struct tls_context *tls;

/*
 * connect COUNT ADDRESS SITE: milliseconds until the answer of HELLO, the median and the 99th percentile;
 * SITE has the certificates of bench/site.h for TLS, and is "" without ----
 */
static bool connect_begin(char *args[])
{
	const char *why;

	samples = subject_room(args[0], &count);
	if (!samples)
		return false;
	if (address_parse(args[1], &address, &why))
		return bench_fail("%s", why);
	return !*args[2] || site_client_context(args[2], &tls);
}

static void connect_end(void)
{
	free(samples);
	tls_context_unref(tls);
}

static bool connect_once(double *ms)
{
	int64_t deadline = clock_deadline(PATIENCE_NS);
	double from = subject_now_ns();
	char why[TLS_WHY_MAX];
	struct transport *t;
	struct rpc_link l;
	bool good;

	_Static_assert(TLS_WHY_MAX >= CONNECT_WHY_MAX, "room for either reason");
	if (transport_connect(&address, deadline, &t, why) ||
	    (tls && tls_over(tls, t, deadline, &t, why)))
		return bench_fail("%s", why);
	if (rpc_link_init(&l, t))
		return bench_fail("no memory for a session");
	good = crowd_hello(&l);
	*ms = (subject_now_ns() - from) / 1e6;
	rpc_link_done(&l);
	return good;
}

static bool connect_round(double *answers)
{
	for (size_t i = 0; i < count; i++) {
		clock_sleep_ns(REST_NS);
		if (!connect_once(&samples[i]))
			return false;
	}
	answers[0] = stats_percentile(samples, count, 50);
	answers[1] = stats_percentile(samples, count, 99);
	return true;
}

const struct subject subject_connect = { .name = "connect",
					 .num_args = 3,
					 .begin = connect_begin,
					 .round = connect_round,
					 .end = connect_end,
					 .num_answers = 2 };
