/* SPDX-License-Identifier: BSD-3-Clause */
/* Connecting to a device, and everything that is asked of it but its regions' layout. */
#include "vfio-user/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "vfio-user/client-internal.h"
#include "vfio-user/client-region.h"

#define MAX_REGIONS 100u /* limits on what a device may claim; QEMU's are the same */
#define MAX_IRQS 50u

static struct iovec piece(const void *at, size_t len)
{
	struct iovec iov = { .iov_len = len };

	memcpy(&iov.iov_base, &at, sizeof(at));
	return iov;
}

/* ---- forks ---- */

static pthread_once_t forks_once = PTHREAD_ONCE_INIT;
static _Atomic unsigned int forks;

static void count_fork(void)
{
	atomic_fetch_add_explicit(&forks, 1, memory_order_relaxed);
}

static void forks_watch(void)
{
	pthread_atfork(NULL, NULL, count_fork);
}

unsigned int vu_client_forks(void)
{
	return atomic_load_explicit(&forks, memory_order_relaxed);
}

/* ---- connecting ---- */

static int connect_socket(struct vu_client *c, const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int rc;

	if (strlen(path) >= sizeof(addr.sun_path)) {
		vu_client_why_set(c, "%.40s...: a socket's path has at most %zu bytes", path,
				  sizeof(addr.sun_path) - 1);
		return -ENAMETOOLONG;
	}
	memcpy(addr.sun_path, path, strlen(path) + 1);
	c->socket = sys_socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (c->socket < 0)
		return c->socket;
	rc = sys_connect(c->socket, (struct sockaddr *)&addr, sizeof(addr));
	if (rc == -EAGAIN) /* its queue of waiting clients is full */
		rc = -EBUSY;
	if (rc)
		vu_client_why_set(c, "%s: %s", path,
				  rc == -EBUSY	      ? "too many clients are waiting" :
				  rc == -ECONNREFUSED ? "nobody serves this socket; is the card's "
							"process gone?" :
							strerror(-rc));
	return rc;
}

/* Takes the twin socket, when the server made one. */
static int take_twin(struct vu_client *c, int *fd)
{
	if (!c->peer.twin_supported)
		return *fd < 0 ? 0 : -EPROTO;
	if (c->peer.twin_fd_index != 0 || *fd < 0)
		return -EPROTO;
	c->twin = fd_steal(fd);
	return 0;
}

static int negotiate(struct vu_client *c)
{
	static const char json[] = "{\"capabilities\":{\"max_msg_fds\":8,"
				   "\"max_data_xfer_size\":1048576,"
				   "\"twin_socket\":{\"supported\":true}}}";
	struct vu_version ours = { VU_VERSION_MAJOR, VU_VERSION_MINOR }, theirs = { 0 };
	char text[4096];
	CLEANUP_CLOSE int fd = -1;
	struct vu_call call = { .command = VU_VERSION,
				.payload = { piece(&ours, sizeof(ours)),
					     piece(json, sizeof(json)) },
				.payloads = 2,
				.reply = &theirs,
				.reply_len = sizeof(theirs),
				.data = text,
				.data_room = sizeof(text),
				.reply_fd = &fd,
				.timeout_ns = c->opt.connect_timeout_ns };
	const char *problem = NULL;
	int rc = vu_client_call(c, &call);

	if (rc)
		return rc;
	if (theirs.major != VU_VERSION_MAJOR)
		return vu_client_die(c, "the device speaks vfio-user %u.%u; %u.%u is needed",
				     theirs.major, theirs.minor, VU_VERSION_MAJOR,
				     VU_VERSION_MINOR);
	rc = vu_caps_parse(text, call.data_len, &c->peer, &problem);
	if (rc)
		return vu_client_die(c, "the device's capabilities cannot be read: %s",
				     problem ? problem : strerror(-rc));
	if (take_twin(c, &fd))
		return vu_client_die(c, "the device's twin socket does not fit its description");
	return 0;
}

static int read_info(struct vu_client *c)
{
	struct vu_info ask = { .argsz = sizeof(ask) }, info = { 0 };
	struct vu_call call = { .command = VU_DEVICE_GET_INFO,
				.payload = { piece(&ask, sizeof(ask)) },
				.payloads = 1,
				.reply = &info,
				.reply_len = sizeof(info) };
	int rc = vu_client_call(c, &call);

	if (rc)
		return rc;
	if (!(info.flags & VU_DEVICE_PCI) || info.num_regions > MAX_REGIONS ||
	    info.num_irqs > MAX_IRQS)
		return vu_client_die(c, "not a PCI device with at most %u regions and %u "
					"interrupts (flags 0x%x, %u, %u)",
				     MAX_REGIONS, MAX_IRQS, info.flags, info.num_regions,
				     info.num_irqs);
	c->info = (struct vu_device_info){ .can_reset = info.flags & VU_DEVICE_RESETS,
					   .num_regions = info.num_regions,
					   .num_irqs = info.num_irqs };
	return 0;
}

