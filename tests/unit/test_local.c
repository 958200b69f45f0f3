/* SPDX-License-Identifier: BSD-3-Clause */
/* The local plugin on a kernel that is made up: what it finds, who may open it, what odd answers do. */
#include <errno.h>
#include <linux/fpga-dfl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "plugins/local/local.h"
#include "tests/unit/check.h"
#include "tests/unit/fake-dfl.h"
#include "tests/unit/local-rig.h"
#include "tests/unit/seam.h"

/* ---- enumeration ---- */

static void test_properties(void **state)
{
	static const fpga_guid nlb0 = { 0xd8, 0x42, 0x4d, 0xc4, 0xa4, 0xa3, 0xc4, 0x13,
					0xf8, 0x9e, 0x43, 0x36, 0x83, 0xf9, 0x04, 0x0b };
	struct host_props f = look(FPGA_DEVICE), a = look(FPGA_ACCELERATOR);

	(void)state;
	assert_int_equal(f.unset | a.unset, 0);
	assert_int_equal(f.v.num_slots, 1);
	assert_true(f.v.bbs_id == UINT64_C(0x23000410010310) && f.v.guid[0] == 0x5b);
	assert_int_equal(f.v.bbs_version.patch, 3);
	assert_int_equal(f.v.num_errors, 1);
	assert_int_equal(f.v.interface, FPGA_IFC_DFL);
	assert_int_equal(f.v.bus, 0xb0);
	assert_int_equal(f.v.vendor_id, 0x8086);
	assert_int_equal(f.v.subsystem_device_id, 0x1771);
	assert_int_equal(a.v.socket_id, 1);
	assert_memory_equal(a.v.guid, nlb0, sizeof(nlb0));
	assert_int_equal(a.v.num_mmio, 2);
	assert_int_equal(a.v.num_interrupts, FAKE_VECTORS);
	assert_int_equal(a.v.state, FPGA_ACCELERATOR_UNASSIGNED);
	assert_int_equal(a.v.num_errors, 2);
	assert_true(a.v.object_id != f.v.object_id);
}

static int up_full(void **state)
{
	(void)state;
	return local_up(FAKE_CARDS);
}

static void read_all_once(const opae_api_adapter_table *of)
{
	fpga_token all[2 * FAKE_CARDS];
	char path[160];
	uint32_t n = 0;

	fake_dfl_forget_opens();
	assert_int_equal(of->enumerate(of->instance, NULL, 0, all, COUNT(all), &n), FPGA_OK);
	assert_int_equal(n, 2 * FAKE_CARDS);
	for (uint32_t i = 0; i < n; i++) {
		struct host_props p;

		assert_int_equal(of->fpgaUpdateProperties(all[i], &p), FPGA_OK);
		of->fpgaDestroyToken(&all[i]);
	}
	if (fake_dfl_most_opens(path, sizeof(path)) != 1)
		fail_msg("%s was opened more than once", path);
}

static void test_no_file_is_read_twice(void **state)
{
	static opae_api_adapter_table other; /* an instance lasts as long as the process */

	(void)state;
	read_all_once(&t);
	other = t;
	assert_int_equal(opae_plugin_configure(&other, "{\"devices\": [\"8086:bcce\"]}"), 0);
	read_all_once(&other);
}

/* What is asked for later is read anew. */
static void test_properties_are_of_now(void **state)
{
	fpga_token token = find(FPGA_ACCELERATOR);
	struct host_props p;

	(void)state;
	fake_dfl_put(FAKE_PORT "/afu_id", "00112233445566778899aabbccddeeff\n", 33);
	assert_int_equal(t.fpgaUpdateProperties(token, &p), FPGA_OK);
	assert_int_equal(p.v.guid[1], 0x11);
	t.fpgaDestroyToken(&token);
}

struct broken {
	const char *path;
	fpga_objtype type;
	uint32_t bits;
};

static void check_broken(const struct broken *b, const char *what)
{
	struct host_props p = look(b->type);

	if ((p.v.valid & b->bits) || !*props_host_why(&p, b->bits))
		fail_msg("%s %s: valid 0x%x, \"%s\"", b->path, what, p.v.valid & b->bits,
			 props_host_why(&p, b->bits));
	/* The others are as they were. */
	assert_true(p.v.valid & (b->bits == OPAE_PROP_GUID ? OPAE_PROP_OBJECT_ID : OPAE_PROP_GUID));
	assert_true(p.v.valid & OPAE_PROP_NUM_ERRORS);
}

