/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Drives the host exercisers HE-LB and HE-MEM of OFS boards: tells them where three buffers are, starts
 * a run, waits for its status line in memory or for an interrupt, checks the data, prints the bandwidth.
 *
 *     host_exerciser [OPTIONS] lpbk|mem [[ssss:]bb:dd.f]
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
#include <time.h>
#include <unistd.h>
#include <uuid/uuid.h>

#define HE_LB_GUID "56E203E9-864F-49A7-B94B-12284C31E02B"
#define HE_MEM_GUID "8568AB4E-6BA5-4616-BB65-2A578330A8EB"

/* Registers, byte offsets in MMIO region 0. */
#define HE_DSM_LOW 0x110
#define HE_DSM_HIGH 0x114
#define HE_SRC 0x120
#define HE_DST 0x128
#define HE_NUM_LINES 0x130 /* less one */
#define HE_CTL 0x138
#define HE_CFG 0x140
#define HE_INTERRUPT 0x150 /* vector in 31:16 */
#define HE_SWTEST 0x158	   /* 0 when all went well */
#define HE_ERROR 0x170
#define HE_INFO 0x180

#define CTL_RUN 1u /* out of reset */
#define CTL_START 2u
#define CTL_STOP 4u

#define CFG_DELAY 1u
#define CFG_CONTINUOUS 2u
#define CFG_INTERRUPT (1u << 29)

#define INFO_NO_ATOMICS (1u << 24)

#define LINE 64u
#define BUFFER_BYTES (64u * 1024)
#define BUFFER_LINES (BUFFER_BYTES / LINE)
#define DSM_BYTES 2048u
#define LOOK_MS 100 /* between two looks at whether the card is there */

enum { EXIT_BAD_USE = 2 };
enum { MODE_LPBK, MODE_READ, MODE_WRITE, MODE_TRPUT };

struct choice {
	const char *name;
	uint32_t value;
};

static const struct choice modes[] = { { "lpbk", MODE_LPBK }, { "read", MODE_READ },
				       { "write", MODE_WRITE }, { "trput", MODE_TRPUT }, { NULL, 0 } };
static const struct choice lengths[] = { { "cl_1", 0 }, { "cl_2", 1 },	{ "cl_4", 2 },
					 { "cl_8", 3 }, { "cl_16", 4 }, { NULL, 0 } };
/* Bit 0 is on, bit 1 eight bytes, 3:2 the function. */
static const struct choice atomics[] = { { "off", 0 },	  { "fadd_4", 1 }, { "fadd_8", 3 },
					 { "swap_4", 5 }, { "swap_8", 7 }, { "cas_4", 9 },
					 { "cas_8", 11 }, { NULL, 0 } };

struct options {
	const char *guid, *address;
	uint32_t mode, length, atomic, interleave;
	bool delay, all;
	long continuous_s; /* 0: one pass */
	long vector;	   /* -1: watch memory */
	long timeout_ms;
	int open_flags;
};

struct buffer {
	unsigned char *at;
	uint64_t wsid, io;
};

