/* SPDX-License-Identifier: BSD-3-Clause */
/* Accelerators with several ports: the children are found on the right card, and share the buffers. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/card/card.h"

#define NLB0 "d8424dc4-a4a3-c413-f89e-433683f9040b"
#define PARENT "6f1c20d3-a5b8-4e17-8d02-bb34c1f0e95a"

/* One card of three ports. */
static int up_multi(void **state)
{
	(void)state;
	return card_up("multi", "trap");
}

/* Functions of two cards: the parent and two children are on one, a third of their kind on the other. */
#define FUNCTIONS 4
static pid_t functions[FUNCTIONS];
static const char *const addresses[FUNCTIONS] = { "0000:a1:00.0", "0000:b1:00.0", "0000:b1:00.1",
						  "0000:b1:00.2" };

static int up_functions(const char *mmio, unsigned int n)
{
	static const char *const boards[FUNCTIONS] = { "nlb0", "nlb0", "nlb0", "nlb0" };
	char config[1024] = "{\"sockets\": [", name[8];

	for (unsigned int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "f%u", i);
		functions[i] = card_start_with(name, boards[i], mmio, i == 1 ? "parent" : NULL, NULL);
		snprintf(config + strlen(config), sizeof(config) - strlen(config),
			 "%s{\"path\": \"%s/f%u.sock\", \"address\": \"%s\"}", i ? "," : "",
			 card_dir(), i, addresses[i]);
	}
	snprintf(config + strlen(config), sizeof(config) - strlen(config), "]}");
	library_start(config);
	return 0;
}

static int up_trap(void **state)
{
	(void)state;
	return up_functions("trap", FUNCTIONS);
}

static int up_map(void **state)
{
	(void)state;
	return up_functions("map", FUNCTIONS);
}

static int up_one_missing(void **state)
{
	(void)state;
	return up_functions("trap", FUNCTIONS - 1);
}

static int down_functions(void **state)
{
	(void)state;
	assert_int_equal(fpgaFinalize(), FPGA_OK);
	for (unsigned int i = 0; i < FUNCTIONS; i++)
		if (functions[i])
			card_end(functions[i], SIGTERM);
	memset(functions, 0, sizeof(functions));
	return 0;
}

static void buffer(fpga_handle h, uint64_t len, void **at, uint64_t *id, uint64_t *io)
{
	assert_int_equal(fpgaPrepareBuffer(h, len, at, id, 0), FPGA_OK);
	assert_int_equal(fpgaGetIOAddress(h, *id, io), FPGA_OK);
}

/* The child works on the parent's buffers, by the parent's addresses. */
static void run_on_child(fpga_handle parent, fpga_handle child)
{
	struct nlb n;

	buffer(parent, 4096, &n.dsm, &n.dsm_id, &n.dsm_io);
	buffer(parent, 65536, &n.src, &n.src_id, &n.src_io);
	buffer(parent, 65536, &n.dst, &n.dst_id, &n.dst_io);
	memset(n.src, 0x33, 65536);
	memset(n.dst, 0, 65536);
	nlb_start(child, &n, 1024, 0);
	assert_int_equal(nlb_wait(&n) >> 32, 0);
	assert_memory_equal(n.src, n.dst, 65536);
	assert_int_equal(fpgaWriteMMIO32(child, 0, 0x138, 0), FPGA_OK);
	nlb_release(parent, &n);
}

static void children_work(void **state)
{
	fpga_handle parent = open_nth(FPGA_ACCELERATOR, PARENT, 0), kids[3] = { 0 };
	uint64_t wsid = 0;
	uint32_t n = 0;
	void *at = NULL;

	(void)state;
	assert_int_equal(fpgaGetChildren(parent, 0, NULL, &n), FPGA_OK);
	assert_int_equal(n, 2);
	assert_int_equal(fpgaGetChildren(parent, 1, kids, &n), FPGA_OK);
	assert_int_equal(n, 2);
	assert_non_null(kids[0]);
	assert_null(kids[1]);
	assert_int_equal(fpgaGetChildren(parent, 3, kids, &n), FPGA_OK);
	assert_ptr_not_equal(kids[0], kids[1]);
	assert_null(kids[2]);
	assert_int_equal(fpgaGetChildren(parent, 1, NULL, &n), FPGA_INVALID_PARAM);
	assert_int_equal(fpgaGetChildren(kids[0], 0, NULL, &n), FPGA_OK);
	assert_int_equal(n, 0);
	if (card_by_driver()) { /* which chooses an address for each of them */
		assert_int_equal(fpgaPrepareBuffer(parent, 4096, &at, &wsid, 0), FPGA_NOT_SUPPORTED);
		assert_non_null(strstr(opaex_error_detail(), "children"));
		assert_int_equal(fpgaClose(parent), FPGA_OK);
		return;
	}
	run_on_child(parent, kids[0]);
	run_on_child(parent, kids[1]);
	assert_int_equal(fpgaPrepareBuffer(kids[0], 4096, &at, &wsid, 0), FPGA_NOT_SUPPORTED);
	assert_int_equal(fpgaClose(kids[0]), FPGA_INVALID_PARAM);
	assert_non_null(strstr(opaex_error_detail(), "parent"));
	assert_int_equal(fpgaReset(kids[1]), FPGA_OK);
	run_on_child(parent, kids[1]);
	assert_int_equal(fpgaClose(parent), FPGA_OK);
	assert_int_equal(fpgaReset(kids[0]), FPGA_INVALID_PARAM); /* closed with it */
}

