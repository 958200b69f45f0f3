/* SPDX-License-Identifier: BSD-3-Clause */
/* opae mmio read, opae mmio write: one access to a register. */
#include <inttypes.h>
#include <stdio.h>

#include "mmio.h"

static fpga_result carry_out(const struct mmio_region *r, struct mmio_args *a)
{
	uint32_t v32 = 0;
	fpga_result result;

	if (a->write)
		return a->width == 32 ? fpgaWriteMMIO32(r->handle, r->index, a->offset,
							(uint32_t)a->value) :
					fpgaWriteMMIO64(r->handle, r->index, a->offset, a->value);
	if (a->width == 64)
		return fpgaReadMMIO64(r->handle, r->index, a->offset, &a->value);
	result = fpgaReadMMIO32(r->handle, r->index, a->offset, &v32);
	a->value = v32;
	return result;
}

int mmio_access(const struct mmio_region *r, struct mmio_args *a)
{
	struct json_object *o;

	if (!ok(carry_out(r, a), a->write ? "write" : "read"))
		return EXIT_FAILED;
	if (!a->json) {
		if (!a->write)
			printf("0x%0*" PRIx64 "\n", (int)a->width / 4, a->value);
		return EXIT_OK;
	}
	o = json_object_new_object();
	json_object_object_add(o, "region", json_u64(a->region));
	json_object_object_add(o, "offset", json_u64(a->offset));
	json_object_object_add(o, "width", json_u64(a->width));
	json_object_object_add(o, a->write ? "written" : "value", json_u64(a->value));
	return print_json("mmio", o);
}
