/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The n-th call to the kernel fails, for every n until nothing is left to fail: whatever the library
 * was doing then ends with an error, or goes on without what it did not need; no descriptor and no
 * memory is left behind (the sanitizers' trees see the latter), and the next try works.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sys.h"
#include "plugins/vfio/card.h"
#include "tests/unit/check.h"
#include "tests/unit/fake-device.h"
#include "tests/unit/seam.h"
#include "vfio-user/client.h"
#include "vfio-user/server.h"

/* The server opens and closes its end in its own time: the number must come, and stay for a while. */
static bool settles(int number)
{
	int in_a_row = 0;

	for (int i = 0; i < 5000 && in_a_row < 5; i++) {
		in_a_row = seam_count_fds() == number ? in_a_row + 1 : 0;
		clock_sleep_ns(NS_PER_MS / 2);
	}
	return in_a_row == 5;
}

/* Runs the job with the n-th call failing, for n = 1, 2, ... until it ends without having failed. */
static void fail_each(void (*job)(void *ctx), void *ctx, int minimum)
{
	static const int errors[] = { ENOMEM, EMFILE, EIO };
	int n = 0, before = seam_count_fds();

	for (size_t e = 0; e < sizeof(errors) / sizeof(errors[0]); e++) {
		n = 0;
		do {
			assert_true(++n < 1000);
			seam_arm(n, errors[e], false);
			job(ctx);
			seam_disarm();
			assert_true(settles(before));
		} while (seam_failed());
		assert_true(n > minimum); /* something was there to fail */
	}
}

/* ---- buffers ---- */

static void buffers_job(void *ctx)
{
	struct handle *h = ctx;
	void *own = NULL, *pages, *given;
	uint64_t w[2] = { 0, 0 };
	bool was = seam_pause();

	assert_int_equal(sys_mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
				  -1, 0, &pages), 0);
	memset(pages, 3, 8192);
	seam_resume(was);
	given = pages;
	if (vfio_prepare_buffer(h, 3 << 20, &own, &w[0], 0) == FPGA_OK)
		memset(own, 1, 3 << 20);
	if (vfio_prepare_buffer(h, 8192, &given, &w[1], FPGA_BUF_PREALLOCATED) == FPGA_OK) {
		memset(given, 4, 8192);
		assert_int_equal(vfio_release_buffer(h, w[1]), FPGA_OK);
		assert_int_equal(((char *)pages)[8191], 4);
	} else {
		assert_int_equal(((char *)pages)[8191], 3); /* nothing was lost */
	}
	if (w[0])
		assert_int_equal(vfio_release_buffer(h, w[0]), FPGA_OK);
	seam_disarm();
	sys_munmap(pages, 8192);
}

static void buffers_survive(void **state)
{
	struct fake_device dev;
	struct card card = { 0 };
	struct handle h = { .dev = &dev.base, .card = &card };

	(void)state;
	fake_init(&dev, 4096);
	buffers_init(&card.buffers);
	buffers_attach(&card.buffers, h.dev);
	fail_each(buffers_job, &h, 8);
	assert_int_equal(dev.addresses.space.num, 1); /* every address came back */
	buffers_release_all(&card.buffers, h.dev, NULL);
	buffers_done(&card.buffers);
	fake_done(&dev);
}

/* ---- the client ---- */

static int on_read(void *dev, uint32_t region, uint64_t offset, void *buf, uint32_t len)
{
	(void)dev;
	(void)region;
	(void)offset;
	memset(buf, 5, len);
	return 0;
}

static int on_write(void *dev, uint32_t region, uint64_t offset, const void *buf, uint32_t len)
{
	(void)dev;
	(void)region;
	(void)offset;
	(void)buf;
	(void)len;
	return 0;
}

static void on_reset(void *dev)
{
	(void)dev;
}

static const struct vu_server_ops server_ops = { .region_read = on_read, .region_write = on_write,
						 .reset = on_reset };

static void *serve(void *server)
{
	vu_server_run(server);
	return NULL;
}

static void client_job(void *path)
{
	struct vu_client_options opt = { .connect_timeout_ns = NS_PER_S,
					 .call_timeout_ns = NS_PER_S };
	struct vu_client *c = NULL;
	struct vu_region region;
	uint64_t v;
	int fd = sys_kernel.memfd("dma", 0);
	int rc;

	assert_int_equal(sys_kernel.ftruncate(fd, 4096), 0);
	do /* the one before may not have been let go yet */
		rc = vu_client_connect(path, &opt, NULL, 0, &c);
	while (rc == -EBUSY && !seam_failed());
	if (!rc) {
		/* What came before the failure worked; what came after is an error, never a hang. */
		vu_client_watch(c);
		if (!vu_client_region(c, 0, &region) && region.num_areas)
			*(volatile uint64_t *)region.areas[0].map = 1;
		if (!vu_client_read(c, 0, 8, &v, 8))
			assert_int_equal(v, 0x0505050505050505);
		vu_client_dma_map(c, 0x100000, 4096, fd, 0, true, true);
		vu_client_irq_bind(c, VU_MSIX, 0, -1);
		vu_client_reset(c);
		vu_client_close(c);
	}
	seam_disarm();
	close(fd);
}

static void the_client_survives(void **state)
{
	char path[64];
	struct vu_server_config cfg = {
		.path = path,
		.regions = { [VU_BAR0] = { .size = 0x2000, .read = true, .write = true,
					   .num_areas = 1, .areas = { { 0x1000, 0x1000 } } } },
		.irq_count = { [VU_MSIX] = 1 },
		.ops = &server_ops,
	};
	struct vu_server *s;
	pthread_t t;

	(void)state;
	snprintf(path, sizeof(path), "/tmp/opae-test-faults.%d", getpid());
	cfg.regions[VU_BAR0].fd = sys_memfd("regs", 0);
	assert_int_equal(sys_ftruncate(cfg.regions[VU_BAR0].fd, 0x2000), 0);
	assert_int_equal(vu_server_new(&cfg, &s), 0);
	assert_int_equal(pthread_create(&t, NULL, serve, s), 0);
	fail_each(client_job, path, 15);
	vu_server_stop(s);
	pthread_join(t, NULL);
	vu_server_free(s);
	close(cfg.regions[VU_BAR0].fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(buffers_survive),
		cmocka_unit_test(the_client_survives),
	};

	sys_set(seam_table());
	return RUN(tests);
}
