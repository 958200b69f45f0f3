/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * v-opae on edu, behind the kernel's vfio-pci, with this program for its host: the n-th call to the kernel
 * fails, for every n from the first look to the close, with each error that it may give. Before the failure
 * every call works; from it on each works or says so with a code that fits and a reason; nothing stays
 * open, mapped or pinned; and without a failure all of it works again. What a second look opens is
 * counted by the same seam. Started as root, runs as an ordinary user.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/card/plugin-host.h"
#include "tests/unit/check.h"
#include "tests/unit/seam.h"
#include "tests/vm/guest/edu.h"

#define HUGE_BYTES (2u << 20)
#define MAX_CALLS 2000

static struct sys_ops counting; /* the seam's, with this before it */
static int (*seam_open)(const char *path, int flags, mode_t mode);
static unsigned int nodes_opened;
static int error;	/* which the call fails with now */
static int call_number; /* which it is */
static unsigned int misfits;

static int counting_open(const char *path, int flags, mode_t mode)
{
	nodes_opened += !strncmp(path, "/dev/vfio/", 10) || !strcmp(path, "/dev/iommu");
	return seam_open(path, flags, mode);
}

/* ---- judging ---- */

/* Memory or an event that cannot be had is that, whatever the reason. */
static bool fits(const char *call, fpga_result r)
{
	if (r == FPGA_NO_MEMORY &&
	    (!strcmp(call, "prepare") || !strcmp(call, "adopt") || !strcmp(call, "create event") ||
	     !strcmp(call, "unregister")))
		return true;
	switch (error) {
	case EFAULT:
		return r == FPGA_EXCEPTION || (!strcmp(call, "adopt") && r == FPGA_INVALID_PARAM);
	case ENOMEM:
	case ENOSPC:
	case EMFILE:
		return r == FPGA_NO_MEMORY || r == FPGA_EXCEPTION;
	case EBUSY:
		return r == FPGA_BUSY || r == FPGA_EXCEPTION;
	case EPERM:
		return r == FPGA_NO_ACCESS || r == FPGA_EXCEPTION ||
		       (r == FPGA_BUSY && !strcmp(call, "open")); /* an iommufd of another process */
	case ENODEV:
		return r == FPGA_NOT_FOUND || r == FPGA_EXCEPTION;
	case EINVAL: /* is how a region says that it is not there */
		return r == FPGA_EXCEPTION || (r == FPGA_NOT_FOUND && !strcmp(call, "open"));
	case ENOTTY:
		return r == FPGA_NOT_SUPPORTED || r == FPGA_EXCEPTION;
	default:
		return r == FPGA_EXCEPTION;
	}
}

static bool fine(const char *call, fpga_result r)
{
	if (r == FPGA_OK)
		return true;
	if (!seam_failed())
		fail_msg("%s: %d before anything failed: %s", call, (int)r, detail);
	if (!fits(call, r) || !*detail) {
		print_error("%s: %d after call %d failed with %s: %s\n", call, (int)r, call_number,
			    strerror(error), *detail ? detail : "without a reason");
		misfits++;
	}
	return false;
}

#define FINE(name, call) (*detail = 0, fine(name, call))

/* ---- one life ---- */

static fpga_token find_edu(void)
{
	fpga_token list[4];
	uint32_t n = 0;

	if (!FINE("enumerate", table.enumerate(table.instance, NULL, 0, list, 4, &n)))
		return NULL;
	assert_true(n <= 1);
	if (!n && !seam_failed())
		fail_msg("edu is not found");
	return n ? list[0] : NULL;
}

static void forget_token(fpga_token *t)
{
	if (*t)
		assert_int_equal(table.fpgaDestroyToken(t), FPGA_OK);
}

static void registers(fpga_handle h)
{
	uint32_t v = 0;

	if (FINE("read", table.fpgaReadMMIO32(h, 0, EDU_ID, &v)))
		assert_int_equal(v, EDU_ID_VALUE);
	if (FINE("write", table.fpgaWriteMMIO32(h, 0, EDU_LIVENESS, 5)) &&
	    FINE("read", table.fpgaReadMMIO32(h, 0, EDU_LIVENESS, &v)))
		assert_int_equal(v, ~5u);
}