/* A server that is silent, or hangs up before it said anything, serves somebody else. */
static int handshake(struct vu_client *c)
{
	int64_t before = clock_now_ns();
	int rc = negotiate(c);

	if (!rc)
		rc = read_info(c);
	if (rc == -ETIMEDOUT || (c->hung_up && !c->inbox.head.size)) {
		snprintf(c->why, sizeof(c->why),
			 "another client holds the device (its server said nothing for %lld ms)",
			 (long long)((clock_now_ns() - before) / NS_PER_MS));
		return -EBUSY;
	}
	return rc;
}

static struct vu_client *client_new(const struct vu_client_options *opt)
{
	struct vu_client *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->opt = *opt;
	c->pid = getpid();
	pthread_once(&forks_once, forks_watch);
	c->forks = vu_client_forks();
	c->socket = c->twin = c->wake = -1;
	pthread_mutex_init(&c->call_lock, NULL);
	pthread_mutex_init(&c->region_lock, NULL);
	pthread_mutex_init(&c->why_lock, NULL);
	return c;
}

/* The client has a socket, or rc tells why not. */
static int begin(struct vu_client *c, int rc, const struct vu_client_options *opt, char *why, size_t why_len,
		 struct vu_client **ret)
{
	c->opt.on_dead = NULL; /* nothing to tell before there is a client */
	if (!rc)
		rc = handshake(c);
	if (rc) {
		if (rc == -EBUSY && !atomic_load(&c->dead))
			vu_client_why_set(c, "another client holds the device");
		if (why)
			snprintf(why, why_len, "%s", *c->why ? c->why : strerror(-rc));
		vu_client_close(c);
		return rc;
	}
	c->opt.on_dead = opt->on_dead;
	*ret = c;
	return 0;
}

int vu_client_connect(const char *path, const struct vu_client_options *opt, char *why,
		      size_t why_len, struct vu_client **ret)
{
	struct vu_client *c = client_new(opt);

	return c ? begin(c, connect_socket(c, path), opt, why, why_len, ret) : -ENOMEM;
}

int vu_client_adopt(int fd, const struct vu_client_options *opt, char *why, size_t why_len,
		    struct vu_client **ret)
{
	struct vu_client *c = client_new(opt);

	if (!c) {
		sys_close(fd);
		return -ENOMEM;
	}
	c->socket = fd;
	return begin(c, 0, opt, why, why_len, ret);
}

void vu_client_close(struct vu_client *c)
{
	if (!c)
		return;
	vu_client_watch_stop(c);
	vu_client_regions_unmap(c);
	/* A child of fork may have a copy of the descriptor, with which it would keep the device. */
	if (c->socket >= 0 && c->forks == vu_client_forks())
		shutdown(c->socket, SHUT_RDWR);
	if (c->socket >= 0)
		sys_close(c->socket);
	if (c->twin >= 0)
		sys_close(c->twin);
	vu_inbox_done(&c->inbox);
	vu_inbox_done(&c->twin_inbox);
	pthread_mutex_destroy(&c->call_lock);
	pthread_mutex_destroy(&c->region_lock);
	pthread_mutex_destroy(&c->why_lock);
	free(c);
}

bool vu_client_dead(const struct vu_client *c)
{
	return atomic_load(&c->dead);
}

void vu_client_why(struct vu_client *c, char *out, size_t len)
{
	SCOPED_LOCK(&c->why_lock);

	snprintf(out, len, "%s", c->why);
}

void vu_client_device_info(const struct vu_client *c, struct vu_device_info *out)
{
	*out = c->info;
}

/* ---- access ---- */

static int check_length(struct vu_client *c, uint32_t len)
{
	if (len <= c->peer.max_data_xfer_size && len <= VU_MAX_XFER)
		return 0;
	vu_client_why_set(c, "an access of %u bytes, but the device's server takes at most %llu", len,
			  (unsigned long long)c->peer.max_data_xfer_size);
	return -E2BIG;
}

