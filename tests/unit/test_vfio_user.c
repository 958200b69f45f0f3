/* SPDX-License-Identifier: BSD-3-Clause */
/* Our client against our server: what both promise, also when threads meet. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sys.h"
#include "tests/unit/check.h"
#include "vfio-user/client.h"
#include "vfio-user/server.h"

#define BAR 0x4000u

struct rig {
	char path[64];
	struct vu_server *server;
	pthread_t thread;
	bool running;
	uint8_t regs[BAR];
	int regs_fd;
	atomic_int resets, attached, detached;
	atomic_int slow_ms; /* a read at offset 0x100 takes so long */

	struct vu_client *client;
	char why[160];
	atomic_int deaths;
	pthread_mutex_t mem_lock; /* the test's memory is served on the watcher's thread */
	uint8_t mem[0x2000];      /* served by messages at 0x800000 */
};

/* ---- the device ---- */

static int on_read(void *dev, uint32_t region, uint64_t offset, void *buf, uint32_t len)
{
	struct rig *r = dev;

	if (region != VU_BAR0)
		return -EINVAL;
	if (offset == 0x100)
		clock_sleep_ns(atomic_load(&r->slow_ms) * NS_PER_MS);
	memcpy(buf, r->regs + offset, len);
	return 0;
}

static int on_write(void *dev, uint32_t region, uint64_t offset, const void *buf, uint32_t len)
{
	struct rig *r = dev;

	if (region != VU_BAR0)
		return -EINVAL;
	if (offset == 0x108)
		return -EIO;
	memcpy(r->regs + offset, buf, len);
	return 0;
}

static void on_reset(void *dev)
{
	atomic_fetch_add(&((struct rig *)dev)->resets, 1);
}

static void on_attached(void *dev)
{
	atomic_fetch_add(&((struct rig *)dev)->attached, 1);
}

static void on_detached(void *dev)
{
	atomic_fetch_add(&((struct rig *)dev)->detached, 1);
}

static const struct vu_server_ops ops = { .region_read = on_read,
					  .region_write = on_write,
					  .reset = on_reset,
					  .attached = on_attached,
					  .detached = on_detached };

static void *serve(void *arg)
{
	vu_server_run(((struct rig *)arg)->server);
	return NULL;
}

/* ---- the program ---- */

static int on_dma(void *ctx, uint64_t iova, void *data, size_t len, bool write)
{
	struct rig *r = ctx;

	if (iova < 0x800000 || len > sizeof(r->mem) || iova - 0x800000 > sizeof(r->mem) - len)
		return -EFAULT;
	pthread_mutex_lock(&r->mem_lock);
	if (write)
		memcpy(r->mem + (iova - 0x800000), data, len);
	else
		memcpy(data, r->mem + (iova - 0x800000), len);
	pthread_mutex_unlock(&r->mem_lock);
	return 0;
}

static void on_dead(void *ctx)
{
	atomic_fetch_add(&((struct rig *)ctx)->deaths, 1);
}

static int connect_client(struct rig *r, struct vu_client **c)
{
	struct vu_client_options opt = { .connect_timeout_ns = 10 * NS_PER_S,
					 .call_timeout_ns = 500 * NS_PER_MS,
					 .spin_ns = 50 * NS_PER_US,
					 .dma_access = on_dma,
					 .dma_ctx = r,
					 .on_dead = on_dead,
					 .dead_ctx = r };

	return vu_client_connect(r->path, &opt, r->why, sizeof(r->why), c);
}

/* cmocka puts a handler of its own around every function; the library set its handler once. */
static struct sigaction library_sigbus;

static void keep_sigbus(void)
{
	static bool known;

	if (!known)
		sigaction(SIGBUS, NULL, &library_sigbus);
	known = true;
}