/* A reconfiguration that failed, or one that is going on. */
static void test_a_port_that_is_held_in_reset(void **state)
{
	struct host_props p;

	(void)state;
	fake.afu_id_errno = EBUSY;
	p = look(FPGA_ACCELERATOR);
	assert_false(p.v.valid & OPAE_PROP_GUID);
	assert_string_equal(props_host_why(&p, OPAE_PROP_GUID),
			    "dfl-port.0: the driver holds it in reset; if a load has failed, bind the card "
			    "to dfl-pci anew");
	assert_true(p.v.valid & OPAE_PROP_STATE);
	fake.afu_id_errno = 0;
}

static void test_broken_attributes(void **state)
{
	static const struct broken files[] = {
		{ FAKE_PORT "/afu_id", FPGA_ACCELERATOR, OPAE_PROP_GUID },
		{ FAKE_PORT "/id", FPGA_ACCELERATOR, OPAE_PROP_OBJECT_ID },
		{ FAKE_FME "/bitstream_id", FPGA_DEVICE, OPAE_PROP_BBS_ID },
		{ FAKE_FME "/ports_num", FPGA_DEVICE, OPAE_PROP_NUM_SLOTS },
		{ FAKE_COMPAT_ID, FPGA_DEVICE, OPAE_PROP_GUID },
		{ "/sys/bus/pci/devices/0000:b0:00.0/vendor", FPGA_DEVICE, OPAE_PROP_VENDOR_ID },
	};
	char *huge = malloc(MIB);

	(void)state;
	assert_non_null(huge);
	memset(huge, '1', MIB);
	for (size_t i = 0; i < COUNT(files); i++) {
		fake_dfl_put(files[i].path, "", 0);
		check_broken(&files[i], "empty");
		fake_dfl_put(files[i].path, "\xff\0zz\n", 5);
		check_broken(&files[i], "rubbish");
		fake_dfl_put(files[i].path, "0x12junk", 8);
		check_broken(&files[i], "a number and more");
		fake_dfl_put(files[i].path, huge, MIB);
		check_broken(&files[i], "huge");
		fake_dfl_remove(files[i].path);
		check_broken(&files[i], "missing");
		fake_dfl_folder(files[i].path);
		check_broken(&files[i], "a folder");
		down(NULL);
		up(NULL);
	}
	free(huge);
}

/* What fits in 64 bits is not yet a number of slots, or of a port. */
static void test_numbers_that_cannot_be(void **state)
{
	static const char *const texts[] = { "-1\n", "4294967297\n", "0x80000000\n" };

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		fake_dfl_put(FAKE_FME "/ports_num", texts[i], strlen(texts[i]));
		fake_dfl_put(FAKE_PORT "/id", texts[i], strlen(texts[i]));
		check_broken(&(struct broken){ FAKE_FME "/ports_num", FPGA_DEVICE, OPAE_PROP_NUM_SLOTS },
			     texts[i]);
		check_broken(&(struct broken){ FAKE_PORT "/id", FPGA_ACCELERATOR, OPAE_PROP_OBJECT_ID },
			     texts[i]);
	}
}

/* All at once: each has a reason all the same. */
static void test_nothing_can_be_read(void **state)
{
	static const char *const files[] = {
		FAKE_PORT "/afu_id",   FAKE_PORT "/id",	 FAKE_PORT "/errors",
		FAKE_FME "/ports_num", FAKE_COMPAT_ID,	 FAKE_FME "/bitstream_id",
		FAKE_FME "/errors",    "/sys/bus/pci/devices/0000:b0:00.0/vendor",
	};
	static const uint32_t both[] = { OPAE_PROP_GUID, OPAE_PROP_VENDOR_ID, OPAE_PROP_NUM_ERRORS };
	struct host_props f, a;

	(void)state;
	for (size_t i = 0; i < COUNT(files); i++)
		fake_dfl_remove(files[i]);
	fake.node_errno = EACCES;
	f = look(FPGA_DEVICE);
	a = look(FPGA_ACCELERATOR);
	for (size_t i = 0; i < COUNT(both); i++) {
		assert_int_equal((f.v.valid | a.v.valid) & both[i], 0);
		assert_true(*props_host_why(&f, both[i]) && *props_host_why(&a, both[i]));
	}
	assert_true(*props_host_why(&f, OPAE_PROP_NUM_SLOTS) && *props_host_why(&f, OPAE_PROP_BBS_ID));
	assert_true(*props_host_why(&a, OPAE_PROP_OBJECT_ID) && *props_host_why(&a, OPAE_PROP_STATE));
}

