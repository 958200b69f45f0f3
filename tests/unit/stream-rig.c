/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/stream-rig.h"

#include <errno.h>
#include <string.h>

#include "tests/unit/check.h"
#include "transport/fabric-stream.h"

struct fabric_rig rig;
struct transport *here, *there;

static struct transport *stream_of(struct fabric_end *end)
{
	struct transport *t = NULL;

	assert_int_equal(fabric_stream_new(end->conn, NULL, "the other end", &t), 0);
	end->conn = NULL;
	return t;
}

int up(void **state)
{
	(void)state;
	rig_connect(&rig);
	here = stream_of(&rig.client);
	there = stream_of(&rig.server);
	return 0;
}

int down(void **state)
{
	(void)state;
	transport_free(here);
	transport_free(there);
	here = there = NULL;
	rig_free(&rig);
	return 0;
}

int stream_send(struct transport *t, const void *at, size_t len)
{
	struct iovec iov = { NULL, len };

	memcpy(&iov.iov_base, &at, sizeof(at));
	return transport_send_all(t, &iov, 1, SOON);
}

/* At least a byte, or an error. */
ssize_t stream_get(struct transport *t, void *to, size_t len)
{
	struct iovec iov = { to, len };
	int64_t deadline = SOON;
	ssize_t n;

	while ((n = t->ops->recv(t, &iov, 1)) == -EAGAIN && !transport_wait(t, 0, deadline))
		;
	return n;
}

int stream_get_all(struct transport *t, unsigned char *to, size_t len)
{
	while (len) {
		ssize_t n = stream_get(t, to, len);

		if (n <= 0)
			return (int)n;
		to += n;
		len -= (size_t)n;
	}
	return 0;
}
