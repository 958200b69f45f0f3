/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Copies a buffer with the native loopback AFU (NLB0): find it, open it, prepare three buffers,
 * tell it where they are, start it, watch its status line in memory, compare.
 *
 *     hello_fpga [-s] [-S SEGMENT] [-B BUS] [-D DEVICE] [-F FUNCTION] [[ssss:]bb:dd.f]
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
#include <time.h>
#include <unistd.h>
#include <uuid/uuid.h>

#define NLB0_GUID "D8424DC4-A4A3-C413-F89E-433683F9040B"

/* Registers of NLB0, byte offsets in MMIO region 0. */
#define NLB_DSM_BASE 0x110
#define NLB_SRC 0x120
#define NLB_DST 0x128
#define NLB_NUM_LINES 0x130
#define NLB_CTL 0x138
#define NLB_CFG 0x140
#define NLB_STATUS1 0x168

#define CTL_RUN 0x1 /* out of reset */
#define CTL_START 0x2
#define CTL_STOP 0x4
#define CFG_LOOPBACK 0x42000

#define LINE 64u
#define BUFFER_BYTES (2u * 1024 * 1024)
#define COPY_BYTES (1u * 1024 * 1024)
#define DSM_STATUS 0x40 /* where the status line is in the DSM buffer */

enum { EXIT_BAD_USE = 2 };

struct buffer {
	void *at;
	uint64_t wsid, io;
};

struct job {
	fpga_handle handle;
	struct buffer dsm, in, out;
};

static bool ok(fpga_result r, const char *what)
{
	if (r == FPGA_OK)
		return true;
	fprintf(stderr, "%s: %s: %s\n", what, fpgaErrStr(r), opaex_error_detail());
	return false;
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
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
	fpga_guid guid;
	bool found;

	uuid_parse(NLB0_GUID, guid);
	found = ok(fpgaGetProperties(NULL, &filter), "properties") &&
		ok(fpgaPropertiesSetObjectType(filter, FPGA_ACCELERATOR), "type") &&
		ok(fpgaPropertiesSetGUID(filter, guid), "guid") &&
		filter_place(filter, place) &&
		ok(fpgaEnumerate(&filter, 1, token, 1, &matches), "enumerate");
	if (filter)
		fpgaDestroyProperties(&filter);
	if (found && !matches) /* and why not, where a host did not answer */
		fprintf(stderr, "No NLB0 accelerator was found. `opae list` shows what there is.\n%s%s",
			opaex_error_detail(), *opaex_error_detail() ? "\n" : "");
	return found && matches;
}

static bool prepare(fpga_handle h, struct buffer *b)
{
	return ok(fpgaPrepareBuffer(h, BUFFER_BYTES, &b->at, &b->wsid, 0), "prepare a buffer") &&
	       ok(fpgaGetIOAddress(h, b->wsid, &b->io), "address of a buffer");
}

static void release(fpga_handle h, struct buffer *b)
{
	if (b->wsid)
		fpgaReleaseBuffer(h, b->wsid);
}

/* Everything but the start itself. */
static bool set_up(const struct job *j)
{
	fpga_handle h = j->handle;

	return ok(fpgaReset(h), "reset") &&
	       ok(fpgaWriteMMIO64(h, 0, NLB_DSM_BASE, j->dsm.io), "DSM base") &&
	       ok(fpgaWriteMMIO32(h, 0, NLB_CTL, 0), "control") &&
	       ok(fpgaWriteMMIO32(h, 0, NLB_CTL, CTL_RUN), "control") &&
	       ok(fpgaWriteMMIO64(h, 0, NLB_SRC, j->in.io / LINE), "source") &&
	       ok(fpgaWriteMMIO64(h, 0, NLB_DST, j->out.io / LINE), "destination") &&
	       ok(fpgaWriteMMIO32(h, 0, NLB_NUM_LINES, COPY_BYTES / LINE), "length") &&
	       ok(fpgaWriteMMIO32(h, 0, NLB_CFG, CFG_LOOPBACK), "mode");
}