/* A card that another program must not open is listed, with the reason. */
static void test_no_permission(void **state)
{
	fpga_token token;
	fpga_handle h;
	struct host_props p;

	(void)state;
	fake.node_errno = EACCES;
	p = look(FPGA_ACCELERATOR);
	assert_int_equal(p.v.valid & (OPAE_PROP_STATE | OPAE_PROP_NUM_MMIO), 0);
	assert_non_null(strstr(props_host_why(&p, OPAE_PROP_STATE), "/dev/dfl-port.0"));
	assert_true(p.v.valid & OPAE_PROP_GUID);
	token = find(FPGA_ACCELERATOR);
	assert_int_equal(t.fpgaOpen(token, &h, 0), FPGA_NO_ACCESS);
	assert_non_null(strstr(host_detail, "`opae doctor 0000:b0:00.0` names what gives it"));
	assert_non_null(strstr(host_detail, "/dev/dfl-port.0"));
	t.fpgaDestroyToken(&token);
}

static void test_no_driver(void **state)
{
	fpga_token tokens[1];
	uint32_t n = 7;

	(void)state;
	fake_dfl_remove("/sys/class/fpga_region");
	assert_int_equal(t.enumerate(t.instance, NULL, 0, tokens, 1, &n), FPGA_OK);
	assert_int_equal(n, 0);
}

static void test_parent(void **state)
{
	fpga_token port = find(FPGA_ACCELERATOR), fme = find(FPGA_DEVICE), parent = NULL;

	(void)state;
	assert_int_equal(t.parent_of(port, &parent), FPGA_OK);
	assert_true(t.same_token(parent, fme));
	assert_false(t.same_token(parent, port));
	t.fpgaDestroyToken(&parent);
	assert_int_equal(t.parent_of(fme, &parent), FPGA_NOT_FOUND);
	t.fpgaDestroyToken(&port);
	t.fpgaDestroyToken(&fme);
}

/* ---- opening ---- */

static void test_open_alone_and_shared(void **state)
{
	fpga_token token = find(FPGA_ACCELERATOR);
	fpga_handle a, b;

	(void)state;
	assert_int_equal(t.fpgaOpen(token, &a, 0), FPGA_OK);
	assert_int_equal(look(FPGA_ACCELERATOR).v.state, FPGA_ACCELERATOR_ASSIGNED);
	assert_int_equal(look(FPGA_ACCELERATOR).v.num_mmio, 2);
	assert_int_equal(t.fpgaOpen(token, &b, FPGA_OPEN_SHARED), FPGA_BUSY);
	assert_int_equal(t.fpgaClose(a), FPGA_OK);
	assert_int_equal(t.fpgaOpen(token, &a, FPGA_OPEN_SHARED), FPGA_OK);
	assert_int_equal(t.fpgaOpen(token, &b, FPGA_OPEN_SHARED), FPGA_OK);
	assert_int_equal(t.fpgaClose(a), FPGA_OK);
	assert_int_equal(t.fpgaOpen(token, &a, 0), FPGA_BUSY);
	assert_int_equal(t.fpgaClose(b), FPGA_OK);
	assert_int_equal(t.fpgaOpen(token, &a, 1 << 5), FPGA_INVALID_PARAM);
	t.fpgaDestroyToken(&token);
}

/* Somebody else enumerates at this very moment. */
static void test_a_look_makes_nothing_busy(void **state)
{
	fpga_token token = find(FPGA_ACCELERATOR);
	fpga_handle h;

	(void)state;
	fake.busy_looks = 7;
	assert_int_equal(t.fpgaOpen(token, &h, 0), FPGA_OK);
	assert_int_equal(t.fpgaClose(h), FPGA_OK);
	t.fpgaDestroyToken(&token);
}