static int up(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));
	struct vu_server_config cfg = {
		.regions = { [VU_BAR0] = { .size = BAR, .read = true, .write = true,
					   .num_areas = 1, .areas = { { 0x2000, 0x1000 } } } },
		.irq_count = { [VU_MSIX] = 4 },
		.ops = &ops,
		.dev = r,
	};

	if (!r)
		return -1;
	pthread_mutex_init(&r->mem_lock, NULL);
	snprintf(r->path, sizeof(r->path), "/tmp/opae-test-vu.%d", getpid());
	r->regs_fd = sys_memfd("regs", 0);
	cfg.path = r->path;
	cfg.regions[VU_BAR0].fd = r->regs_fd;
	if (sys_ftruncate(r->regs_fd, BAR) || vu_server_new(&cfg, &r->server) ||
	    pthread_create(&r->thread, NULL, serve, r))
		return -1;
	keep_sigbus();
	r->running = true;
	*state = r;
	return connect_client(r, &r->client);
}

static void stop_server(struct rig *r)
{
	if (!r->running)
		return;
	vu_server_stop(r->server);
	pthread_join(r->thread, NULL);
	r->running = false;
}

static int down(void **state)
{
	struct rig *r = *state;

	vu_client_close(r->client);
	stop_server(r);
	vu_server_free(r->server);
	close(r->regs_fd);
	pthread_mutex_destroy(&r->mem_lock);
	free(r);
	return 0;
}

static void wait_for(atomic_int *v, int want)
{
	for (int i = 0; i < 5000 && atomic_load(v) != want; i++)
		clock_sleep_ns(NS_PER_MS);
	assert_int_equal(atomic_load(v), want);
}

/* ---- tests ---- */

static void accesses(void **state)
{
	struct rig *r = *state;
	uint64_t v = 0x1234, got = 0;
	struct vu_device_info info;
	uint32_t n;

	vu_client_device_info(r->client, &info);
	assert_true(info.can_reset);
	assert_int_equal(vu_client_irq_count(r->client, VU_MSIX, &n), 0);
	assert_int_equal(n, 4);
	assert_int_equal(vu_client_write(r->client, 0, 8, &v, 8), 0);
	assert_int_equal(vu_client_read(r->client, 0, 8, &got, 8), 0);
	assert_int_equal(got, v);
	assert_int_equal(vu_client_read(r->client, 0, BAR - 8, &got, 8), 0);
	assert_int_equal(vu_client_read(r->client, 0, BAR - 7, &got, 8), -EINVAL);
	assert_int_equal(vu_client_read(r->client, 0, UINT64_MAX, &got, 8), -EINVAL);
	assert_int_equal(vu_client_read(r->client, 1, 0, &got, 8), -EINVAL);
	assert_int_equal(vu_client_read(r->client, 99, 0, &got, 8), -EINVAL);
	assert_int_equal(vu_client_write(r->client, 0, 0x108, &v, 8), -EIO);
	assert_false(vu_client_dead(r->client)); /* a refusal is an answer */
	assert_int_equal(vu_client_reset(r->client), 0);
	assert_int_equal(atomic_load(&r->resets), 1);
}

static void mapped_area_is_the_devices_memory(void **state)
{
	struct rig *r = *state;
	struct vu_region reg;
	uint64_t v = 0;

	assert_int_equal(vu_client_region(r->client, 0, &reg), 0);
	assert_int_equal(reg.size, BAR);
	assert_int_equal(reg.num_areas, 1);
	assert_int_equal(reg.areas[0].offset, 0x2000);
	*(uint64_t *)reg.areas[0].map = 77;
	assert_int_equal(sys_pread(r->regs_fd, &v, 8, 0x2000), 8);
	assert_int_equal(v, 77);
	assert_int_equal(vu_client_region(r->client, 3, &reg), 0);
	assert_int_equal(reg.size, 0);
	assert_int_equal(vu_client_region(r->client, 1000, &reg), 0);
	assert_int_equal(reg.size, 0);
}

static void a_second_client_is_told_at_once(void **state)
{
	struct rig *r = *state;
	struct vu_client *second;
	int64_t begin = clock_now_ns();

	assert_int_equal(connect_client(r, &second), -EBUSY);
	assert_true(clock_now_ns() - begin < 5 * NS_PER_S); /* told, and not timed out */
	assert_non_null(strstr(r->why, "another client"));
	vu_client_close(r->client);
	r->client = NULL;
	assert_int_equal(connect_client(r, &r->client), 0);
	wait_for(&r->attached, 2);
	assert_int_equal(atomic_load(&r->detached), 1);
}

