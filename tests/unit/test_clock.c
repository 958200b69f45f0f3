/* SPDX-License-Identifier: BSD-3-Clause */
/* The user clock of a port by each of its faces, in a small sysfs that is also missing, empty or full of
 * rubbish. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "dev/sysfs.h"
#include "emu/user-clock.h"
#include "plugins/local/local.h"
#include "tests/unit/check.h"
#include "tests/unit/fake-tree.h"

#define CARD "0000:b1:00.0"
#define PORT "/sys/class/fpga_region/region0/dfl-port.0"
#define FEATURE PORT "/dfl_dev.7"
#define USERCLK FEATURE "/userclk"

static struct dfl_device port = {
	.kind = DFL_PORT, .address = CARD, .dir = PORT, .node = "/dev/dfl-port.0"
};
static char why[512];
static struct handle handle;
static opae_api_adapter_table table;

/* ---- the rest of the plugin ---- */

fpga_result say(fpga_result r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	return r;
}

fpga_result alive(const struct handle *h, const char *call)
{
	return h->dead ? say(FPGA_EXCEPTION, "%s: gone", call) : FPGA_OK;
}

const char *dfl_name(const struct dfl_device *d)
{
	return strrchr(d->node, '/') + 1;
}

/* ---- the tree ---- */

static int up(void **state)
{
	(void)state;
	fake_tree_begin();
	fake_tree_folder("/sys/devices/pci0000:b0/" CARD "/fpga_region/region0/dfl-port.0");
	fake_tree_folder("/sys/class/fpga_region");
	fake_tree_link("/sys/class/fpga_region", "region0",
		       "../../devices/pci0000:b0/" CARD "/fpga_region/region0");
	fake_tree_folder(PORT "/dfl_dev.3");
	fake_tree_file(PORT "/dfl_dev.3", "feature_id", "0x13\n");
	memset(&handle, 0, sizeof(handle));
	handle.token.dev = port;
	fill_clock(&table);
	*why = 0;
	return 0;
}

static int down(void **state)
{
	(void)state;
	fake_tree_remove();
	return 0;
}

static void remove_path(const char *path)
{
	char command[256];

	snprintf(command, sizeof(command), "rm -rf '%s%s'", fake_tree_root(), path);
	assert_int_equal(system(command), 0);
}

static void frequency(const char *text)
{
	fake_tree_folder(USERCLK);
	fake_tree_file(USERCLK, "frequency", text);
}

static fpga_result get(uint64_t *high, uint64_t *low)
{
	*high = *low = 77;
	*why = 0;
	return table.fpgaGetUserClock(&handle, high, low, 0);
}

static fpga_result set(uint64_t high, uint64_t low)
{
	*why = 0;
	return table.fpgaSetUserClock(&handle, high, low, 0);
}

static void fails(fpga_result r, fpga_result wanted, const char *word)
{
	assert_int_equal(r, wanted);
	if (!strstr(why, word))
		fail_msg("'%s' is not in '%s'", word, why);
}

static void get_fails(fpga_result wanted, const char *word)
{
	uint64_t high, low;

	fails(get(&high, &low), wanted, word);
	assert_int_equal(high, 77);
	assert_int_equal(low, 77);
}

/* ---- what every face has in common ---- */

static void arguments(void **state)
{
	uint64_t high, low;

	(void)state;
	frequency("156250 312500\n");
	fails(table.fpgaGetUserClock(&handle, &high, &low, 1), FPGA_INVALID_PARAM, "0x1");
	fails(table.fpgaSetUserClock(&handle, 200, 100, 4), FPGA_INVALID_PARAM, "0x4");
	fails(set(0, 0), FPGA_INVALID_PARAM, "at least 25 MHz");
	fails(set(24, 12), FPGA_INVALID_PARAM, "at least 25 MHz");
	fails(set(200, 9), FPGA_INVALID_PARAM, "the low one 10");
	fails(set(200, 201), FPGA_INVALID_PARAM, "above the high one");
	fails(set(1201, 0), FPGA_INVALID_PARAM, "25 to 1200 MHz, not to 1201");
	fails(set(0, UINT64_MAX), FPGA_INVALID_PARAM, "25 to 1200 MHz");
	handle.token.dev.kind = DFL_FME;
	fails(set(200, 100), FPGA_INVALID_PARAM, "accelerator");
	fails(table.fpgaGetUserClock(&handle, &high, &low, 0), FPGA_INVALID_PARAM, "accelerator");
	handle.token.dev.kind = DFL_PORT;
	handle.dead = true;
	fails(set(200, 100), FPGA_EXCEPTION, "gone");
	get_fails(FPGA_EXCEPTION, "gone");
}