/* DMA ends before what it reaches is given back. */
static void test_order_of_close(void **state)
{
	fpga_handle h = open_one(FPGA_ACCELERATOR, 0);
	void *at = NULL;
	uint64_t wsid;

	(void)state;
	memset(fake.order, 0, sizeof(fake.order));
	assert_int_equal(t.fpgaPrepareBuffer(h, 4096, &at, &wsid, 0), FPGA_OK);
	assert_int_equal(t.fpgaClose(h), FPGA_OK);
	assert_string_equal(fake.order, "mruc");
}

/* ---- what goes wrong ---- */

/* It is dead first, and then its registers read so. Both are seen without a lock, as a program sees them. */
__attribute__((no_sanitize_thread)) static bool is_covered(const struct opae_mmio_window *w)
{
	const volatile uint64_t *regs = (const volatile uint64_t *)(const volatile void *)w->at;

	return *w->dead && regs[0] == UINT64_MAX && regs[FAKE_AFU_SIZE / 8 - 1] == UINT64_MAX;
}

static void wait_until_covered(const struct opae_mmio_window *w)
{
	int64_t until = clock_now_ns() + 30 * NS_PER_S;

	while (!is_covered(w) && clock_now_ns() < until)
		usleep(1000);
	assert_true(is_covered(w));
}

static void test_card_that_goes(void **state)
{
	fpga_token token = find(FPGA_ACCELERATOR);
	struct opae_mmio_window w;
	void *at = NULL;
	uint64_t wsid, v = 0, *regs;
	struct host_props p;
	fpga_handle h;

	(void)state;
	assert_int_equal(t.fpgaOpen(token, &h, 0), FPGA_OK);
	assert_int_equal(t.fpgaPrepareBuffer(h, 4096, &at, &wsid, 0), FPGA_OK);
	assert_int_equal(t.fpgaMapMMIO(h, 0, &regs), FPGA_OK);
	assert_int_equal(t.mmio_window(h, 0, &w), FPGA_OK);
	fake_dfl_remove("/sys/devices/pci0000:b0/0000:b0:00.0/fpga_region");
	assert_ptr_equal(w.at, regs);
	wait_until_covered(&w);
	assert_int_equal(t.fpgaReadMMIO64(h, 0, 0, &v), FPGA_EXCEPTION);
	assert_true(v == UINT64_MAX);
	assert_int_equal(w.gone(h), FPGA_EXCEPTION);
	assert_non_null(strstr(host_detail, "dfl-port.0 is gone"));
	fake.maps = 0; /* the kernel's side of them went with the card */
	assert_int_equal(prepare(h, 4096, 0), FPGA_EXCEPTION);
	assert_int_equal(t.fpgaReset(h), FPGA_EXCEPTION);
	assert_int_equal(t.fpgaReleaseBuffer(h, wsid), FPGA_EXCEPTION);
	assert_int_equal(fake.maps, 0);
	assert_int_equal(t.fpgaUpdateProperties(token, &p), FPGA_NOT_FOUND);
	assert_int_equal(t.fpgaClose(h), FPGA_EXCEPTION);
	assert_int_equal(t.fpgaOpen(token, &h, 0), FPGA_NOT_FOUND);
	t.fpgaDestroyToken(&token);
}

/* Of the same name and place, but not the one that was opened: calls must not reach it by the old handle. */
static void test_card_that_comes_back(void **state)
{
	fpga_handle h = open_one(FPGA_ACCELERATOR, 0);

	(void)state;
	fake_dfl_folder("/sys/devices/new"); /* both at once, so that they are two in any file system */
	fake_dfl_remove(FAKE_PORT);
	fake_dfl_move("/sys/devices/new", FAKE_PORT);
	memset(fake.order, 0, sizeof(fake.order));
	assert_int_equal(t.fpgaReset(h), FPGA_EXCEPTION);
	assert_int_equal(t.fpgaClose(h), FPGA_EXCEPTION);
	assert_string_equal(fake.order, "c");
}

/* Nobody has looked since: it has gone, and is not one without an interrupt. */
static void test_event_of_a_card_that_went(void **state)
{
	fpga_handle h = open_one(FPGA_ACCELERATOR, 0);
	fpga_event_handle e;

	(void)state;
	assert_int_equal(t.create_event(t.instance, &e), FPGA_OK);
	fake_dfl_remove(FAKE_PORT);
	fake.fail_request = DFL_FPGA_PORT_ERR_GET_IRQ_NUM;
	fake.fail_errno = EINVAL;
	assert_int_equal(t.fpgaRegisterEvent(h, FPGA_EVENT_ERROR, e, 0), FPGA_EXCEPTION);
	assert_non_null(strstr(host_detail, "is gone"));
	assert_int_equal(t.fpgaClose(h), FPGA_EXCEPTION);
	assert_int_equal(t.fpgaDestroyEventHandle(&e), FPGA_OK);
}