/*
 * The AFU writes its status line after the last byte: watching it needs no call at all. A short copy
 * is over within a millisecond, for which we look without sleeping.
 */
static bool wait_done(const struct job *j, double begin)
{
	const volatile uint64_t *status =
		(const volatile uint64_t *)((const char *)j->dsm.at + DSM_STATUS);

	while (!(*status & 1)) {
		double waited = now() - begin;

		if (waited > 3.0) {
			fprintf(stderr, "The AFU did not finish within 3 s.\n");
			return false;
		}
		if (waited > 0.001)
			usleep(100);
	}
	return true;
}

static bool stop(const struct job *j)
{
	uint64_t pending = 1;

	if (!ok(fpgaWriteMMIO32(j->handle, 0, NLB_CTL, CTL_RUN | CTL_START | CTL_STOP), "stop"))
		return false;
	for (int i = 0; i < 100 && pending; i++) {
		if (!ok(fpgaReadMMIO64(j->handle, 0, NLB_STATUS1, &pending), "pending"))
			return false;
		if (pending)
			usleep(1000);
	}
	return !pending;
}

static bool loopback(struct job *j)
{
	const unsigned char *out;
	double begin, seconds;

	if (!prepare(j->handle, &j->dsm) || !prepare(j->handle, &j->in) ||
	    !prepare(j->handle, &j->out))
		return false;
	memset(j->dsm.at, 0, BUFFER_BYTES);
	memset(j->in.at, 0xAF, BUFFER_BYTES);
	memset(j->out.at, 0xBE, BUFFER_BYTES);
	printf("Running the loopback test\n");
	if (!set_up(j))
		return false;
	begin = now();
	if (!ok(fpgaWriteMMIO32(j->handle, 0, NLB_CTL, CTL_RUN | CTL_START), "start") ||
	    !wait_done(j, begin))
		return false;
	seconds = now() - begin;
	if (!stop(j))
		return false;
	if (memcmp(j->in.at, j->out.at, COPY_BYTES)) {
		fprintf(stderr, "The output differs from the input.\n");
		return false;
	}
	out = j->out.at;
	printf("%u bytes copied in %.3f ms, %.0f MB/s; all are right: the first ones "
	       "%02x %02x %02x %02x, the one after the copy %02x\n",
	       COPY_BYTES, seconds * 1e3, COPY_BYTES / seconds / 1e6, out[0], out[1], out[2],
	       out[3], out[COPY_BYTES]);
	return true;
}

static bool run(fpga_token token, int flags)
{
	struct job j = { 0 };
	bool good;

	if (!ok(fpgaOpen(token, &j.handle, flags), "open"))
		return false;
	good = ok(fpgaMapMMIO(j.handle, 0, NULL), "map the registers") && loopback(&j);
	release(j.handle, &j.out);
	release(j.handle, &j.in);
	release(j.handle, &j.dsm);
	fpgaUnmapMMIO(j.handle, 0);
	return ok(fpgaClose(j.handle), "close") && good;
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
	fprintf(out, "usage: hello_fpga [-s] [-S SEGMENT] [-B BUS] [-D DEVICE] [-F FUNCTION]\n"
		     "                  [[ssss:]bb:dd.f]\n"
		     "  -s, --shared    open the accelerator shared\n"
		     "  -S, --segment, -B, --bus, -D, --device, -F, --function NUMBER, or an address:\n"
		     "                  the card, when there are several; 0x10 is 16\n"
		     "  -v, --version; -h, --help\n");
	return code;
}

static int print_version(void)
{
	char version[32] = "";

	fpgaGetOPAECVersionString(version, sizeof(version));
	printf("hello_fpga %s\n", version);
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
	good = run(token, o.flags);
	fpgaDestroyToken(&token);
	return finish(good);
}
