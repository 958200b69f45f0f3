/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The benchmark of the remote path: what a job takes through the library, a socket and opaed, beside
 * what the same bytes take over the same kind of socket by themselves.
 */
#ifndef BENCH_REMOTE_H
#define BENCH_REMOTE_H

#include "bench/report.h"

struct bench_remote_options {
	bool quick;	       /* as in bench_local() */
	bool by_unix, by_tcp, by_tls, by_rdma; /* which kinds of connection */
	const char *only;      /* rows, or how their names begin, with commas between; NULL: all */
};

/*
 * As bench_local(). Also false: a name in `only` is that of no row; a build without TLS or RDMA shall
 * measure it.
 */
bool bench_remote(const struct bench_remote_options *o, struct bench_report *report);
/* What `only` may begin with, in one line. */
const char *bench_remote_names(void);

#endif