static void use_all(void)
{
	fpga_token all[2] = { 0 };
	fpga_handle h = NULL;
	fpga_event_handle e;
	uint32_t n = 0;
	void *at = NULL;
	uint64_t wsid;

	if (t.enumerate(t.instance, NULL, 0, all, 2, &n) != FPGA_OK)
		return;
	if (n == 2 && t.fpgaOpen(all[1], &h, 0) == FPGA_OK) {
		if (t.fpgaPrepareBuffer(h, 100, &at, &wsid, 0) == FPGA_OK)
			t.fpgaReleaseBuffer(h, wsid);
		if (t.create_event(t.instance, &e) == FPGA_OK) {
			t.fpgaRegisterEvent(h, FPGA_EVENT_INTERRUPT, e, 1);
			t.fpgaDestroyEventHandle(&e);
		}
		t.fpgaReset(h);
		t.fpgaClose(h);
	}
	for (uint32_t i = 0; i < n && i < 2; i++)
		t.fpgaDestroyToken(&all[i]);
	t.finalize(t.instance);
}

/*
 * Each call to the kernel fails once, with each of these: nothing stays behind, and the next use is as ever.
 */
static void test_calls_to_the_kernel_that_fail(void **state)
{
	static const int errors[] = { EINVAL, ENOMEM, EACCES, EBUSY, EIO, ENODEV, ENOENT, EMFILE };
	int fds, n;

	(void)state;
	use_all(); /* what stays open for good is open now */
	fds = seam_count_fds();
	for (size_t i = 0; i < COUNT(errors); i++)
		for (n = 1;; n++) {
			seam_arm(n, errors[i], false);
			use_all();
			if (!seam_failed())
				break;
			seam_disarm();
			fake.maps = 0; /* an unmapping may have been what failed */
			assert_int_equal(seam_count_fds(), fds);
		}
	seam_disarm();
	assert_true(n > 40);
	test_properties(NULL);
}

static void test_configuration(void **state)
{
	opae_api_adapter_table other = t;

	(void)state;
	assert_int_equal(opae_plugin_configure(&other, "{\"device\": 1}"), FPGA_INVALID_PARAM);
	assert_non_null(strstr(host_detail, "\"device\""));
	assert_int_equal(opae_plugin_configure(&other, "[]"), FPGA_INVALID_PARAM);
	assert_int_equal(opae_plugin_configure(&other, "{"), FPGA_INVALID_PARAM);
	assert_int_equal(opae_plugin_configure(&other, "{\"devices\": \"8086:bcce\"}"), FPGA_INVALID_PARAM);
	assert_int_equal(opae_plugin_configure(&other, "{\"devices\": [\"8086:bcce\", 1]}"),
			 FPGA_INVALID_PARAM);
	assert_non_null(strstr(host_detail, "\"devices\"[1]: 1"));
	assert_true(t.supports_device(t.instance, "dfl"));
	assert_false(t.supports_device(t.instance, "vfio"));
}