static void own_buffer(fpga_handle h, uint64_t len, int flags)
{
	uint64_t id = 0, io = 0;
	void *at = NULL;

	if (!FINE("prepare", table.fpgaPrepareBuffer(h, len, &at, &id, flags)))
		return;
	memset(at, 7, len);
	assert_int_equal(table.fpgaGetIOAddress(h, id, &io), FPGA_OK);
	assert_true(io);
	FINE("release", table.fpgaReleaseBuffer(h, id));
}

static void given_buffer(fpga_handle h)
{
	bool was = seam_pause();
	uint64_t id;
	void *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void *given = pages;

	assert_ptr_not_equal(pages, MAP_FAILED);
	memset(pages, 3, 8192);
	seam_resume(was);
	if (FINE("adopt", table.fpgaPrepareBuffer(h, 8192, &given, &id, FPGA_BUF_PREALLOCATED)))
		FINE("release", table.fpgaReleaseBuffer(h, id));
	assert_int_equal(((char *)pages)[8191], 3);
	munmap(pages, 8192);
}

static void interrupts(fpga_handle h)
{
	fpga_event_handle e = NULL;

	if (!FINE("create event", table.create_event(table.instance, &e)))
		return;
	if (FINE("register", table.fpgaRegisterEvent(h, FPGA_EVENT_INTERRUPT, e, 0)))
		FINE("unregister", table.fpgaUnregisterEvent(h, FPGA_EVENT_INTERRUPT, e));
	FINE("register", table.fpgaRegisterEvent(h, FPGA_EVENT_INTERRUPT, e, 0)); /* left to the close */
	assert_int_equal(table.fpgaDestroyEventHandle(&e), FPGA_OK);
}

/* Looks, opens, closes, and looks again. */
static void open_and_close(fpga_handle unused)
{
	fpga_token t = find_edu(), again;
	fpga_handle h = NULL;

	(void)unused;
	if (t && FINE("open", table.fpgaOpen(t, &h, 0))) {
		registers(h);
		FINE("close", table.fpgaClose(h));
	}
	again = find_edu();
	forget_token(&again);
	forget_token(&t);
}

static void buffers(fpga_handle h)
{
	own_buffer(h, 4096, 0);
	own_buffer(h, HUGE_BYTES, 0);
	own_buffer(h, 4096, FPGA_BUF_READ_ONLY);
	given_buffer(h);
	registers(h);
}

/* ---- every call in turn ---- */

static void start(void)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/inventory", getenv("OPAEX_INVENTORY_DIR"));
	unlink(path);
	assert_int_equal(table.initialize(table.instance), 0);
}

static int device_maps(void)
{
	FILE *f = fopen("/proc/self/maps", "re");
	char line[512];
	int n = 0;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		n += strstr(line, "vfio") && !strstr(line, ".so") && !strstr(line, "vm-test");
	fclose(f);
	return n;
}

static void end(int fds, int maps)
{
	table.finalize(table.instance);
	assert_int_equal(open_fds(), fds);
	assert_int_equal(seam_count_maps(), maps);
	assert_int_equal(device_maps(), 0);
	assert_int_equal(pinned_kib(), 0);
}

static const int errors[] = { EINVAL, EFAULT, ENOMEM, EBUSY, EPERM, ENODEV, ENOTTY, ENOSPC, EIO, EMFILE };
#define NUM_ERRORS (sizeof(errors) / sizeof(errors[0]))

/* The job with its n-th call failing, and once more without. */
static bool fails_at(void (*job)(fpga_handle h), fpga_handle h, int n, int with)
{
	bool failed;

	call_number = n;
	error = with;
	seam_arm(n, error, false);
	job(h);
	failed = seam_failed();
	seam_arm(0, 0, false); /* nothing fails: all must work */
	if (h || n % 4 == 0)   /* what fails later in an opening begins with what works, too */
		job(h);
	seam_disarm();
	return failed;
}

