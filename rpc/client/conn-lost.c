/* SPDX-License-Identifier: BSD-3-Clause */
/* Is a connection still good, and if not, why. */
#include <errno.h>
#include <string.h>

#include "rpc/client/conn.h"
#include "transport/tls.h"

static const struct { int rc; const char *words; } reasons[] = {
	{ -EPIPE, "the server has closed the connection" },
	{ -EPROTO, "the server does not keep to the protocol" },
	{ -EMSGSIZE, "the server does not keep to the protocol" },
	{ -EOVERFLOW, "the server does not keep to the protocol: too much of one cut" },
	{ -ETIMEDOUT, "the server stopped in the middle of a message, or takes nothing any more" },
	{ -EHOSTDOWN, "its machine does not answer any more" },
	{ -EREMOTEIO, "RDMA between the two has failed, so nobody knows what has arrived" },
	{ -ECANCELED, "this process has closed the connection" },
};

static const char *words(int rc)
{
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].rc == rc)
			return reasons[i].words;
	return strerror(-rc);
}

/* TLS has words of its own, which name the other end. */
static fpga_result say_lost(const struct conn *n, int rc)
{
	char why[TLS_WHY_MAX];

	tls_why(n->link.t, why);
	if (*why && (rc == -EACCES || rc == -EBADMSG || rc == -EPROTO))
		return say(FPGA_EXCEPTION, "%s; open anew", why);
	return say_host(n, FPGA_EXCEPTION, "the connection is lost: %s; open anew", words(rc));
}

fpga_result conn_check(const struct conn *n)
{
	int rc;

	if (__builtin_expect(n->forks != client_forks(), 0))
		return say(FPGA_EXCEPTION,
			   "%s: the connection is that of a parent process, which forked this one; "
			   "enumerate and open here",
			   n->name);
	rc = atomic_load_explicit(&n->link.broken, memory_order_acquire);
	if (__builtin_expect(!rc, 1))
		return FPGA_OK;
	return say_lost(n, rc);
}