static void dma_by_descriptor(void **state)
{
	struct rig *r = *state;
	char got[8] = { 0 };
	uint64_t where = 0;
	void *mem;
	int fd = sys_memfd("dma", 0);

	assert_int_equal(sys_ftruncate(fd, 0x3000), 0);
	assert_int_equal(sys_mmap(NULL, 0x3000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0, &mem),
			 0);
	assert_int_equal(vu_client_dma_map(r->client, 0x100000, 0x3000, fd, 0, true, true), 0);
	memcpy((char *)mem + 0xffe, "span", 4);
	assert_int_equal(vu_server_dma_read(r->server, 0x100ffe, got, 4), 0);
	assert_string_equal(got, "span");
	assert_int_equal(vu_server_dma_copy(r->server, 0x102000, 0x100ffe, 4, &where), 0);
	assert_memory_equal((char *)mem + 0x2000, "span", 4);
	/* The first bad byte ends it, and is told. */
	assert_int_equal(vu_server_dma_read(r->server, 0x102ffc, got, 8), -EFAULT);
	assert_int_equal(vu_server_dma_copy(r->server, 0x102ffc, 0x100000, 8, &where), -EFAULT);
	assert_int_equal(where, 0x103000);
	assert_int_equal(vu_server_dma_read(r->server, UINT64_MAX - 2, got, 8), -EFAULT);
	/* Overlaps are refused; the same again is fine. */
	assert_int_equal(vu_client_dma_map(r->client, 0x102000, 0x2000, fd, 0, true, true),
			 -EEXIST);
	assert_int_equal(vu_client_dma_map(r->client, 0x100000, 0x3000, fd, 0, true, true), 0);
	assert_int_equal(vu_client_dma_map(r->client, 0x200000, 0x4000, fd, 0, true, true),
			 -EINVAL); /* the file is shorter */
	assert_int_equal(vu_client_dma_map(r->client, 0x200000, 0, fd, 0, true, true), -EINVAL);
	assert_int_equal(vu_client_dma_map(r->client, UINT64_MAX - 0xfff, 0x2000, fd, 0, true,
					   true), -EINVAL);
	assert_int_equal(vu_client_dma_unmap(r->client, 0x100000, 0x3000, false), 0);
	assert_int_equal(vu_server_dma_read(r->server, 0x100000, got, 1), -EFAULT);
	sys_munmap(mem, 0x3000);
	close(fd);
}

static void dma_directions(void **state)
{
	struct rig *r = *state;
	char byte = 0;
	int fd = sys_memfd("dma", 0);

	assert_int_equal(sys_ftruncate(fd, 0x1000), 0);
	assert_int_equal(vu_client_dma_map(r->client, 0x100000, 0x1000, fd, 0, true, false), 0);
	assert_int_equal(vu_server_dma_read(r->server, 0x100000, &byte, 1), 0);
	assert_int_equal(vu_server_dma_write(r->server, 0x100000, &byte, 1), -EFAULT);
	close(fd);
}

/* The client cuts its file short under a mapped range: an error for the device, no signal. */
static void a_file_that_shrinks(void **state)
{
	struct rig *r = *state;
	char got[8];
	int fd = sys_memfd("dma", 0);

	sigaction(SIGBUS, &library_sigbus, NULL);
	assert_int_equal(sys_ftruncate(fd, 0x2000), 0);
	assert_int_equal(vu_client_dma_map(r->client, 0x100000, 0x2000, fd, 0, true, true), 0);
	assert_int_equal(sys_ftruncate(fd, 0), 0);
	assert_int_equal(vu_server_dma_read(r->server, 0x101000, got, 8), -EFAULT);
	assert_int_equal(vu_server_dma_write(r->server, 0x100000, got, 8), -EFAULT);
	close(fd);
}

