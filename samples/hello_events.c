/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Error events: registers for those of an FPGA device, has the device inject an error into itself, and
 * waits for the event. Then it reads what was raised, and clears it.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <opae/ext.h>
#include <opae/fpga.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NONFATAL UINT64_C(4)
#define WAIT_MS 5000

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
	bool good = ok(fpgaGetProperties(NULL, &filter), "fpgaGetProperties") &&
		    ok(fpgaPropertiesSetObjectType(filter, FPGA_DEVICE), "type") &&
		    (!address || filter_address(filter, address)) &&
		    ok(fpgaEnumerate(&filter, 1, token, 1, &matches), "fpgaEnumerate");

	if (filter)
		fpgaDestroyProperties(&filter);
	if (good && !matches)
		fprintf(stderr, "No FPGA device was found. `opae list` shows what there is.\n");
	return good && matches;
}

static bool inject(fpga_handle h, uint64_t value)
{
	fpga_object object;
	bool good = ok(fpgaHandleGetObject(h, "errors/inject_errors", &object, 0),
		       "errors/inject_errors");

	if (!good)
		return false;
	good = ok(fpgaObjectWrite64(object, value, 0), "injecting an error");
	fpgaDestroyObject(&object);
	return good;
}

static bool wait_for(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint64_t times = 0;

	if (poll(&p, 1, WAIT_MS) != 1 || read(fd, &times, sizeof(times)) != sizeof(times)) {
		fprintf(stderr, "no event within %d ms\n", WAIT_MS);
		return false;
	}
	printf("event: %" PRIu64 " interrupt%s\n", times, times == 1 ? "" : "s");
	return true;
}

static bool print_errors(fpga_token token)
{
	fpga_properties p;
	uint32_t n = 0;
	bool good = ok(fpgaGetProperties(token, &p), "fpgaGetProperties");

	if (!good)
		return false;
	good = ok(fpgaPropertiesGetNumErrors(p, &n), "number of errors");
	fpgaDestroyProperties(&p);
	for (uint32_t i = 0; i < n && good; i++) {
		struct fpga_error_info info;
		uint64_t v = 0;

		good = ok(fpgaGetErrorInfo(token, i, &info), "fpgaGetErrorInfo") &&
		       ok(fpgaReadError(token, i, &v), "fpgaReadError");
		if (good && v)
			printf("%-16s 0x%" PRIx64 "\n", info.name, v);
	}
	return good;
}

static bool run(fpga_token token, fpga_handle h, fpga_event_handle eh)
{
	bool good;
	int fd;

	if (!ok(fpgaRegisterEvent(h, FPGA_EVENT_ERROR, eh, 0), "fpgaRegisterEvent"))
		return false;
	good = ok(fpgaGetOSObjectFromEventHandle(eh, &fd), "event's descriptor");
	if (good)
		printf("injecting a nonfatal error\n");
	good = good && inject(h, NONFATAL) && wait_for(fd) && print_errors(token) && inject(h, 0) &&
	       ok(fpgaClearAllErrors(token), "fpgaClearAllErrors");
	return ok(fpgaUnregisterEvent(h, FPGA_EVENT_ERROR, eh), "fpgaUnregisterEvent") && good;
}

static bool with_device(fpga_token token, int flags)
{
	fpga_event_handle eh;
	fpga_handle h;
	bool good;

	if (!ok(fpgaOpen(token, &h, flags), "fpgaOpen"))
		return false;
	good = ok(fpgaCreateEventHandle(&eh), "fpgaCreateEventHandle");
	if (good) {
		good = run(token, h, eh);
		fpgaDestroyEventHandle(&eh);
	}
	return ok(fpgaClose(h), "fpgaClose") && good;
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

static int usage(FILE *out, int code)
{
	fprintf(out, "usage: hello_events [-s] [[ssss:]bb:dd.f]\n"
		     "  -s, --shared   open the device shared\n"
		     "  -v, --version  print the library's version\n");
	return code;
}

int main(int argc, char *argv[])
{
	static const struct option longs[] = { { "shared", no_argument, NULL, 's' },
					       { "version", no_argument, NULL, 'v' },
					       { "help", no_argument, NULL, 'h' },
					       { 0 } };
	char version[32] = "";
	fpga_token token;
	int flags = 0, c;
	bool good;

	while ((c = getopt_long(argc, argv, "svh", longs, NULL)) != -1) {
		switch (c) {
		case 's': flags = FPGA_OPEN_SHARED; break;
		case 'v':
			fpgaGetOPAECVersionString(version, sizeof(version));
			printf("hello_events %s\n", version);
			return EXIT_SUCCESS;
		case 'h': return usage(stdout, EXIT_SUCCESS);
		default: return usage(stderr, EXIT_BAD_USE);
		}
	}
	if (argc - optind > 1)
		return usage(stderr, EXIT_BAD_USE);
	if (!find(argv[optind], &token))
		return EXIT_FAILURE;
	good = with_device(token, flags);
	fpgaDestroyToken(&token);
	return finish(good);
}