struct job {
	const struct options *options;
	fpga_handle handle;
	struct buffer dsm, src, dst;
	unsigned char *original; /* of the source, which atomics change */
	uint32_t info;
	fpga_event_handle event;
	int event_fd;
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

/* ---- finding it ---- */

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

static bool find(const struct options *o, fpga_token *token)
{
	fpga_properties filter = NULL;
	uint32_t matches = 0;
	fpga_guid guid;
	bool found;

	uuid_parse(o->guid, guid);
	found = ok(fpgaGetProperties(NULL, &filter), "properties") &&
		ok(fpgaPropertiesSetObjectType(filter, FPGA_ACCELERATOR), "type") &&
		ok(fpgaPropertiesSetGUID(filter, guid), "guid") &&
		(!o->address || filter_address(filter, o->address)) &&
		ok(fpgaEnumerate(&filter, 1, token, 1, &matches), "enumerate");
	if (filter)
		fpgaDestroyProperties(&filter);
	if (found && !matches)
		fprintf(stderr, "No host exerciser %s was found. `opae list` shows what there is.\n",
			o->guid);
	return found && matches;
}

/* ---- a run ---- */

static bool write32(const struct job *j, uint64_t offset, uint32_t v)
{
	return ok(fpgaWriteMMIO32(j->handle, 0, offset, v), "write a register");
}

static bool write64(const struct job *j, uint64_t offset, uint64_t v)
{
	return ok(fpgaWriteMMIO64(j->handle, 0, offset, v), "write a register");
}

static bool read64(const struct job *j, uint64_t offset, uint64_t *v)
{
	return ok(fpgaReadMMIO64(j->handle, 0, offset, v), "read a register");
}

/* Through reset; a millisecond lets what is under way end. */
static bool reset_engine(const struct job *j)
{
	if (!write32(j, HE_CTL, 0))
		return false;
	usleep(1000);
	return write32(j, HE_CTL, CTL_RUN);
}

static uint32_t configuration(const struct options *o)
{
	uint32_t cfg = o->mode << 2 | (o->length & 3) << 5 | o->length >> 2 << 30 | o->atomic << 7 |
		       o->interleave << 20;

	if (o->delay)
		cfg |= CFG_DELAY;
	if (o->continuous_s)
		cfg |= CFG_CONTINUOUS;
	if (o->vector >= 0)
		cfg |= CFG_INTERRUPT;
	return cfg;
}

/* A compare-and-swap compares with the line's number: every third line has it. */
static void fill(const struct job *j)
{
	uint32_t noise = 1;

	for (uint32_t i = 0; i < BUFFER_BYTES; i++) {
		noise = noise * 1664525u + 1013904223u;
		j->src.at[i] = (unsigned char)(noise >> 24);
	}
	for (uint64_t i = 0; i < BUFFER_LINES; i += 3)
		if (j->options->atomic >= 9)
			memcpy(j->src.at + i * LINE, &i, sizeof(i));
	memcpy(j->original, j->src.at, BUFFER_BYTES);
	memset(j->dst.at, 0, BUFFER_BYTES);
	memset(j->dsm.at, 0, DSM_BYTES);
}

static bool start(const struct job *j)
{
	return reset_engine(j) && write32(j, HE_DSM_LOW, (uint32_t)(j->dsm.io / LINE)) &&
	       write32(j, HE_DSM_HIGH, (uint32_t)(j->dsm.io / LINE >> 32)) &&
	       write64(j, HE_SRC, j->src.io / LINE) && write64(j, HE_DST, j->dst.io / LINE) &&
	       write64(j, HE_NUM_LINES, BUFFER_LINES - 1) &&
	       write64(j, HE_CFG, configuration(j->options)) &&
	       (j->options->vector < 0 ||
		write32(j, HE_INTERRUPT, (uint32_t)j->options->vector << 16)) &&
	       write32(j, HE_CTL, CTL_RUN | CTL_START);
}

/* Sleeps until something may have come, or it is time to look at the card. */
static bool is_done(const struct job *j)
{
	const uint64_t *done = (const uint64_t *)(const void *)j->dsm.at;
	struct pollfd p = { .fd = j->event_fd, .events = POLLIN };
	uint64_t count;

	if (j->options->vector >= 0)
		return poll(&p, 1, LOOK_MS) == 1 && read(p.fd, &count, sizeof(count)) == sizeof(count);
	usleep(100);
	return __atomic_load_n(done, __ATOMIC_ACQUIRE) & 1;
}

static bool let_run(const struct job *j)
{
	for (double end = now() + (double)j->options->continuous_s; now() < end; usleep(LOOK_MS * 1000))
		if (!read64(j, HE_INFO, &(uint64_t){ 0 }))
			return false;
	return write32(j, HE_CTL, CTL_RUN | CTL_STOP);
}

/* Memory and interrupts alone would never tell that the card is gone: now and then a register is read. */
static bool wait_done(const struct job *j)
{
	double begin, waited = 0, look = LOOK_MS / 1e3;

	if (j->options->continuous_s && !let_run(j))
		return false;
	for (begin = now(); !is_done(j); waited = now() - begin) {
		if (waited > look && !read64(j, HE_INFO, &(uint64_t){ 0 }))
			return false;
		if (waited > look)
			look = waited + LOOK_MS / 1e3;
		if (waited * 1e3 < (double)j->options->timeout_ms)
			continue;
		fprintf(stderr, "The exerciser did not finish within %ld ms.\n", j->options->timeout_ms);
		return false;
	}
	return true;
}

/* ---- what came of it ---- */

static uint64_t word_at(const unsigned char *at, bool wide)
{
	uint64_t v = 0;

	memcpy(&v, at, wide ? 8 : 4);
	return v;
}

/* The source's first word as an atomic leaves it. */
static uint64_t changed(uint32_t atomic, uint64_t was, uint64_t line)
{
	uint64_t mask = atomic & 2 ? UINT64_MAX : UINT32_MAX;

	if (atomic >> 2 == 0)
		return (was + line) & mask;
	if (atomic >> 2 == 1)
		return line;
	return was == line ? ~line & mask : was;
}

static bool check_atomics(const struct job *j)
{
	bool wide = j->options->atomic & 2;

	for (uint64_t i = 0; i < BUFFER_LINES; i++) {
		uint64_t was = word_at(j->original + i * LINE, wide);

		if (word_at(j->src.at + i * LINE, wide) == changed(j->options->atomic, was, i) &&
		    word_at(j->dst.at + i * LINE, wide) == was)
			continue;
		fprintf(stderr, "Line %" PRIu64 " is not what the atomic makes of it.\n", i);
		return false;
	}
	return true;
}

static bool check_data(const struct job *j)
{
	const struct options *o = j->options;

	if (o->mode != MODE_LPBK)
		return true;
	if (o->atomic)
		return o->continuous_s || check_atomics(j); /* who knows how often each line's turn came */
	if (!o->continuous_s && memcmp(j->src.at, j->dst.at, BUFFER_BYTES)) {
		fprintf(stderr, "The destination differs from the source.\n");
		return false;
	}
	return true;
}

static const char *name_of(const struct choice *from, uint32_t value)
{
	while (from->name && from->value != value)
		from++;
	return from->name;
}

static void print_results(const struct job *j)
{
	const uint32_t *dsm = (const uint32_t *)(const void *)j->dsm.at;
	uint64_t ticks = dsm[2] | (uint64_t)(dsm[3] & 0xff) << 32;
	uint64_t reads = dsm[4] | (uint64_t)(dsm[3] >> 16 & 0xff) << 32;
	uint64_t writes = dsm[5] | (uint64_t)(dsm[3] >> 24) << 32;
	uint64_t lines = reads > writes ? reads : writes;
	double seconds = (double)ticks / ((double)(j->info & 0xffff) * 1e6);

	if (j->options->mode == MODE_TRPUT)
		lines = reads + writes;
	printf("%-5s %-5s %-6s %" PRIu64 " reads, %" PRIu64 " writes, %" PRIu64 " clocks, %.3f GB/s\n",
	       name_of(modes, j->options->mode), name_of(lengths, j->options->length),
	       j->options->atomic ? name_of(atomics, j->options->atomic) : "", reads, writes, ticks,
	       seconds > 0 ? (double)lines * LINE / seconds / 1e9 : 0);
}

static bool judge(const struct job *j)
{
	uint64_t error = 0, message = 0;

	if (!read64(j, HE_ERROR, &error) || !read64(j, HE_SWTEST, &message))
		return false;
	if (error || message) {
		fprintf(stderr, "The exerciser reports error 0x%" PRIx64 ", message 0x%" PRIx64 ".\n",
			error, message);
		return false;
	}
	return check_data(j);
}

static bool one_run(const struct job *j)
{
	bool good;

	if (j->options->atomic && (j->info & INFO_NO_ATOMICS)) {
		fprintf(stderr, "This exerciser has no atomics.\n");
		return false;
	}
	fill(j);
	good = start(j) && wait_done(j);
	if (good)
		print_results(j);
	return good && judge(j) && reset_engine(j);
}

/* Every mode with every length, then every atomic, up to the first that fails. */
static bool all_runs(struct job j)
{
	struct options o = *j.options;

	j.options = &o;
	o.atomic = 0;
	for (o.mode = 0; o.mode <= MODE_TRPUT; o.mode++)
		for (o.length = 0; o.length <= 4; o.length++)
			if (!one_run(&j))
				return false;
	o.mode = o.length = 0;
	for (size_t i = 1; atomics[i].name && !(j.info & INFO_NO_ATOMICS); i++) {
		o.atomic = atomics[i].value;
		if (!one_run(&j))
			return false;
	}
	return true;
}

/* ---- what it needs ---- */

static bool prepare(fpga_handle h, struct buffer *b, uint64_t bytes)
{
	void *at = NULL;

	if (!ok(fpgaPrepareBuffer(h, bytes, &at, &b->wsid, 0), "prepare a buffer"))
		return false;
	b->at = at;
	return ok(fpgaGetIOAddress(h, b->wsid, &b->io), "address of a buffer");
}

static void release(fpga_handle h, struct buffer *b)
{
	if (b->wsid)
		fpgaReleaseBuffer(h, b->wsid);
}

static bool prepare_event(struct job *j)
{
	if (j->options->vector < 0)
		return true;
	return ok(fpgaCreateEventHandle(&j->event), "event handle") &&
	       ok(fpgaRegisterEvent(j->handle, FPGA_EVENT_INTERRUPT, j->event,
				    (uint32_t)j->options->vector), "register for the event") &&
	       ok(fpgaGetOSObjectFromEventHandle(j->event, &j->event_fd), "the event's descriptor");
}

static bool exercise(struct job *j)
{
	uint64_t info = 0;

	if (!ok(fpgaReset(j->handle), "reset") || !read64(j, HE_INFO, &info) ||
	    !prepare(j->handle, &j->src, BUFFER_BYTES) || !prepare(j->handle, &j->dst, BUFFER_BYTES) ||
	    !prepare(j->handle, &j->dsm, DSM_BYTES) || !prepare_event(j))
		return false;
	j->info = (uint32_t)info;
	return j->options->all ? all_runs(*j) : one_run(j);
}

static bool run(const struct options *o, fpga_token token)
{
	struct job j = { .options = o, .original = malloc(BUFFER_BYTES) };
	bool good = false;

	if (j.original && ok(fpgaOpen(token, &j.handle, o->open_flags), "open")) {
		good = exercise(&j);
		if (j.event) {
			fpgaUnregisterEvent(j.handle, FPGA_EVENT_INTERRUPT, j.event);
			fpgaDestroyEventHandle(&j.event);
		}
		release(j.handle, &j.dsm);
		release(j.handle, &j.dst);
		release(j.handle, &j.src);
		good &= ok(fpgaClose(j.handle), "close");
	}
	free(j.original);
	return good;
}

/* ---- the command line ---- */

static int usage(FILE *out)
{
	fprintf(out,
		"usage: host_exerciser [OPTIONS] lpbk|mem [[ssss:]bb:dd.f]\n"
		"  lpbk                  drives HE-LB, mem drives HE-MEM\n"
		"  -m, --mode MODE       lpbk, read, write, trput; lpbk without it\n"
		"      --cls LENGTH      of a request: cl_1, cl_2, cl_4, cl_8, cl_16\n"
		"      --atomic FUNCTION off, fadd_4, fadd_8, swap_4, swap_8, cas_4, cas_8\n"
		"      --interleave N    of throughput, so with -m trput alone: 0, 1, 2\n"
		"      --continuous S    for S seconds in place of one pass (at most 3600)\n"
		"      --interrupt N     wait for the accelerator's interrupt N, not for memory; as a\n"
		"                        rule it has 0 to 3\n"
		"  -d, --delay           delays between requests\n"
		"      --testall         every mode, length and atomic, in place of -m, --cls, --atomic\n"
		"  -t, --timeout MS      how long one run may take; 60000 without it\n"
		"  -s, --shared          open the accelerator shared\n");
	return out == stdout ? 0 : EXIT_BAD_USE;
}

static bool choose(const struct choice *from, const char *option, const char *text, uint32_t *ret)
{
	for (const struct choice *c = from; c->name; c++)
		if (!strcmp(c->name, text)) {
			*ret = c->value;
			return true;
		}
	fprintf(stderr, "%s: '%s' is none of:", option, text);
	for (const struct choice *c = from; c->name; c++)
		fprintf(stderr, " %s", c->name);
	fprintf(stderr, "\n");
	return false;
}

static bool number(const char *option, const char *text, long least, long most, long *ret)
{
	char *end;
	long v = strtol(text, &end, 0);

	if (*text && !*end && v >= least && v <= most) {
		*ret = v;
		return true;
	}
	fprintf(stderr, "%s: '%s' is no number from %ld to %ld\n", option, text, least, most);
	return false;
}

static bool take(struct options *o, int c)
{
	long v = 0;

	switch (c) {
	case 'm': return choose(modes, "--mode", optarg, &o->mode);
	case 'c': return choose(lengths, "--cls", optarg, &o->length);
	case 'a': return choose(atomics, "--atomic", optarg, &o->atomic);
	case 'l':
		if (!number("--interleave", optarg, 0, 2, &v))
			return false;
		o->interleave = (uint32_t)v;
		return true;
	case 'C': return number("--continuous", optarg, 1, 3600, &o->continuous_s);
	case 'i': return number("--interrupt", optarg, 0, 2047, &o->vector);
	case 't': return number("--timeout", optarg, 1, 3600000, &o->timeout_ms);
	case 'd': o->delay = true; return true;
	case 'A': o->all = true; return true;
	case 's': o->open_flags = FPGA_OPEN_SHARED; return true;
	default: usage(stderr); return false;
	}
}

/* What a run would pass over without a word is refused. */
static bool fit(const struct options *o)
{
	const char *why = NULL;

	if (o->all && (o->mode || o->length || o->atomic))
		why = "--testall runs every mode, length and atomic: not with --mode, --cls, --atomic";
	else if (o->atomic && (o->mode || o->length))
		why = "--atomic goes with --mode lpbk and --cls cl_1 alone";
	else if (o->interleave && !o->all && o->mode != MODE_TRPUT)
		why = "--interleave goes with --mode trput or --testall alone";
	if (why)
		fprintf(stderr, "%s\n", why);
	return !why;
}

/* -1: go on; otherwise the exit code. */
static int parse(int argc, char *argv[], struct options *o)
{
	static const struct option longs[] = { { "mode", required_argument, NULL, 'm' },
					       { "cls", required_argument, NULL, 'c' },
					       { "atomic", required_argument, NULL, 'a' },
					       { "interleave", required_argument, NULL, 'l' },
					       { "continuous", required_argument, NULL, 'C' },
					       { "interrupt", required_argument, NULL, 'i' },
					       { "timeout", required_argument, NULL, 't' },
					       { "delay", no_argument, NULL, 'd' },
					       { "testall", no_argument, NULL, 'A' },
					       { "shared", no_argument, NULL, 's' },
					       { "help", no_argument, NULL, 'h' },
					       { 0 } };
	int c;

	while ((c = getopt_long(argc, argv, "m:t:dsh", longs, NULL)) != -1) {
		if (c == 'h')
			return usage(stdout);
		if (!take(o, c))
			return EXIT_BAD_USE;
	}
	if (optind == argc || argc - optind > 2 ||
	    (strcmp(argv[optind], "lpbk") && strcmp(argv[optind], "mem")))
		return usage(stderr);
	if (!fit(o))
		return EXIT_BAD_USE;
	o->guid = strcmp(argv[optind], "mem") ? HE_LB_GUID : HE_MEM_GUID;
	o->address = argv[optind + 1];
	return -1;
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
	struct options o = { .vector = -1, .timeout_ms = 60000 };
	int code = parse(argc, argv, &o);
	fpga_token token;
	bool good;

	if (code >= 0)
		return code;
	if (!find(&o, &token))
		return 1;
	good = run(&o, token);
	fpgaDestroyToken(&token);
	return finish(good);
}