static void dma_by_messages(void **state)
{
	struct rig *r = *state;
	static uint8_t big[0x2000];
	uint64_t where;

	assert_int_equal(vu_client_watch(r->client), 0);
	assert_int_equal(vu_client_dma_map(r->client, 0x800000, 0x2000, -1, 0, true, true), 0);
	memset(r->mem, 3, sizeof(r->mem));
	assert_int_equal(vu_server_dma_read(r->server, 0x800000, big, sizeof(big)), 0);
	assert_int_equal(big[0x1fff], 3);
	memset(big, 4, sizeof(big));
	assert_int_equal(vu_server_dma_write(r->server, 0x800001, big, 0x1000), 0);
	pthread_mutex_lock(&r->mem_lock);
	assert_int_equal(r->mem[0], 3);
	assert_int_equal(r->mem[0x1000], 4);
	assert_int_equal(r->mem[0x1001], 3);
	pthread_mutex_unlock(&r->mem_lock);
	assert_int_equal(vu_server_dma_copy(r->server, 0x801800, 0x800001, 0x800, &where), 0);
	assert_int_equal(vu_server_dma_read(r->server, 0x801fff, big, 2), -EFAULT);
	assert_int_equal(vu_client_dma_unmap(r->client, 0x800000, 0x2000, true), 0);
	assert_int_equal(vu_server_dma_read(r->server, 0x800000, big, 1), -EFAULT);
}

static uint64_t atomic_op(struct rig *r, uint64_t at, enum vu_atomic_op op, unsigned int bytes,
			  uint64_t operand, uint64_t compare)
{
	uint64_t old = 0xdead;

	assert_int_equal(vu_server_dma_atomic(r->server, at, op, bytes, operand, compare, &old), 0);
	return old;
}

static void atomics(void **state)
{
	struct rig *r = *state;
	uint64_t *word;
	void *mem;
	int fd = sys_memfd("dma", 0);

	assert_int_equal(sys_ftruncate(fd, 0x1000), 0);
	assert_int_equal(sys_mmap(NULL, 0x1000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0, &mem), 0);
	word = mem;
	assert_int_equal(vu_client_dma_map(r->client, 0x100000, 0x1000, fd, 0, true, true), 0);
	word[0] = 0x1ffffffff;
	assert_int_equal(atomic_op(r, 0x100000, VU_FETCH_ADD, 8, 2, 0), 0x1ffffffff);
	assert_int_equal(word[0], 0x200000001);
	assert_int_equal(atomic_op(r, 0x100000, VU_FETCH_ADD, 4, UINT32_MAX, 0), 1);
	assert_int_equal(word[0], 0x200000000); /* the other half is untouched */
	assert_int_equal(atomic_op(r, 0x100004, VU_SWAP, 4, 0x777777777, 0), 2);
	assert_int_equal(word[0], UINT64_C(0x7777777700000000));
	assert_int_equal(atomic_op(r, 0x100ff8, VU_SWAP, 8, 5, 0), 0);
	assert_int_equal(atomic_op(r, 0x100ff8, VU_COMPARE_SWAP, 8, 6, 4), 5);
	assert_int_equal(word[511], 5);
	assert_int_equal(atomic_op(r, 0x100ff8, VU_COMPARE_SWAP, 8, 6, 5), 5);
	assert_int_equal(word[511], 6);
	assert_int_equal(atomic_op(r, 0x100ff8, VU_COMPARE_SWAP, 4, 7, UINT64_C(0x900000006)), 6);
	assert_int_equal(word[511], 7);
	sys_munmap(mem, 0x1000);
	close(fd);
}