static void no_face(void **state)
{
	(void)state;
	get_fails(FPGA_NOT_SUPPORTED, "neither dfl*/userclk/frequency");
	fails(set(200, 100), FPGA_NOT_SUPPORTED, "dfl-port.0 shows no user clock");
	fake_tree_folder(FEATURE);
	fake_tree_file(FEATURE, "feature_id", "0x14\n");
	get_fails(FPGA_NOT_SUPPORTED, "modprobe uio_dfl");
	remove_path("/sys/class/fpga_region/region0");
	get_fails(FPGA_EXCEPTION, "is gone");
	fails(set(200, 100), FPGA_EXCEPTION, "is gone");
}

/* ---- the attribute of a driver of its own ---- */

static void an_attribute_is_read(void **state)
{
	static const char *bad[] = { "",	  "\n",
				     "156250",	  "156250 ",
				     "a b",	  "156250 312500 7",
				     "-1 -2",	  "156250,312500",
				     "0x10 0x20", "1 99999999999999999999999" };
	uint64_t high, low;
	char huge[9000];

	(void)state;
	frequency("156250 312500\n");
	assert_int_equal(get(&high, &low), FPGA_OK);
	assert_int_equal(high, 312500000);
	assert_int_equal(low, 156250000);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		frequency(bad[i]);
		get_fails(FPGA_EXCEPTION, "userclk/frequency does not hold two numbers");
	}
	memset(huge, '1', sizeof(huge) - 1);
	huge[sizeof(huge) - 1] = 0;
	frequency(huge);
	get_fails(FPGA_EXCEPTION, "does not hold two numbers");
	remove_path(USERCLK "/frequency");
	fake_tree_folder(USERCLK "/frequency"); /* there is something, but no file */
	get_fails(FPGA_EXCEPTION, "userclk/frequency");
}

static void numbers_written(uint32_t v[8])
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s" USERCLK "/frequency", fake_tree_root());
	f = fopen(path, "re");
	assert_non_null(f);
	assert_int_equal(fread(v, sizeof(*v), 9, f), 8);
	fclose(f);
}

/* The driver takes its numbers in one piece: kHz of the low clock, m, n, c1, c0, filter, pump, capacitance.
 */
static void an_attribute_is_written(void **state)
{
	static const uint32_t stratix[8] = { 100000, 0x808, 0x10000, 0x808, 0x404, 0xc0, 4, 2 },
			      agilex[8] = { 100000, 0x707, 0x10000, 0x707, 0x20403, 0xc0, 4, 0 };
	uint32_t v[9];

	(void)state;
	frequency("");
	assert_int_equal(set(200, 100), FPGA_OK);
	numbers_written(v);
	assert_memory_equal(v, stratix, sizeof(stratix));
	fake_tree_file(FEATURE, "feature_rev", "1\n");
	fake_tree_file(USERCLK, "ref_frequency", "100000\n");
	assert_int_equal(set(200, 0), FPGA_OK);
	numbers_written(v);
	assert_memory_equal(v, agilex, sizeof(agilex));
	assert_int_equal(set(0, 100), FPGA_OK);
	numbers_written(v);
	assert_memory_equal(v, agilex, sizeof(agilex));
	assert_int_equal(local_set_clock(&port, 800, 800, "a call"), FPGA_OK);
	numbers_written(v);
	assert_int_equal(v[0], 800000);
	assert_int_equal(local_check_clock(&port, 200, 100, "a call"), FPGA_OK); /* and nothing is set */
	numbers_written(v);
	assert_int_equal(v[0], 800000);
	fails(local_check_clock(&port, 2000, 100, "a call"), FPGA_INVALID_PARAM, "a call: ");
}

