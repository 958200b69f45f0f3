/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Finds the hello_afu accelerator, reads who it is, and writes its scratch register and back.
 *
 *     hello_afu [[ssss:]bb:dd.f]
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <opae/ext.h>
#include <opae/fpga.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uuid/uuid.h>

#define HELLO_AFU_GUID "850ADCC2-6CEB-4B22-9722-D43375B61C66"
#define SCRATCH 0x80
#define PATTERN UINT64_C(0x0123456789ABCDEF)

enum { EXIT_BAD_USE = 2 };

static bool ok(fpga_result r, const char *what)
{
	if (r == FPGA_OK)
		return true;
	fprintf(stderr, "%s: %s: %s\n", what, fpgaErrStr(r), opaex_error_detail());
	return false;
}

/* [ssss:]bb:dd.f, as every OPAE tool takes it. */
static bool filter_address(fpga_properties filter, const char *text)
{
	unsigned int s = 0, b = 0, d = 0, f = 0;
	int used = 0;
	bool good = !text[strspn(text, "0123456789abcdefABCDEF:.")];

	if (sscanf(text, "%x:%x:%x.%x%n", &s, &b, &d, &f, &used) != 4 || text[used]) {
		s = 0;
		used = 0;
		if (sscanf(text, "%x:%x.%x%n", &b, &d, &f, &used) != 3 || text[used])
			good = false;
	}
	if (!good || s > 0xffff || d > 0x1f || b > 0xff || f > 7) {
		fprintf(stderr, "'%s' is no address; [ssss:]bb:dd.f is\n", text);
		return false;
	}
	return ok(fpgaPropertiesSetSegment(filter, (uint16_t)s), "segment") &&
	       ok(fpgaPropertiesSetBus(filter, (uint8_t)b), "bus") &&
	       ok(fpgaPropertiesSetDevice(filter, (uint8_t)d), "device") &&
	       ok(fpgaPropertiesSetFunction(filter, (uint8_t)f), "function");
}

static bool find(const char *address, fpga_token *token)
{
	fpga_properties filter = NULL;
	uint32_t matches = 0;
	fpga_guid guid;
	bool found;

	uuid_parse(HELLO_AFU_GUID, guid);
	found = ok(fpgaGetProperties(NULL, &filter), "properties") &&
		ok(fpgaPropertiesSetObjectType(filter, FPGA_ACCELERATOR), "type") &&
		ok(fpgaPropertiesSetGUID(filter, guid), "guid") &&
		(!address || filter_address(filter, address)) &&
		ok(fpgaEnumerate(&filter, 1, token, 1, &matches), "enumerate");
	if (filter)
		fpgaDestroyProperties(&filter);
	if (found && !matches) /* and why not, where a host did not answer */
		fprintf(stderr, "No hello_afu was found. `opae list` shows what there is.\n%s%s",
			opaex_error_detail(), *opaex_error_detail() ? "\n" : "");
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

	if (!ok(fpgaMapMMIO(h, 0, NULL), "map the registers") || !ok(fpgaReset(h), "reset") ||
	    !ok(fpgaReadMMIO64(h, 0, 0x00, &dfh), "DFH") ||
	    !ok(fpgaReadMMIO64(h, 0, 0x08, &low), "id low") ||
	    !ok(fpgaReadMMIO64(h, 0, 0x10, &high), "id high"))
		return false;
	printf("DFH 0x%016" PRIx64 ", AFU id %016" PRIx64 "%016" PRIx64 "\n", dfh, high, low);
	return scratch(h, PATTERN) && scratch(h, 0);
}

static bool run(fpga_token token)
{
	fpga_handle h;
	bool good;

	if (!ok(fpgaOpen(token, &h, 0), "open"))
		return false;
	good = talk(h);
	fpgaUnmapMMIO(h, 0);
	return ok(fpgaClose(h), "close") && good;
}

/* A result that nobody could read is a failure as well. */
static int finish(bool good)
{
	printf("Test %s\n", good ? "PASSED" : "FAILED");
	if (!fflush(stdout) && !ferror(stdout))
		return good ? EXIT_SUCCESS : EXIT_FAILURE;
	fprintf(stderr, "the output could not be written: %s\n", strerror(errno));
	return EXIT_FAILURE;
}

int main(int argc, char *argv[])
{
	static const struct option longs[] = { { "help", no_argument, NULL, 'h' }, { 0 } };
	int c = getopt_long(argc, argv, "h", longs, NULL);
	fpga_token token;
	bool good;

	if (c != -1 || argc - optind > 1) {
		fprintf(c == 'h' ? stdout : stderr, "usage: hello_afu [[ssss:]bb:dd.f]\n");
		return c == 'h' ? EXIT_SUCCESS : EXIT_BAD_USE;
	}
	if (!find(argv[optind], &token))
		return EXIT_FAILURE;
	good = run(token);
	fpgaDestroyToken(&token);
	return finish(good);
}
