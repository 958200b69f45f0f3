/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/calls-rig.h"

#include <stdio.h>

#include "base/clock.h"

#define TIMEOUT_NS (20 * NS_PER_S)

struct served_host hosts[2];
opae_api_adapter_table far;
static struct rpc_client *client;
fpga_token devices[2], accelerators[2];
fpga_handle handle;
atomic_uint rights;

static uint32_t rights_of(void *ctx, const struct opae_props *props)
{
	(void)ctx;
	(void)props;
	return rights;
}

static fpga_token find(unsigned int host, fpga_objtype type)
{
	fpga_token list[16], found = NULL;
	struct host_props p;
	char name[16];
	uint32_t n;

	snprintf(name, sizeof(name), "far%u", host);
	assert_int_equal(far.enumerate(far.instance, NULL, 0, list, 16, &n), FPGA_OK);
	for (uint32_t i = 0; i < n && i < 16; i++) {
		assert_int_equal(far.fpgaUpdateProperties(list[i], &p), FPGA_OK);
		if (!found && p.v.objtype == type && !strcmp(p.v.hostname, name))
			found = list[i];
		else
			assert_int_equal(far.fpgaDestroyToken(&list[i]), FPGA_OK);
	}
	assert_non_null(found);
	return found;
}

int calls_up(void **state)
{
	(void)state;
	fake_up();
	fake_manage_reset();
	fake_manage_fill(&fake.table);
	rights = WIRE_RIGHTS_ALL | WIRE_RIGHT_SEE;
	for (unsigned int i = 0; i < 2; i++) {
		hosts[i].served = &fake.served;
		hosts[i].options = (struct rpc_session_options){
			.host = "model", .principal = "tester", .max_objects = OBJECTS, .rights = rights_of
		};
		served_host_start(&hosts[i]);
	}
	client = served_client(hosts, 2, TIMEOUT_NS, &far);
	for (unsigned int i = 0; i < 2; i++) {
		devices[i] = find(i, FPGA_DEVICE);
		accelerators[i] = find(i, FPGA_ACCELERATOR);
	}
	assert_int_equal(far.fpgaOpen(devices[0], &handle, 0), FPGA_OK);
	host_detail[0] = '\0';
	return 0;
}

int calls_down(void **state)
{
	(void)state;
	if (handle)
		far.fpgaClose(handle); /* whose link may be lost */
	handle = NULL;
	for (unsigned int i = 0; i < 2; i++) {
		far.fpgaDestroyToken(&devices[i]);
		far.fpgaDestroyToken(&accelerators[i]);
	}
	rpc_client_free(client);
	for (unsigned int i = 0; i < 2; i++)
		served_host_end(&hosts[i]);
	assert_int_equal(atomic_load(&fake_manage.objects), 0); /* whatever the test left */
	fake_manage_reset();
	fake_down();
	return 0;
}

void await_true(const atomic_bool *b)
{
	int64_t deadline = clock_deadline(20 * NS_PER_S);

	while (!atomic_load(b)) {
		assert_true(clock_now_ns() < deadline);
		clock_sleep_ns(NS_PER_MS);
	}
}

void await_number(const atomic_uint *at, unsigned int least)
{
	int64_t deadline = clock_deadline(20 * NS_PER_S);

	while (atomic_load(at) < least) {
		assert_true(clock_now_ns() < deadline);
		clock_sleep_ns(NS_PER_MS);
	}
}