static void an_attribute_with_odd_neighbours(void **state)
{
	(void)state;
	frequency("");
	fails(set(601, 300), FPGA_INVALID_PARAM, "Stratix 10 go from 25 to 600 MHz, not to 601");
	fake_tree_file(FEATURE, "feature_rev", "2\n");
	fails(set(200, 100), FPGA_NOT_SUPPORTED, "revision 2");
	fake_tree_file(FEATURE, "feature_rev", "99999999999999999999\n");
	assert_int_equal(set(200, 100), FPGA_OK); /* rubbish is as if it were not there */
	fake_tree_file(FEATURE, "feature_rev", "1\n");
	fake_tree_file(USERCLK, "ref_frequency", "0\n");
	fails(set(200, 100), FPGA_EXCEPTION, "should be 0 kHz");
	fake_tree_file(USERCLK, "ref_frequency", "125000\n");
	assert_int_equal(set(250, 125), FPGA_OK);
}

/* ---- the port's own attributes ---- */

static void port_attributes_are_read(void **state)
{
	uint64_t high, low;

	(void)state;
	fake_tree_file(PORT, "userclk_freqcntrcmd", "");
	fake_tree_file(PORT, "userclk_freqsts", "0x1000000000000000\n");
	fake_tree_file(PORT, "userclk_freqcntrsts", "0x4000000100007a12\n"); /* the high one, for ever */
	get_fails(FPGA_EXCEPTION, "did not answer in time");
	fake_tree_file(PORT, "userclk_freqsts", "0x0\n");
	get_fails(FPGA_BUSY, "not locked");
	fake_tree_file(PORT, "userclk_freqsts", "");
	get_fails(FPGA_EXCEPTION, "no such number");
	fake_tree_file(PORT, "userclk_freqsts", "0xffffffffffffffff\n");
	get_fails(FPGA_EXCEPTION, "is gone");
	remove_path(PORT "/userclk_freqsts");
	assert_int_equal(get(&high, &low), FPGA_NOT_FOUND);
	fails(set(200, 100), FPGA_NOT_SUPPORTED, "dfl*/userclk/frequency");
}

/* ---- a UIO device ---- */

#define UIO_OFFSET 0x800u /* of the registers in their page */

static struct {
	pthread_t thread;
	uint8_t *page;
	uint64_t *regs;
	atomic_bool stop;
} counter;

/* Plays the counter: whatever is to be measured is. */
static void *count(void *arg)
{
	struct user_clock c;

	user_clock_reset(&c);
	while (!atomic_load(&counter.stop)) {
		user_clock_written(&c, USER_CLOCK_CMD1,
				   __atomic_load_n(&counter.regs[2], __ATOMIC_ACQUIRE));
		for (unsigned int i = 3; i <= 4; i++)
			__atomic_store_n(&counter.regs[i], user_clock_status(&c, i * 8), __ATOMIC_RELEASE);
		usleep(500);
	}
	return arg;
}

static void make_uio(const char *size)
{
	fake_tree_folder(FEATURE "/uio/uio0/maps/map0");
	fake_tree_file(FEATURE, "feature_id", "0x14\n");
	fake_tree_file(FEATURE "/uio/uio0/maps/map0", "size", size);
	fake_tree_file(FEATURE "/uio/uio0/maps/map0", "offset", "0x800\n");
	fake_tree_folder("/dev");
	fake_tree_file("/dev", "uio0", "");
}

static void map_registers(void)
{
	CLEANUP_CLOSE int fd = -1;
	char path[128];

	snprintf(path, sizeof(path), "%s/dev/uio0", fake_tree_root());
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, 4096), 0);
	counter.page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(counter.page, MAP_FAILED);
	counter.regs = (uint64_t *)(void *)(counter.page + UIO_OFFSET);
	counter.regs[3] = UINT64_C(1) << 60; /* it is locked */
}