/* Who opens the children himself shares the buffers himself. */
static void one_by_one(void **state)
{
	fpga_token t = nth_token(FPGA_ACCELERATOR, PARENT, 0), other = nth_token(FPGA_ACCELERATOR, NLB0, 1);
	fpga_handle parent, child;
	struct nlb n;

	(void)state;
	if (card_by_driver()) { /* which chooses an address for each of them */
		assert_int_equal(fpgaDestroyToken(&other), FPGA_OK);
		assert_int_equal(fpgaDestroyToken(&t), FPGA_OK);
		return;
	}
	assert_int_equal(opaex_open_alone(t, &parent, 0), FPGA_OK);
	assert_int_equal(opaex_open_alone(other, &child, 0), FPGA_OK);
	buffer(parent, 4096, &n.dsm, &n.dsm_id, &n.dsm_io);
	buffer(parent, 65536, &n.src, &n.src_id, &n.src_io);
	buffer(parent, 65536, &n.dst, &n.dst_id, &n.dst_io);
	assert_int_equal(opaex_pin_buffer(child, n.src, 65536, n.src_io + 4096), FPGA_INVALID_PARAM);
	assert_int_equal(opaex_pin_buffer(child, n.dsm, 4096, n.dsm_io), FPGA_OK);
	assert_int_equal(opaex_pin_buffer(child, n.src, 65536, n.src_io), FPGA_OK);
	assert_int_equal(opaex_pin_buffer(child, n.dst, 65536, n.dst_io), FPGA_OK);
	memset(n.src, 0x44, 65536);
	nlb_start(child, &n, 1024, 0);
	assert_int_equal(nlb_wait(&n) >> 32, 0);
	assert_memory_equal(n.src, n.dst, 65536);
	assert_int_equal(fpgaWriteMMIO32(child, 0, 0x138, 0), FPGA_OK);
	assert_int_equal(opaex_unpin_buffer(child, n.dsm, 4096, n.dsm_io), FPGA_OK);
	assert_int_equal(opaex_unpin_buffer(child, n.src, 65536, n.src_io), FPGA_OK);
	assert_int_equal(opaex_unpin_buffer(child, n.dst, 65536, n.dst_io), FPGA_OK);
	nlb_release(parent, &n);
	assert_int_equal(fpgaClose(child), FPGA_OK);
	assert_int_equal(fpgaClose(parent), FPGA_OK);
	assert_int_equal(fpgaDestroyToken(&other), FPGA_OK);
	assert_int_equal(fpgaDestroyToken(&t), FPGA_OK);
}

/* The same GUID on another card is another's child. */
static void children_are_of_the_same_card(void **state)
{
	fpga_handle parent = open_nth(FPGA_ACCELERATOR, PARENT, 0), kids[2];
	fpga_properties p;
	uint8_t bus, function[2];
	uint32_t n = 0;

	(void)state;
	assert_int_equal(fpgaGetChildren(parent, 2, kids, &n), FPGA_OK);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(fpgaGetPropertiesFromHandle(kids[i], &p), FPGA_OK);
		assert_int_equal(fpgaPropertiesGetBus(p, &bus), FPGA_OK);
		assert_int_equal(fpgaPropertiesGetFunction(p, &function[i]), FPGA_OK);
		assert_int_equal(bus, 0xb1);
		fpgaDestroyProperties(&p);
	}
	assert_int_not_equal(function[0], function[1]);
	assert_int_equal(fpgaClose(parent), FPGA_OK);
}

