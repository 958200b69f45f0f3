/* SPDX-License-Identifier: BSD-3-Clause */
/* Finds the hello_afu accelerator, reads who it is, and writes its scratch register and back. */
#include <inttypes.h>
#include <opae/ext.h>
#include <opae/fpga.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <uuid/uuid.h>

#define HELLO_AFU_GUID "850ADCC2-6CEB-4B22-9722-D43375B61C66"
#define SCRATCH 0x80
#define PATTERN UINT64_C(0x0123456789ABCDEF)

static bool ok(fpga_result r, const char *what)
{
	if (r == FPGA_OK)
		return true;
	fprintf(stderr, "%s: %s: %s\n", what, fpgaErrStr(r), opaex_error_detail());
	return false;
}

static bool find(fpga_token *token)
{
	fpga_properties filter = NULL;
	uint32_t matches = 0;
	fpga_guid guid;
	bool found;

	uuid_parse(HELLO_AFU_GUID, guid);
	found = ok(fpgaGetProperties(NULL, &filter), "fpgaGetProperties") &&
		ok(fpgaPropertiesSetObjectType(filter, FPGA_ACCELERATOR), "type") &&
		ok(fpgaPropertiesSetGUID(filter, guid), "guid") &&
		ok(fpgaEnumerate(&filter, 1, token, 1, &matches), "fpgaEnumerate");
	if (filter)
		fpgaDestroyProperties(&filter);
	if (found && !matches)
		fprintf(stderr, "No hello_afu was found. `opae list` shows what there is.\n");
	return found && matches;
}

static bool scratch(fpga_handle h, uint64_t value)
{
	uint64_t back = ~value;

	if (!ok(fpgaWriteMMIO64(h, 0, SCRATCH, value), "write") ||
	    !ok(fpgaReadMMIO64(h, 0, SCRATCH, &back), "read"))
		return false;
	printf("scratch: wrote 0x%016" PRIx64 ", read 0x%016" PRIx64 "\n", value, back);
	return back == value;
}

static bool talk(fpga_handle h)
{
	uint64_t dfh = 0, low = 0, high = 0;

	if (!ok(fpgaMapMMIO(h, 0, NULL), "fpgaMapMMIO") || !ok(fpgaReset(h), "fpgaReset") ||
	    !ok(fpgaReadMMIO64(h, 0, 0x00, &dfh), "DFH") ||
	    !ok(fpgaReadMMIO64(h, 0, 0x08, &low), "id low") ||
	    !ok(fpgaReadMMIO64(h, 0, 0x10, &high), "id high"))
		return false;
	printf("DFH 0x%016" PRIx64 ", AFU id %016" PRIx64 "%016" PRIx64 "\n", dfh, high, low);
	return scratch(h, PATTERN) && scratch(h, 0);
}

int main(void)
{
	fpga_handle h;
	fpga_token token;
	bool good;

	if (!find(&token))
		return 1;
	good = ok(fpgaOpen(token, &h, 0), "fpgaOpen");
	if (good) {
		good = talk(h);
		fpgaUnmapMMIO(h, 0);
		good = ok(fpgaClose(h), "fpgaClose") && good;
	}
	fpgaDestroyToken(&token);
	printf("%s\n", good ? "Test PASSED" : "Test FAILED");
	return good ? 0 : 1;
}