/* By what a child of fork inherits it would keep the port from who opens it after its parent. */
static void test_child_of_fork(void **state)
{
	fpga_handle h = open_one(FPGA_ACCELERATOR, 0);
	int status = 0;
	pid_t pid = fork();

	(void)state;
	if (!pid)
		_exit(t.fpgaReset(h) == FPGA_EXCEPTION && strstr(host_detail, "forked") &&
				      t.fpgaClose(h) == FPGA_OK ?
			      0 :
			      1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(t.fpgaReset(h), FPGA_OK);
	assert_int_equal(t.fpgaClose(h), FPGA_OK);
}

/* Another thread was in the middle of a call when the process forked: its locks are nobody's in the child. */
static void test_child_of_fork_in_a_call(void **state)
{
	fpga_handle h = open_one(FPGA_ACCELERATOR, 0);
	struct handle *in = h;
	int status = 0;
	uint64_t n;
	pid_t pid;

	(void)state;
	pthread_mutex_lock(&in->metrics.lock);
	pthread_mutex_lock(&in->alarms.calls);
	pid = fork();
	if (!pid) {
		alarm(30);
		_exit(t.fpgaGetNumMetrics(h, &n) == FPGA_EXCEPTION &&
				      !pthread_mutex_trylock(&in->alarms.calls) &&
				      t.fpgaClose(h) == FPGA_OK ?
			      0 :
			      1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	pthread_mutex_unlock(&in->alarms.calls);
	pthread_mutex_unlock(&in->metrics.lock);
	assert_int_equal(t.fpgaClose(h), FPGA_OK);
}

#ifndef __SANITIZE_THREAD__ /* which ends a child of several threads that starts one */
static int open_anew(fpga_handle h, int fds)
{
	bool closed = t.fpgaClose(h) == FPGA_OK;

	h = open_one(FPGA_ACCELERATOR, 0);
	closed &= t.fpgaClose(h) == FPGA_OK && !t.finalize(t.instance);
	return closed && seam_count_fds() == fds ? 0 : 1;
}

/* A child that opens a device itself keeps nothing of its parent's. */
static void test_child_of_fork_that_opens(void **state)
{
	fpga_handle h;
	int status = 0, fds;
	pid_t pid;

	(void)state;
	use_all(); /* what stays open for good is open now */
	fds = seam_count_fds();
	h = open_one(FPGA_ACCELERATOR, FPGA_OPEN_SHARED);
	pid = fork();
	if (!pid)
		_exit(open_anew(h, fds));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(t.fpgaClose(h), FPGA_OK);
}
#endif

/* How many devices an instance lists that was told of some. */
static uint32_t listed(const char *json)
{
	static opae_api_adapter_table kept[16]; /* an instance lasts as long as the process */
	static unsigned int used;
	opae_api_adapter_table *other = &kept[used++];
	uint32_t n = 0;

	assert_true(used <= COUNT(kept));
	*other = t;
	assert_int_equal(opae_plugin_configure(other, json), 0);
	assert_int_equal(other->enumerate(other->instance, NULL, 0, NULL, 0, &n), FPGA_OK);
	return n;
}

static void test_some_cards(void **state)
{
	(void)state;
	assert_int_equal(listed("{}"), 2 * FAKE_CARDS);
	assert_int_equal(listed("{\"devices\": []}"), 0);
	assert_int_equal(listed("{\"devices\": [\"0000:b1:00.0\"]}"), 2);
	assert_int_equal(listed("{\"devices\": [\"0000:b1:00.0\", \"b0:00.0\", \"0000:c7:00.0\"]}"), 4);
	assert_int_equal(listed("{\"devices\": [\"8086:bcce\"]}"), 2 * FAKE_CARDS);
	assert_int_equal(listed("{\"devices\": [\"8086:bcce:8086:ffff\"]}"), 2 * FAKE_CARDS);
	assert_int_equal(listed("{\"devices\": [\"8086:09c4\"]}"), 0);
	fake_dfl_put("/sys/bus/pci/devices/0000:b1:00.0/vendor", "", 0);
	assert_int_equal(listed("{\"devices\": [\"0000:b1:00.0\"]}"), 2);
	assert_int_equal(listed("{\"devices\": [\"8086:bcce\"]}"), 2 * FAKE_CARDS - 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(test_properties),
		cmocka_unit_test_setup_teardown(test_no_file_is_read_twice, up_full, down),
		RIGGED(test_properties_are_of_now),
		RIGGED(test_a_port_that_is_held_in_reset),
		RIGGED(test_broken_attributes),
		RIGGED(test_numbers_that_cannot_be),
		RIGGED(test_nothing_can_be_read),
		RIGGED(test_no_permission),
		RIGGED(test_no_driver),
		RIGGED(test_parent),
		RIGGED(test_open_alone_and_shared),
		RIGGED(test_a_look_makes_nothing_busy),
		RIGGED(test_order_of_close),
		RIGGED(test_card_that_goes),
		RIGGED(test_card_that_comes_back),
		RIGGED(test_event_of_a_card_that_went),
		RIGGED(test_calls_to_the_kernel_that_fail),
		RIGGED(test_child_of_fork),
		RIGGED(test_child_of_fork_in_a_call),
#ifndef __SANITIZE_THREAD__
		RIGGED(test_child_of_fork_that_opens),
#endif
		RIGGED(test_configuration),
		cmocka_unit_test_setup_teardown(test_some_cards, up_full, down),
	};

	return RUN(tests);
}