static void a_child_that_is_missing(void **state)
{
	fpga_token t = nth_token(FPGA_ACCELERATOR, PARENT, 0);
	fpga_handle h = (fpga_handle)1;
	uint32_t n = 9;

	(void)state;
	assert_int_equal(fpgaOpen(t, &h, 0), FPGA_NOT_FOUND);
	assert_non_null(strstr(opaex_error_detail(), NLB0));
	assert_ptr_equal(h, (fpga_handle)1);
	assert_int_equal(opaex_open_alone(t, &h, 0), FPGA_OK); /* for who only looks */
	assert_int_equal(fpgaGetChildren(h, 0, NULL, &n), FPGA_OK);
	assert_int_equal(n, 0);
	assert_int_equal(fpgaClose(h), FPGA_OK);
	fpgaDestroyToken(&t);
	t = nth_token(FPGA_ACCELERATOR, NLB0, 1); /* what was opened on the way was closed again */
	assert_int_equal(fpgaOpen(t, &h, 0), FPGA_OK);
	assert_int_equal(fpgaClose(h), FPGA_OK);
	fpgaDestroyToken(&t);
}

static void a_child_that_is_held(void **state)
{
	fpga_token t = nth_token(FPGA_ACCELERATOR, PARENT, 0);
	fpga_handle h, holder = open_nth(FPGA_ACCELERATOR, NLB0, 1);

	(void)state;
	assert_int_equal(fpgaOpen(t, &h, 0), FPGA_BUSY);
	assert_int_equal(fpgaClose(holder), FPGA_OK);
	assert_int_equal(fpgaOpen(t, &h, 0), FPGA_OK);
	assert_int_equal(fpgaClose(h), FPGA_OK);
	fpgaDestroyToken(&t);
}

/* Memory of the program's own is pinned for all of them too, and is its own again afterwards. */
static void preallocated_memory(void **state)
{
	fpga_handle parent = open_nth(FPGA_ACCELERATOR, PARENT, 0), kids[2];
	void *own = NULL;
	uint64_t id, io;
	uint32_t n;

	(void)state;
	card_needs(CARD_ANY_MEMORY);
	assert_int_equal(fpgaGetChildren(parent, 2, kids, &n), FPGA_OK);
	assert_int_equal(posix_memalign(&own, 4096, 65536), 0);
	memset(own, 0x44, 65536);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(fpgaPrepareBuffer(parent, 65536, &own, &id, FPGA_BUF_PREALLOCATED),
				 FPGA_OK);
		assert_int_equal(fpgaGetIOAddress(parent, id, &io), FPGA_OK);
		assert_int_equal(fpgaReleaseBuffer(parent, id), FPGA_OK);
		assert_int_equal(fpgaReleaseBuffer(parent, id), FPGA_INVALID_PARAM);
	}
	run_on_child(parent, kids[1]);
	assert_int_equal(((unsigned char *)own)[65535], 0x44);
	free(own);
	assert_int_equal(fpgaClose(parent), FPGA_OK);
}

/* fpgaFinalize with everything open closes each once. */
static void finalize_with_children_open(void **state)
{
	fpga_handle parent = open_nth(FPGA_ACCELERATOR, PARENT, 0), kids[2];
	void *at;
	uint64_t id;
	uint32_t n;

	(void)state;
	assert_int_equal(fpgaGetChildren(parent, 2, kids, &n), FPGA_OK);
	assert_int_equal(fpgaPrepareBuffer(parent, 65536, &at, &id, 0),
			 card_by_driver() ? FPGA_NOT_SUPPORTED : FPGA_OK);
	assert_int_equal(fpgaFinalize(), FPGA_OK);
	assert_int_equal(fpgaReset(kids[0]), FPGA_INVALID_PARAM);
	assert_int_equal(fpgaReset(parent), FPGA_INVALID_PARAM);
}

#define ONE(test) cmocka_unit_test_setup_teardown(test, up_multi, card_down)
#define SEVERAL(test, up) cmocka_unit_test_setup_teardown(test, up, down_functions)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ONE(children_work),
		SEVERAL(children_work, up_trap),
		SEVERAL(children_work, up_map),
		ONE(one_by_one),
		SEVERAL(one_by_one, up_trap),
		SEVERAL(one_by_one, up_map),
		SEVERAL(children_are_of_the_same_card, up_trap),
		SEVERAL(a_child_that_is_missing, up_one_missing),
		SEVERAL(a_child_that_is_held, up_trap),
		ONE(preallocated_memory),
		SEVERAL(preallocated_memory, up_trap),
		ONE(finalize_with_children_open),
		SEVERAL(finalize_with_children_open, up_trap),
	};

	return CARD_RUN(tests);
}
