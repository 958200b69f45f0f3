/* SPDX-License-Identifier: BSD-3-Clause */
/* A build without libfabric: there is no fabric, and who opens one is told so. */
#include <errno.h>
#include <stdio.h>

#include "transport/fabric.h"

static const char none[] =
	"this build has no RDMA: build it with libfabric's headers (meson setup -Dfabric=enabled)";

int fabric_load(char *why)
{
	snprintf(why, FABRIC_WHY_MAX, "%s", none);
	return -ENOTSUP;
}

int fabric_open(const char *provider, const struct address *at, enum fabric_side side, struct fabric **ret,
		char *why)
{
	(void)provider;
	(void)at;
	(void)side;
	(void)ret;
	return fabric_load(why);
}

/* Without a fabric nobody comes to the rest. */

void fabric_close(struct fabric *f)
{
	(void)f;
}

int fabric_memory_add(struct fabric *f, void *base, size_t len, unsigned int access,
		      struct fabric_memory **ret)
{
	(void)f;
	(void)base;
	(void)len;
	(void)access;
	(void)ret;
	return -ENOTSUP;
}

void fabric_memory_tell(const struct fabric_memory *m, struct fabric_remote *ret)
{
	(void)m;
	*ret = (struct fabric_remote){ .len = 0 };
}

void fabric_memory_remove(struct fabric_memory *m)
{
	(void)m;
}

bool fabric_lingers(const struct fabric *f)
{
	(void)f;
	return false;
}

int fabric_listen(struct fabric *f, struct fabric_listener **ret, char *why)
{
	(void)f;
	(void)ret;
	snprintf(why, FABRIC_WHY_MAX, "this build has no RDMA");
	return -ENOTSUP;
}

int fabric_listener_address(const struct fabric_listener *l, struct address *ret)
{
	(void)l;
	(void)ret;
	return -ENOTSUP;
}

int fabric_listener_fd(const struct fabric_listener *l)
{
	(void)l;
	return -1;
}

int fabric_listener_next(struct fabric_listener *l, struct fabric_request **ret)
{
	(void)l;
	(void)ret;
	return -ENOTSUP;
}

void fabric_listener_free(struct fabric_listener *l)
{
	(void)l;
}

const struct fabric_greeting *fabric_request_greeting(const struct fabric_request *r)
{
	static const struct fabric_greeting nothing;

	(void)r;
	return &nothing;
}

int fabric_request_peer(const struct fabric_request *r, struct address *ret)
{
	(void)r;
	(void)ret;
	return -ENOTSUP;
}

int fabric_request_accept(struct fabric_request *r, const struct fabric_greeting *answer, int64_t deadline,
			  struct fabric_conn **ret)
{
	(void)r;
	(void)answer;
	(void)deadline;
	(void)ret;
	return -ENOTSUP;
}

void fabric_request_refuse(struct fabric_request *r, const struct fabric_greeting *answer)
{
	(void)r;
	(void)answer;
}

int fabric_connect(struct fabric *f, uint32_t port, const struct fabric_greeting *hello, int64_t deadline,
		   struct fabric_greeting *answer, struct fabric_conn **ret)
{
	(void)f;
	(void)port;
	(void)hello;
	(void)deadline;
	(void)answer;
	(void)ret;
	return -ENOTSUP;
}

void fabric_shutdown(struct fabric_conn *c)
{
	(void)c;
}

void fabric_conn_free(struct fabric_conn *c)
{
	(void)c;
}

void fabric_why(struct fabric_conn *c, char out[FABRIC_WHY_MAX])
{
	(void)c;
	out[0] = '\0';
}

int fabric_send(struct fabric_conn *c, const struct iovec *iov, int iovs)
{
	(void)c;
	(void)iov;
	(void)iovs;
	return -ENOTSUP;
}

int fabric_flush(struct fabric_conn *c, int64_t deadline)
{
	(void)c;
	(void)deadline;
	return -ENOTSUP;
}

ssize_t fabric_recv(struct fabric_conn *c, void *buf, size_t size)
{
	(void)c;
	(void)buf;
	(void)size;
	return -ENOTSUP;
}

int fabric_wait(struct fabric_conn *c, unsigned int what, int64_t spin_until, int64_t deadline)
{
	(void)c;
	(void)what;
	(void)spin_until;
	(void)deadline;
	return -ENOTSUP;
}

int fabric_serve(struct fabric_conn *c, int64_t spin_ns, int64_t deadline)
{
	(void)c, (void)spin_ns, (void)deadline;
	return -ENOTSUP;
}

int fabric_wait_or_wake(struct fabric_conn *c, unsigned int what, int64_t spin_until, int64_t deadline,
			int wake_fd)
{
	(void)wake_fd;
	return fabric_wait(c, what, spin_until, deadline);
}

int fabric_fd(const struct fabric_conn *c)
{
	(void)c;
	return -1;
}

int fabric_alive(struct fabric_conn *c)
{
	(void)c;
	return 0;
}

void fabric_forget(struct fabric_conn *c)
{
	(void)c;
}

bool fabric_may_sleep(struct fabric_conn *c)
{
	(void)c;
	return false;
}

bool fabric_has_message(struct fabric_conn *c)
{
	(void)c;
	return false;
}

int fabric_read(struct fabric_conn *c, const struct fabric_move *m, int64_t deadline)
{
	(void)c;
	(void)m;
	(void)deadline;
	return -ENOTSUP;
}

int fabric_write(struct fabric_conn *c, const struct fabric_move *m, int64_t deadline)
{
	(void)c;
	(void)m;
	(void)deadline;
	return -ENOTSUP;
}

int fabric_fence(struct fabric_conn *c, const struct fabric_remote *readable, int64_t deadline)
{
	(void)c;
	(void)readable;
	(void)deadline;
	return -ENOTSUP;
}
