/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Error events: registers for those of an FPGA device, has the device inject an error into itself, and
 * waits for the event. Then it reads what was raised, and clears it.
 *
 *     hello_events [-s] [-S SEGMENT] [-B BUS] [-D DEVICE] [-F FUNCTION] [[ssss:]bb:dd.f]
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

/* Which card; what is -1 may be anything. */
struct place {
	int segment, bus, device, function;
};

/* 0x.. is hexadecimal, all else decimal. */
static bool parse_number(const char *option, const char *text, int max, int *ret)
{
	bool hex = !strncmp(text, "0x", 2) || !strncmp(text, "0X", 2);
	const char *digits = hex ? text + 2 : text;
	size_t len = strspn(digits, hex ? "0123456789abcdefABCDEF" : "0123456789");
	unsigned long v = strtoul(digits, NULL, hex ? 16 : 10);

	if (!len || digits[len] || v > (unsigned long)max) {
		fprintf(stderr, "%s '%s' is no number from 0 to 0x%x\n", option, text, (unsigned int)max);
		return false;
	}
	*ret = (int)v;
	return true;
}

/* [ssss:]bb:dd.f, as every OPAE tool takes it. */
static bool parse_address(const char *text, struct place *ret)
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
	*ret = (struct place){ (int)s, (int)b, (int)d, (int)f };
	return true;
}

static bool filter_place(fpga_properties filter, const struct place *p)
{
	return (p->segment < 0 ||
		ok(fpgaPropertiesSetSegment(filter, (uint16_t)p->segment), "segment")) &&
	       (p->bus < 0 || ok(fpgaPropertiesSetBus(filter, (uint8_t)p->bus), "bus")) &&
	       (p->device < 0 || ok(fpgaPropertiesSetDevice(filter, (uint8_t)p->device), "device")) &&
	       (p->function < 0 ||
		ok(fpgaPropertiesSetFunction(filter, (uint8_t)p->function), "function"));
}

static bool find(const struct place *place, fpga_token *token)
{
	fpga_properties filter = NULL;
	uint32_t matches = 0;
	bool good = ok(fpgaGetProperties(NULL, &filter), "properties") &&
		    ok(fpgaPropertiesSetObjectType(filter, FPGA_DEVICE), "type") &&
		    filter_place(filter, place) &&
		    ok(fpgaEnumerate(&filter, 1, token, 1, &matches), "enumerate");

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
	bool good = ok(fpgaGetProperties(token, &p), "properties");

	if (!good)
		return false;
	good = ok(fpgaPropertiesGetNumErrors(p, &n), "number of errors");
	fpgaDestroyProperties(&p);
	for (uint32_t i = 0; i < n && good; i++) {
		struct fpga_error_info info;
		uint64_t v = 0;

		good = ok(fpgaGetErrorInfo(token, i, &info), "name of an error") &&
		       ok(fpgaReadError(token, i, &v), "value of an error");
		if (good && v)
			printf("%-16s 0x%" PRIx64 "\n", info.name, v);
	}
	return good;
}

static bool run(fpga_token token, fpga_handle h, fpga_event_handle eh)
{
	bool good;
	int fd;

	if (!ok(fpgaRegisterEvent(h, FPGA_EVENT_ERROR, eh, 0), "register for the event"))
		return false;
	good = ok(fpgaGetOSObjectFromEventHandle(eh, &fd), "event's descriptor");
	if (good)
		printf("injecting a nonfatal error\n");
	good = good && inject(h, NONFATAL) && wait_for(fd) && print_errors(token) && inject(h, 0) &&
	       ok(fpgaClearAllErrors(token), "clear the errors");
	return ok(fpgaUnregisterEvent(h, FPGA_EVENT_ERROR, eh), "unregister from the event") && good;
}

static bool with_device(fpga_token token, int flags)
{
	fpga_event_handle eh;
	fpga_handle h;
	bool good;

	if (!ok(fpgaOpen(token, &h, flags), "open"))
		return false;
	good = ok(fpgaCreateEventHandle(&eh), "event handle");
	if (good) {
		good = run(token, h, eh);
		fpgaDestroyEventHandle(&eh);
	}
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

struct options {
	struct place place;
	int flags; /* of fpgaOpen */
};

static int usage(FILE *out, int code)
{
	fprintf(out, "usage: hello_events [-s] [-S SEGMENT] [-B BUS] [-D DEVICE] [-F FUNCTION]\n"
		     "                  [[ssss:]bb:dd.f]\n"
		     "  -s, --shared    open the device shared\n"
		     "  -S, --segment, -B, --bus, -D, --device, -F, --function NUMBER, or an address:\n"
		     "                  the card, when there are several; 0x10 is 16\n"
		     "  -v, --version; -h, --help\n");
	return code;
}

static int print_version(void)
{
	char version[32] = "";

	fpgaGetOPAECVersionString(version, sizeof(version));
	printf("hello_events %s\n", version);
	return EXIT_SUCCESS;
}

/* -1: go on; else the exit code. */
static int parse(int argc, char *argv[], struct options *o)
{
	static const struct option longs[] = {
		{ "segment", required_argument, NULL, 'S' }, { "bus", required_argument, NULL, 'B' },
		{ "device", required_argument, NULL, 'D' },  { "function", required_argument, NULL, 'F' },
		{ "shared", no_argument, NULL, 's' },	     { "version", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },	     { 0 },
	};
	struct place *p = &o->place;
	bool good = true;
	int c;

	while (good && (c = getopt_long(argc, argv, "S:B:D:F:svh", longs, NULL)) != -1) {
		switch (c) {
		case 'S': good = parse_number("--segment", optarg, 0xffff, &p->segment); break;
		case 'B': good = parse_number("--bus", optarg, 0xff, &p->bus); break;
		case 'D': good = parse_number("--device", optarg, 0x1f, &p->device); break;
		case 'F': good = parse_number("--function", optarg, 7, &p->function); break;
		case 's': o->flags = FPGA_OPEN_SHARED; break;
		case 'v': return print_version();
		case 'h': return usage(stdout, EXIT_SUCCESS);
		default: return usage(stderr, EXIT_BAD_USE);
		}
	}
	if (good && argc - optind > 1)
		return usage(stderr, EXIT_BAD_USE);
	if (good && argc - optind == 1)
		good = parse_address(argv[optind], p);
	return good ? -1 : EXIT_FAILURE;
}

int main(int argc, char *argv[])
{
	struct options o = { .place = { -1, -1, -1, -1 } };
	fpga_token token;
	int rc = parse(argc, argv, &o);
	bool good;

	if (rc >= 0)
		return rc;
	if (!find(&o.place, &token))
		return EXIT_FAILURE;
	good = with_device(token, o.flags);
	fpgaDestroyToken(&token);
	return finish(good);
}