static void atomics_that_are_refused(void **state)
{
	struct rig *r = *state;
	uint64_t old = 77;
	int fd = sys_memfd("dma", 0);
	static const struct {
		uint64_t at;
		unsigned int op, bytes;
		int want;
	} rows[] = {
		{ 0x100004, VU_SWAP, 8, -EINVAL }, { 0x100002, VU_SWAP, 4, -EINVAL },
		{ 0x100000, VU_SWAP, 2, -EINVAL }, { 0x100000, VU_SWAP, 16, -EINVAL },
		{ 0x100000, 3, 8, -EINVAL },	   { 0x102000, VU_SWAP, 8, -EFAULT },
		{ 0x200000, VU_SWAP, 8, -EFAULT }, { 0x300000, VU_SWAP, 8, -EFAULT },
		{ 0x800000, VU_SWAP, 8, -EOPNOTSUPP },
		{ UINT64_MAX - 7, VU_SWAP, 8, -EFAULT },
	};

	sigaction(SIGBUS, &library_sigbus, NULL);
	assert_int_equal(sys_ftruncate(fd, 0x2000), 0);
	assert_int_equal(vu_client_dma_map(r->client, 0x100000, 0x2000, fd, 0, true, true), 0);
	assert_int_equal(vu_client_dma_map(r->client, 0x200000, 0x1000, fd, 0, true, false), 0);
	assert_int_equal(vu_client_dma_map(r->client, 0x300000, 0x1000, fd, 0, false, true), 0);
	assert_int_equal(vu_client_dma_map(r->client, 0x800000, 0x2000, -1, 0, true, true), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(vu_server_dma_atomic(r->server, rows[i].at,
						      (enum vu_atomic_op)rows[i].op, rows[i].bytes,
						      1, 0, &old), rows[i].want);
	assert_int_equal(sys_ftruncate(fd, 0), 0); /* under the mapping: an error, no signal */
	assert_int_equal(vu_server_dma_atomic(r->server, 0x100000, VU_FETCH_ADD, 8, 1, 0, &old),
			 -EFAULT);
	assert_int_equal(old, 77);
	close(fd);
}

#define ADDS 200000

static void *add_loop(void *arg)
{
	for (int i = 0; i < ADDS; i++)
		__atomic_fetch_add((uint64_t *)arg, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

/* The program counts on the same word: nothing is lost. */
static void atomics_are_atomic(void **state)
{
	struct rig *r = *state;
	pthread_t thread;
	void *mem;
	int fd = sys_memfd("dma", 0);

	assert_int_equal(sys_ftruncate(fd, 0x1000), 0);
	assert_int_equal(sys_mmap(NULL, 0x1000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0, &mem), 0);
	assert_int_equal(vu_client_dma_map(r->client, 0x100000, 0x1000, fd, 0, true, true), 0);
	assert_int_equal(pthread_create(&thread, NULL, add_loop, mem), 0);
	for (int i = 0; i < ADDS; i++)
		atomic_op(r, 0x100000, VU_FETCH_ADD, 8, 1, 0);
	pthread_join(thread, NULL);
	assert_int_equal(*(uint64_t *)mem, 2 * ADDS);
	sys_munmap(mem, 0x1000);
	close(fd);
}

/* The device asks for memory while the program waits for a register. */
static void *dma_loop(void *arg)
{
	struct rig *r = arg;
	char buf[256];

	for (int i = 0; i < 200; i++)
		if (vu_server_dma_read(r->server, 0x800000, buf, sizeof(buf)))
			return (void *)1;
	return NULL;
}

static void dma_while_a_call_waits(void **state)
{
	struct rig *r = *state;
	pthread_t t;
	void *result = (void *)1;
	uint64_t v;

	assert_int_equal(vu_client_watch(r->client), 0);
	assert_int_equal(vu_client_dma_map(r->client, 0x800000, 0x2000, -1, 0, true, true), 0);
	assert_int_equal(pthread_create(&t, NULL, dma_loop, r), 0);
	for (int i = 0; i < 500; i++)
		assert_int_equal(vu_client_read(r->client, 0, 0, &v, 8), 0);
	pthread_join(t, &result);
	assert_null(result);
}

static void interrupts(void **state)
{
	struct rig *r = *state;
	uint64_t n;
	int fd = sys_eventfd(0, EFD_NONBLOCK);

	assert_int_equal(vu_server_irq(r->server, VU_MSIX, 1), 0); /* none bound */
	assert_int_equal(vu_client_irq_bind(r->client, VU_MSIX, 1, fd), 0);
	assert_int_equal(vu_server_irq(r->server, VU_MSIX, 1), 0);
	assert_int_equal(vu_server_irq(r->server, VU_MSIX, 0), 0);
	assert_int_equal(read(fd, &n, 8), 8);
	assert_int_equal(n, 1);
	assert_int_equal(vu_server_irq(r->server, VU_MSIX, 4), -EINVAL);
	assert_int_equal(vu_client_irq_bind(r->client, VU_MSIX, 4, fd), -EINVAL);
	assert_int_equal(vu_client_irq_bind(r->client, VU_MSIX, 0, r->regs_fd), -EINVAL);
	/* A counter that is full must not stop the device. */
	n = UINT64_MAX - 1;
	assert_int_equal(write(fd, &n, 8), 8);
	assert_int_equal(vu_server_irq(r->server, VU_MSIX, 1), 0);
	assert_int_equal(read(fd, &n, 8), 8);
	assert_int_equal(vu_client_irq_bind(r->client, VU_MSIX, 0, -1), 0);
	assert_int_equal(vu_server_irq(r->server, VU_MSIX, 1), 0);
	assert_int_equal(read(fd, &n, 8), -1);
	close(fd);
}

static void a_server_that_goes_away(void **state)
{
	struct rig *r = *state;
	uint64_t v;

	assert_int_equal(vu_client_watch(r->client), 0);
	stop_server(r);
	wait_for(&r->deaths, 1);
	assert_true(vu_client_dead(r->client));
	assert_int_equal(vu_client_read(r->client, 0, 0, &v, 8), -EIO);
	vu_client_why(r->client, r->why, sizeof(r->why));
	assert_non_null(strstr(r->why, "gone"));
	assert_int_equal(atomic_load(&r->deaths), 1);
}

static void an_answer_that_is_late(void **state)
{
	struct rig *r = *state;
	int64_t begin = clock_now_ns();
	uint64_t v;

	atomic_store(&r->slow_ms, 700);
	assert_int_equal(vu_client_read(r->client, 0, 0x100, &v, 8), -ETIMEDOUT);
	assert_true(clock_now_ns() - begin >= 500 * NS_PER_MS);
	vu_client_why(r->client, r->why, sizeof(r->why));
	assert_non_null(strstr(r->why, "500 ms"));
	atomic_store(&r->slow_ms, 0);
	/* Dead is dead: the late answer is not taken for the next one's. */
	assert_int_equal(vu_client_read(r->client, 0, 0, &v, 8), -EIO);
}

static void *read_loop(void *arg)
{
	struct rig *r = arg;
	uint64_t v;

	for (int i = 0; i < 300; i++)
		if (vu_client_read(r->client, 0, 8, &v, 8) || v != 0x1234)
			return (void *)1;
	return NULL;
}

static void threads_take_turns(void **state)
{
	struct rig *r = *state;
	uint64_t v = 0x1234;
	pthread_t t[4];
	void *result;

	assert_int_equal(vu_client_write(r->client, 0, 8, &v, 8), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&t[i], NULL, read_loop, r), 0);
	for (int i = 0; i < 4; i++) {
		pthread_join(t[i], &result);
		assert_null(result);
	}
}

static void no_such_server(void **state)
{
	struct rig *r = *state;
	struct vu_client *c;
	char path[sizeof(r->path)];

	memcpy(path, r->path, sizeof(path));
	snprintf(r->path, sizeof(r->path), "/tmp/opae-test-none.%d", getpid());
	assert_int_equal(connect_client(r, &c), -ENOENT);
	memcpy(r->path, path, sizeof(path));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(accesses), RIGGED(mapped_area_is_the_devices_memory),
		RIGGED(a_second_client_is_told_at_once), RIGGED(dma_by_descriptor),
		RIGGED(dma_directions), RIGGED(a_file_that_shrinks), RIGGED(dma_by_messages),
		RIGGED(atomics), RIGGED(atomics_that_are_refused), RIGGED(atomics_are_atomic),
		RIGGED(dma_while_a_call_waits), RIGGED(interrupts),
		RIGGED(a_server_that_goes_away), RIGGED(an_answer_that_is_late),
		RIGGED(threads_take_turns), RIGGED(no_such_server),
	};

	return RUN(tests);
}