static void start_counter(void)
{
	map_registers();
	counter.stop = false;
	assert_int_equal(pthread_create(&counter.thread, NULL, count, NULL), 0);
}

static void stop_counter(void)
{
	atomic_store(&counter.stop, true);
	pthread_join(counter.thread, NULL);
}

static void a_uio_device(void **state)
{
	uint64_t high, low;

	(void)state;
	make_uio("0x1000\n");
	start_counter();
	assert_int_equal(get(&high, &low), FPGA_OK);
	assert_int_equal(high, 312500000);
	assert_int_equal(low, 156250000);
	stop_counter();
	counter.regs[0] = 0x3000000000001014; /* Agilex 7; but nobody carries out commands */
	fails(set(801, 0), FPGA_INVALID_PARAM, "Agilex 7 go from 25 to 800 MHz");
	fails(set(200, 100), FPGA_EXCEPTION, "did not answer in time");
	counter.regs[0] = 0x3000000000002014;
	fails(set(200, 100), FPGA_NOT_SUPPORTED, "revision 2");
	memset(counter.regs, 0xff, 64);
	get_fails(FPGA_EXCEPTION, "is gone");
	fails(set(200, 100), FPGA_EXCEPTION, "is gone");
	for (unsigned int i = 0; i < UIO_OFFSET; i++) /* what lies before them is somebody else's */
		assert_int_equal(counter.page[i], 0);
	munmap(counter.page, 4096);
}

static void *get_in_vain(void *arg)
{
	uint64_t high, low;

	get(&high, &low);
	return arg;
}

/* A fork while another thread measures: the child can measure as well. */
static void a_child_of_fork(void **state)
{
	pthread_t thread;
	uint64_t high, low;
	int status = 0;
	pid_t pid;

	(void)state;
	make_uio("0x1000\n");
	map_registers();
	counter.regs[2] = 7;
	assert_int_equal(pthread_create(&thread, NULL, get_in_vain, NULL), 0);
	while (__atomic_load_n(&counter.regs[2], __ATOMIC_ACQUIRE) == 7) /* until it has the lock */
		usleep(100);
	pid = fork();
	if (!pid) {
		alarm(30);
		_exit(get(&high, &low) == FPGA_EXCEPTION ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	pthread_join(thread, NULL);
	munmap(counter.page, 4096);
}

static void a_uio_device_that_is_none(void **state)
{
	(void)state;
	make_uio("0x20\n");
	get_fails(FPGA_EXCEPTION, "no such number");
	make_uio("much\n");
	get_fails(FPGA_EXCEPTION, "no such number");
	make_uio("0xffffffff000\n");
	get_fails(FPGA_EXCEPTION, "no such number");
	make_uio("0x820\n"); /* the registers would not end in it */
	get_fails(FPGA_EXCEPTION, "no such number");
	make_uio("0x1000\n");
	fake_tree_file(FEATURE "/uio/uio0/maps/map0", "offset", "0xffffffffffffffff\n");
	get_fails(FPGA_EXCEPTION, "no such number");
	make_uio("0x1000\n");
	remove_path("/dev/uio0");
	get_fails(FPGA_NOT_FOUND, "uio0");
	if (geteuid()) {
		char path[128];

		make_uio("0x1000\n");
		snprintf(path, sizeof(path), "%s/dev/uio0", fake_tree_root());
		assert_int_equal(chmod(path, 0), 0);
		get_fails(FPGA_NO_ACCESS, "uio0");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(arguments),
		RIGGED(no_face),
		RIGGED(an_attribute_is_read),
		RIGGED(an_attribute_is_written),
		RIGGED(an_attribute_with_odd_neighbours),
		RIGGED(port_attributes_are_read),
		RIGGED(a_uio_device),
		RIGGED(a_child_of_fork),
		RIGGED(a_uio_device_that_is_none),
	};

	return RUN(tests);
}
