/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/local-rig.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/check.h"
#include "tests/unit/fake-dfl.h"
#include "tests/unit/seam.h"

opae_api_adapter_table t;

/* The plugin keeps its first host, and so the table that it got from it, for the whole run. */
int local_up(unsigned int cards)
{
	fake_dfl_up(cards);
	seam_over(fake_dfl_seam());
	t = (opae_api_adapter_table){ .size = sizeof(t),
				      .abi_major = OPAE_PLUGIN_ABI_MAJOR,
				      .abi_minor = OPAE_PLUGIN_ABI_MINOR,
				      .host = props_host(seam_table()) };
	return opae_plugin_configure(&t, "{}") || t.initialize(t.instance);
}

int up(void **state)
{
	(void)state;
	return local_up(1);
}

int down(void **state)
{
	(void)state;
	seam_disarm();
	t.finalize(t.instance);
	assert_int_equal(fake.maps, 0);
	fake_dfl_down();
	free(t.instance);
	return 0;
}

fpga_token find(fpga_objtype type)
{
	fpga_token all[2 * FAKE_CARDS], found = NULL;
	uint32_t n = 0;

	assert_int_equal(t.enumerate(t.instance, NULL, 0, all, COUNT(all), &n), FPGA_OK);
	for (uint32_t i = 0; i < n; i++) {
		struct host_props p;

		assert_int_equal(t.fpgaUpdateProperties(all[i], &p), FPGA_OK);
		if (!found && p.v.objtype == type)
			found = all[i];
		else
			t.fpgaDestroyToken(&all[i]);
	}
	assert_non_null(found);
	return found;
}

struct host_props look(fpga_objtype type)
{
	struct host_props p;
	fpga_token token = find(type);

	assert_int_equal(t.fpgaUpdateProperties(token, &p), FPGA_OK);
	t.fpgaDestroyToken(&token);
	return p;
}

fpga_handle open_one(fpga_objtype type, int flags)
{
	fpga_token token = find(type);
	fpga_handle h = NULL;

	assert_int_equal(t.fpgaOpen(token, &h, flags), FPGA_OK);
	t.fpgaDestroyToken(&token);
	return h;
}

fpga_result prepare(fpga_handle h, uint64_t len, int flags)
{
	void *at = NULL;
	uint64_t wsid;
	fpga_result r = t.fpgaPrepareBuffer(h, len, &at, &wsid, flags);

	if (r == FPGA_OK) {
		memset(at, 0x5a, len);
		assert_int_equal(t.fpgaReleaseBuffer(h, wsid), FPGA_OK);
		assert_int_equal(t.fpgaReleaseBuffer(h, wsid), FPGA_INVALID_PARAM);
	}
	return r;
}