static void opening_in_turn(unsigned int turn)
{
	int fds, maps, n = 0;
	bool failed;

	start();
	open_and_close(NULL); /* what a process has once is there from now on */
	table.finalize(table.instance);
	fds = open_fds();
	maps = seam_count_maps();
	do {
		assert_true(++n < MAX_CALLS);
		start();
		failed = fails_at(open_and_close, NULL, n, errors[((unsigned int)n + turn) % NUM_ERRORS]);
		end(fds, maps);
	} while (failed);
	print_message("# %d calls\n", n - 1);
	assert_true(n > 80);
	assert_int_equal(misfits, 0);
}

/* Opening takes its time, so each call fails with some of the errors: with all in 10 turns. */
static void opening(void **state)
{
	const char *text = getenv("OPAE_TEST_TURNS");
	unsigned long turns = text ? strtoul(text, NULL, 10) : 1;

	(void)state;
	for (unsigned int i = 0; i < turns; i++)
		opening_in_turn(i * 3); /* 3 and 10 have no common divisor */
}

/*
 * The n-th call of a job on one handle fails with each error. What could not be unmapped stays pinned until
 * the close, for the kernel was never asked.
 */
static bool fails_with_each(void (*job)(fpga_handle h), int n)
{
	fpga_token t = find_edu();
	fpga_handle h = NULL;
	bool failed = false;
	int fds, maps;

	assert_true(FINE("open", table.fpgaOpen(t, &h, 0)));
	forget_token(&t);
	job(h);
	fds = open_fds();
	maps = seam_count_maps();
	for (unsigned int e = 0; e < NUM_ERRORS; e++) {
		failed = fails_at(job, h, n, errors[e]);
		assert_int_equal(open_fds(), fds);
		assert_int_equal(seam_count_maps(), maps);
	}
	assert_true(FINE("close", table.fpgaClose(h)));
	assert_int_equal(pinned_kib(), 0);
	assert_int_equal(device_maps(), 0);
	return failed;
}

static void on_a_handle(void (*job)(fpga_handle h), int least)
{
	int n = 1;

	start();
	while (fails_with_each(job, n))
		assert_true(++n < MAX_CALLS);
	table.finalize(table.instance);
	print_message("# %d calls\n", n - 1);
	assert_true(n > least);
	assert_int_equal(misfits, 0);
}

static void giving_buffers(void **state)
{
	(void)state;
	on_a_handle(buffers, 10);
}

static void binding_interrupts(void **state)
{
	(void)state;
	on_a_handle(interrupts, 4);
}

/* ---- a second look ---- */

static void a_second_look_opens_nothing(void **state)
{
	fpga_token t;

	(void)state;
	start();
	nodes_opened = 0;
	t = find_edu();
	forget_token(&t);
	assert_true(nodes_opened > 0);
	nodes_opened = 0;
	for (int i = 0; i < 3; i++) {
		t = find_edu();
		forget_token(&t);
	}
	assert_int_equal(nodes_opened, 0);
	table.finalize(table.instance); /* another process knows it as well, by the file */
	assert_int_equal(table.initialize(table.instance), 0);
	t = find_edu();
	forget_token(&t);
	assert_int_equal(nodes_opened, 0);
	table.finalize(table.instance);
}

/* What was learned of a device holds as long as its driver's binding. */
static void a_new_binding_is_looked_at_again(void **state)
{
	fpga_token t;

	(void)state;
	start();
	t = find_edu();
	forget_token(&t);
	assert_int_equal(root(EDU_UNBIND "; " EDU_BIND), 0);
	nodes_opened = 0;
	t = find_edu();
	forget_token(&t);
	assert_true(nodes_opened > 0);
	table.finalize(table.instance);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_second_look_opens_nothing),
		cmocka_unit_test(a_new_binding_is_looked_at_again),
		cmocka_unit_test(opening),
		cmocka_unit_test(giving_buffers),
		cmocka_unit_test(binding_interrupts),
	};
	char text[256];

	root_leave();
	edu_own_inventory();
	counting = *seam_table();
	seam_open = counting.open;
	counting.open = counting_open;
	snprintf(text, sizeof(text),
		 "{\"sockets\": [], \"kernel\": \"%s\", \"devices\": [{\"device\": \"1234:11e8\", "
		 "\"guid\": \"" EDU_GUID "\"}]}", edu_way());
	plugin_up(text, &counting);
	return RUN(tests);
}