int vu_client_read(struct vu_client *c, uint32_t region, uint64_t offset, void *buf, uint32_t len)
{
	struct vu_access ask = { offset, region, len }, got = { 0 };
	struct vu_call call = { .command = VU_REGION_READ,
				.payload = { piece(&ask, sizeof(ask)) },
				.payloads = 1,
				.reply = &got,
				.reply_len = sizeof(got),
				.data = buf,
				.data_room = len };
	int rc;

	rc = check_length(c, len);
	if (!rc)
		rc = vu_client_call(c, &call);
	if (rc)
		return rc;
	if (call.data_len != len || got.count != len)
		return vu_client_die(c, "the device's server answered a read of %u bytes with %zu",
				     len, call.data_len);
	return 0;
}

int vu_client_write(struct vu_client *c, uint32_t region, uint64_t offset, const void *buf,
		    uint32_t len)
{
	struct vu_access ask = { offset, region, len }, got = { 0 };
	struct vu_call call = { .command = VU_REGION_WRITE,
				.payload = { piece(&ask, sizeof(ask)), piece(buf, len) },
				.payloads = 2,
				.reply = &got,
				.reply_len = sizeof(got) };
	int rc;

	rc = check_length(c, len);
	if (!rc)
		rc = vu_client_call(c, &call);
	if (!rc && got.count != len)
		return vu_client_die(c, "the device's server wrote %u of %u bytes", got.count, len);
	return rc;
}

/* ---- DMA ---- */

int vu_client_dma_map(struct vu_client *c, uint64_t iova, uint64_t size, int fd, uint64_t offset,
		      bool device_reads, bool device_writes)
{
	struct vu_dma_map map = { .argsz = sizeof(map),
				  .flags = (device_reads ? VU_DMA_CAN_READ : 0u) |
					   (device_writes ? VU_DMA_CAN_WRITE : 0u),
				  .offset = fd < 0 ? 0 : offset,
				  .address = iova,
				  .size = size };
	struct vu_call call = { .command = VU_DMA_MAP,
				.payload = { piece(&map, sizeof(map)) },
				.payloads = 1,
				.fds = &fd,
				.num_fds = fd < 0 ? 0 : 1 };
	int rc;

	if (fd < 0 && atomic_fetch_add(&c->message_maps, 1) == 0)
		vu_client_watch_wake(c);
	rc = vu_client_call(c, &call);
	if (rc && fd < 0)
		atomic_fetch_sub(&c->message_maps, 1);
	return rc;
}

int vu_client_dma_unmap(struct vu_client *c, uint64_t iova, uint64_t size, bool by_messages)
{
	struct vu_dma_unmap ask = { .argsz = sizeof(ask), .address = iova, .size = size };
	struct vu_dma_unmap got;
	struct vu_call call = { .command = VU_DMA_UNMAP,
				.payload = { piece(&ask, sizeof(ask)) },
				.payloads = 1,
				.data = &got, /* QEMU-like servers send it back, others do not */
				.data_room = sizeof(got) };
	int rc = vu_client_call(c, &call);

	if (!rc && by_messages)
		atomic_fetch_sub(&c->message_maps, 1);
	return rc;
}

/* ---- interrupts and reset ---- */

int vu_client_irq_count(struct vu_client *c, uint32_t index, uint32_t *count)
{
	struct vu_irq_info ask = { .argsz = sizeof(ask), .index = index }, got = { 0 };
	struct vu_call call = { .command = VU_DEVICE_GET_IRQ_INFO,
				.payload = { piece(&ask, sizeof(ask)) },
				.payloads = 1,
				.reply = &got,
				.reply_len = sizeof(got) };
	int rc;

	if (index >= c->info.num_irqs) {
		*count = 0;
		return 0;
	}
	rc = vu_client_call(c, &call);
	if (!rc)
		*count = got.flags & VU_IRQ_EVENTFD ? got.count : 0;
	return rc;
}

int vu_client_irq_bind(struct vu_client *c, uint32_t index, uint32_t vector, int fd)
{
	struct vu_set_irqs set = { .argsz = sizeof(set),
				   .flags = VU_IRQ_TRIGGER |
					    (fd < 0 ? VU_IRQ_DATA_NONE : VU_IRQ_DATA_EVENTFD),
				   .index = index,
				   .start = fd < 0 ? 0 : vector,
				   .count = fd < 0 ? 0 : 1 };
	struct vu_call call = { .command = VU_DEVICE_SET_IRQS,
				.payload = { piece(&set, sizeof(set)) },
				.payloads = 1,
				.fds = &fd,
				.num_fds = fd < 0 ? 0 : 1 };

	return vu_client_call(c, &call);
}

int vu_client_reset(struct vu_client *c)
{
	struct vu_call call = { .command = VU_DEVICE_RESET };

	if (!c->info.can_reset) {
		vu_client_why_set(c, "the device has no reset");
		return -ENOTSUP;
	}
	return vu_client_call(c, &call);
}
