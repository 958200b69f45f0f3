/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A server that says anything, against the client half: connecting, regions, accesses, DMA, interrupts,
 * reset, close. What it will say is in the socket before the client begins, and then comes its end, so
 * nothing is waited for. The input is a byte of options, then pieces:
 *
 *     options: 1 there is a watcher thread
 *     piece: descriptors that come with it (low half: how many; high half: what), length (2), bytes
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sys.h"
#include "fuzz/target.h"
#include "vfio-user/client.h"
#include "vfio-user/message.h"

#define MAX_FDS 15u
#define FILE_BYTES 0x10000

static int ours = -1; /* the client's end, until it asks for it */

static int give_socket(int domain, int type, int protocol)
{
	int fd = ours;

	(void)domain;
	(void)type;
	(void)protocol;
	ours = -1;
	return fd;
}

static int connected(int fd, const struct sockaddr *addr, socklen_t len)
{
	(void)fd;
	(void)addr;
	(void)len;
	return 0;
}

static void must(bool fine)
{
	if (!fine)
		abort();
}

/* ---- the server's side ---- */

static int make_fd(unsigned int kind)
{
	int pair[2];

	switch (kind % 4) {
	case 0: /* a file that is long enough */
		pair[0] = memfd_create("fuzz", 0);
		must(pair[0] >= 0 && !ftruncate(pair[0], FILE_BYTES));
		return pair[0];
	case 1: /* a socket whose other end is gone */
		must(!socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
		break;
	case 2:
		must(!pipe(pair));
		break;
	default: /* a file that is too short */
		return memfd_create("fuzz", 0);
	}
	close(pair[1]);
	return pair[0];
}

static bool send_piece(int socket, uint8_t with, const uint8_t *data, size_t len)
{
	struct iovec iov;
	int fds[MAX_FDS];
	uint32_t n = with & 0xf;
	ssize_t sent;

	memcpy(&iov.iov_base, &data, sizeof(data));
	iov.iov_len = len;
	if (!len)
		return true;
	for (uint32_t i = 0; i < n; i++)
		fds[i] = make_fd(with >> 4);
	sent = vu_send_some(socket, &iov, 1, fds, n);
	while (n)
		close(fds[--n]);
	return sent == (ssize_t)len;
}

static void say_all(int socket, const uint8_t *data, size_t len)
{
	while (len >= 3) {
		size_t n = (size_t)(data[1] | data[2] << 8);

		if (n > len - 3)
			n = len - 3;
		if (!send_piece(socket, data[0], data + 3, n))
			break;
		data += 3 + n;
		len -= 3 + n;
	}
	shutdown(socket, SHUT_WR);
}

/* ---- the client's side ---- */

static int dma_access(void *ctx, uint64_t iova, void *data, size_t len, bool write)
{
	(void)ctx;
	must(len <= VU_MAX_XFER);
	if (iova & 1)
		return -EFAULT;
	if (!write)
		memset(data, 1, len);
	return 0;
}

static void use_region(struct vu_client *c, uint32_t index)
{
	struct vu_region r;
	uint64_t end = 0;

	if (vu_client_region(c, index, &r))
		return;
	for (uint32_t i = 0; i < r.num_areas; i++) {
		const struct vu_area *a = &r.areas[i];

		must(a->map && a->offset >= end && a->size && a->size <= r.size &&
		     a->offset <= r.size - a->size);
		end = a->offset + a->size;
		if (r.read) /* its last byte is there */
			(void)*((volatile uint8_t *)a->map + a->size - 1);
	}
}

static void use(struct vu_client *c)
{
	struct vu_device_info info;
	uint8_t data[64] = { 0 };
	uint32_t count = 0;
	int fd = memfd_create("dma", 0);

	vu_client_device_info(c, &info);
	must(info.num_regions <= 100 && info.num_irqs <= 50);
	use_region(c, 0);
	use_region(c, 7);
	vu_client_irq_count(c, 2, &count);
	vu_client_read(c, 7, 0, data, sizeof(data));
	vu_client_read(c, 0, 8, data, 8);
	vu_client_write(c, 0, 8, data, 8);
	vu_client_dma_map(c, 0x100000, 4096, fd, 0, true, true);
	vu_client_dma_map(c, 0x200000, 4096, -1, 0, true, true);
	vu_client_irq_bind(c, 2, 0, fd);
	vu_client_dma_unmap(c, 0x200000, 4096, true);
	vu_client_dma_unmap(c, 0x100000, 4096, false);
	vu_client_reset(c);
	close(fd);
}

/* The lowest descriptor that is free; it moves when one was left open. */
static int lowest_free(void)
{
	int fd = dup(0);

	must(fd >= 0);
	close(fd);
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct sys_ops ops;
	struct vu_client_options opt = { .connect_timeout_ns = 20 * NS_PER_MS,
					 .call_timeout_ns = 20 * NS_PER_MS,
					 .dma_access = dma_access };
	struct vu_client *c = NULL;
	char why[160] = "";
	int before = lowest_free(), pair[2], rc;

	if (!len)
		return 0;
	ops = sys_kernel;
	ops.socket = give_socket;
	ops.connect = connected;
	sys_set(&ops);
	must(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair));
	ours = pair[0];
	say_all(pair[1], data + 1, len - 1);
	rc = vu_client_connect("/fuzz", &opt, why, sizeof(why), &c);
	must(rc <= 0 && !rc == !*why);
	if (!rc) {
		if (data[0] & 1)
			vu_client_watch(c);
		use(c);
		vu_client_close(c);
	}
	close(pair[1]);
	must(lowest_free() == before);
	return 0;
}
