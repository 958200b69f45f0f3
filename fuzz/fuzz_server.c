/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A client that says VERSION and then anything, against the server half. A region access that
 * reaches the device must be inside its region; after each input the server takes the next client.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "fuzz/target.h"
#include "vfio-user/server.h"

#define REGION 0x4000u

static char path[64];
static uint8_t memory[REGION];

static void must_be_inside(uint32_t region, uint64_t offset, uint32_t len)
{
	if (region != VU_BAR0 || !len || len > REGION || offset > REGION - len)
		abort();
}

static int on_read(void *dev, uint32_t region, uint64_t offset, void *buf, uint32_t len)
{
	(void)dev;
	must_be_inside(region, offset, len);
	memcpy(buf, memory + offset, len);
	return 0;
}

static int on_write(void *dev, uint32_t region, uint64_t offset, const void *buf, uint32_t len)
{
	(void)dev;
	must_be_inside(region, offset, len);
	memcpy(memory + offset, buf, len);
	return 0;
}

static void on_reset(void *dev)
{
	(void)dev;
	memset(memory, 0, sizeof(memory));
}

static void *serve(void *server)
{
	vu_server_run(server);
	return NULL;
}

static struct vu_server *server;
static pthread_t thread;

static void stop(void)
{
	vu_server_stop(server);
	pthread_join(thread, NULL);
	vu_server_free(server);
}

static void start(void)
{
	static const struct vu_server_ops ops = { .region_read = on_read, .region_write = on_write,
						  .reset = on_reset };
	struct vu_server_config cfg = {
		.path = path,
		.regions = { [VU_BAR0] = { .size = REGION, .read = true, .write = true,
					   .fd = -1 } },
		.irq_count = { [VU_MSIX] = 4, [VU_ERR] = 1, [VU_REQ] = 1 },
		.ops = &ops,
	};

	snprintf(path, sizeof(path), "/tmp/opae-fuzz.%d", getpid());
	if (vu_server_new(&cfg, &server) || pthread_create(&thread, NULL, serve, server))
		abort();
	atexit(stop);
}

static int dial(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(addr.sun_path, path, sizeof(path));
	if (s < 0 || connect(s, (struct sockaddr *)&addr, sizeof(addr)))
		abort();
	return s;
}

static bool greet(int s)
{
	static const uint8_t version[] = { 0, 0, 1, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
					   0, 0, 0, 0 };
	uint8_t reply[512];
	ssize_t n;

	if (send(s, version, sizeof(version), MSG_NOSIGNAL) < 0)
		return false;
	n = recv(s, reply, sizeof(reply), 0);
	return n > 16 && !(reply[8] & 0x20); /* otherwise: the one before is still there */
}

/* Reads what comes until the server hangs up or has no more to say. */
static void listen_to(int s)
{
	struct pollfd p = { .fd = s, .events = POLLIN };
	uint8_t reply[65536];

	shutdown(s, SHUT_WR);
	while (poll(&p, 1, 2000) == 1)
		if (recv(s, reply, sizeof(reply), 0) <= 0)
			return;
	abort(); /* it neither answers nor hangs up */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	int s;

	if (!server)
		start();
	for (s = dial(); !greet(s); s = dial())
		close(s);
	while (len) {
		ssize_t n = send(s, data, len, MSG_NOSIGNAL);

		if (n <= 0)
			break;
		data += n;
		len -= (size_t)n;
	}
	listen_to(s);
	close(s);
	return 0;
}
