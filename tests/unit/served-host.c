/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/served-host.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/unit/check.h"
#include "tests/unit/props-host.h"
#include "transport/listen.h"
#include "transport/stream.h"

static void set_session(struct served_host *h, struct rpc_session *s)
{
	pthread_mutex_lock(&h->lock);
	h->session = s;
	pthread_mutex_unlock(&h->lock);
}

static void serve(struct served_host *h, struct transport *t)
{
	struct rpc_session *s;

	if (rpc_session_new(t, h->served, &h->options, &s))
		abort();
	set_session(h, s);
	if (!atomic_load(&h->over))
		rpc_session_run(s);
	set_session(h, NULL);
	rpc_session_free(s);
}

static void lie(struct served_host *h, struct transport *t)
{
	struct rpc_link link;
	struct rpc_frame f;

	if (rpc_link_init(&link, t))
		abort();
	link.peer_max = WIRE_FRAME_MAX;
	while (!atomic_load(&h->over)) {
		int rc = rpc_link_next(&link, &f, 0, clock_deadline(20 * NS_PER_MS));

		if (!rc)
			h->lie(h->lie_ctx, &link, &f);
		else if (rc != -ETIMEDOUT)
			break;
	}
	rpc_link_done(&link);
}

static void *run(void *arg)
{
	struct served_host *h = arg;
	struct pollfd p[2] = { { h->fd, POLLIN, 0 }, { h->wake, POLLIN, 0 } };

	while (!atomic_load(&h->over)) {
		struct transport *t;
		struct peer peer;
		int fd;

		poll(p, 2, -1);
		if (listen_accept(h->fd, &fd, &peer))
			continue;
		if (stream_new(fd, peer.text, &t))
			abort();
		atomic_fetch_add(&h->sessions, 1);
		if (h->served)
			serve(h, t);
		else
			lie(h, t);
		atomic_fetch_add(&h->ended, 1);
	}
	return NULL;
}

void served_host_start(struct served_host *h)
{
	pthread_mutex_init(&h->lock, NULL);
	atomic_store(&h->over, false);
	snprintf(h->dir, sizeof(h->dir), "/tmp/opae-served-XXXXXX");
	assert_non_null(mkdtemp(h->dir));
	h->address = (struct address){ .kind = ADDRESS_UNIX };
	snprintf(h->address.path, sizeof(h->address.path), "%s/socket", h->dir);
	assert_int_equal(listen_open(&h->address, &h->fd), 0);
	h->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	assert_true(h->wake >= 0);
	assert_int_equal(pthread_create(&h->thread, NULL, run, h), 0);
}

void served_host_cut(struct served_host *h)
{
	pthread_mutex_lock(&h->lock);
	if (h->session)
		rpc_session_stop(h->session);
	pthread_mutex_unlock(&h->lock);
}

void served_host_end(struct served_host *h)
{
	atomic_store(&h->over, true);
	eventfd_write(h->wake, 1);
	served_host_cut(h);
	pthread_join(h->thread, NULL);
	close(h->fd);
	close(h->wake);
	unlink(h->address.path);
	rmdir(h->dir);
	pthread_mutex_destroy(&h->lock);
}

struct rpc_client *served_client(struct served_host *hosts, unsigned int num, int64_t timeout_ns,
				 opae_api_adapter_table *table)
{
	struct rpc_host_config *list = calloc(num, sizeof(*list));
	struct rpc_client_config config = { .plugin = "test",
					    .hosts = list,
					    .num_hosts = num,
					    .timeout_ns = timeout_ns,
					    .connect_ns = 5 * NS_PER_S };
	struct rpc_client *c;

	assert_non_null(list);
	for (unsigned int i = 0; i < num; i++) {
		list[i].address = hosts[i].address;
		snprintf(list[i].name, sizeof(list[i].name), "far%u", i);
		list[i].segment = (uint16_t)(0x100 * i);
	}
	assert_int_equal(rpc_client_new(props_host(NULL), &config, &c), 0);
	*table = (opae_api_adapter_table){ .size = sizeof(*table) };
	rpc_client_fill(table, c);
	return c;
}
