/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/card/card.h"

#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <uuid/uuid.h>

#include "tests/card/machine.h"
#include "tests/card/remote.h"

pid_t card;
static char dir[64];
static char simulation[128]; /* the card's socket, when the ASE plugin has it */
static pid_t owner;

/* Of this process alone; a child that ends leaves it. */
static void remove_dir(void)
{
	static const char *const files[] = { "inventory", "holders" };
	char path[128];

	if (getpid() != owner)
		return;
	for (unsigned int i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
		unlink(path);
	}
	rmdir(dir);
}

const char *card_dir(void)
{
	if (!*dir) {
		snprintf(dir, sizeof(dir), "/tmp/opae-test-card.XXXXXX");
		assert_non_null(mkdtemp(dir));
		owner = getpid();
		atexit(remove_dir);
		setenv("OPAEX_EMU_DIR", dir, 1);
		setenv("OPAEX_INVENTORY_DIR", dir, 1);
	}
	return dir;
}

/* Is it the ASE plugin that has the card? It takes one, for a simulation. */
static bool is_simulation(void)
{
	return getenv("OPAE_TEST_SIMULATION");
}

/* ---- running tests ---- */

static const struct CMUnitTest *under_way;

/* What a test leaves behind that did not come to its end. */
static void clean_up(void)
{
	if (under_way)
		fpgaFinalize();
	if (remote_is())
		remote_stop(under_way);
	if (machine_is())
		machine_give_all_back();
	else if (card)
		card_end(card, SIGKILL);
	card = 0;
	under_way = NULL;
}

void card_skip(const char *fmt, ...)
{
	char reason[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(reason, sizeof(reason), fmt, ap);
	va_end(ap);
	print_message("# skipped %s: %s\n", under_way->name, reason);
	clean_up();
	skip();
}

static void run_case(void **state)
{
	const struct CMUnitTest *t = *state;
	void *own = t->initial_state;

	clean_up();
	under_way = t;
	assert_int_equal(t->setup_func ? t->setup_func(&own) : 0, 0);
	t->test_func(&own);
	assert_int_equal(t->teardown_func ? t->teardown_func(&own) : 0, 0);
	under_way = NULL;
	if (remote_is())
		remote_stop(false);
}

/* The same case with registers reached in another way, which is nothing new to what is slow. */
static bool is_repeated(const struct CMUnitTest *tests, size_t i)
{
	return i && !strcmp(tests[i].name, tests[i - 1].name);
}

int card_run(const struct CMUnitTest *tests, size_t count)
{
	struct CMUnitTest wrapped[64];
	size_t n = 0;

	assert_true(count <= sizeof(wrapped) / sizeof(wrapped[0]));
	for (size_t i = 0; i < count; i++) {
		void *state = (void *)(uintptr_t)&tests[i]; /* only read */

		if (remote_is_slow() && is_repeated(tests, i))
			continue;
		wrapped[n++] = (struct CMUnitTest){ .name = tests[i].name,
						    .test_func = run_case,
						    .initial_state = state };
	}
	return _cmocka_run_group_tests("tests", wrapped, n, NULL, NULL);
}

/* ---- processes ---- */

/* The card's first line tells that it listens. */
static void wait_ready(int fd)
{
	char line[256];
	ssize_t n = read(fd, line, sizeof(line) - 1);

	assert_true(n > 0);
	line[n] = 0;
	assert_non_null(strstr(line, "card ready"));
	close(fd);
}

static void become_card(const char *path, const char *const *options, const char *const *values)
{
	char *args[12] = { strdup("opae-emu"), strdup("--socket"), strdup(path) };
	unsigned int n = 3;

	for (unsigned int i = 0; options[i]; i++)
		if (values[i]) {
			args[n++] = strdup(options[i]);
			args[n++] = strdup(values[i]);
		}
	execv(getenv("OPAEX_EMU_PROGRAM"), args);
	_exit(127);
}

static pid_t start_process(const char *name, const struct machine_card *c)
{
	const char *const options[] = { "--board", "--mmio", "--afu", "--faults", NULL };
	const char *const values[] = { c->board, c->mmio, c->afu, c->faults };
	char path[128];
	int out[2];
	pid_t pid;

	snprintf(path, sizeof(path), "%s/%s.sock", card_dir(), name);
	if (is_simulation() && *simulation && strcmp(path, simulation) != 0)
		card_skip("a simulation is one card");
	memcpy(simulation, path, sizeof(simulation));
	assert_int_equal(pipe(out), 0);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves nothing behind */
		dup2(out[1], 1);
		close(out[0]);
		close(out[1]);
		become_card(path, options, values);
	}
	assert_true(pid > 0);
	close(out[1]);
	wait_ready(out[0]);
	return pid;
}

pid_t card_start_with(const char *name, const char *board, const char *mmio, const char *afu,
		      const char *faults)
{
	const struct machine_card want = { board, mmio, afu, faults };
	pid_t pid;

	if (!machine_is())
		return start_process(name, &want);
	pid = machine_take(&want);
	if (pid < 0)
		card_skip("the machine has no %s (%s%s%s%s%s) to spare", board, mmio, afu ? ", " : "",
			  afu ? afu : "", faults ? ", " : "", faults ? faults : "");
	return pid;
}

pid_t card_start(const char *name, const char *board, const char *mmio)
{
	return card_start_with(name, board, mmio, NULL, NULL);
}

void card_end(pid_t pid, int sig)
{
	int status;

	if (machine_is()) {
		assert_int_equal(sig, SIGTERM);
		machine_give_back(pid);
		return;
	}
	kill(pid, sig);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (sig == SIGTERM) /* anything else was found by a sanitizer, or crashed */
		assert_int_equal(status, 0);
}

void card_fault(pid_t pid)
{
	if (machine_is())
		machine_signal(pid);
	else
		assert_int_equal(kill(pid, SIGUSR1), 0);
}

enum way { BY_MACHINE, BY_DRIVER, BY_OPAED, BY_EAGER, BY_SIMULATION };

/* Which way has not what is needed, and why. */
static const struct {
	enum way way;
	const char *why;
} missing[] = {
	[CARD_MORTAL] = { BY_MACHINE, "a machine does not survive the end of one of its cards" },
	[CARD_MESSAGES] = { BY_MACHINE, "a machine's kernel maps all registers" },
	[CARD_ANY_MEMORY] = { BY_DRIVER, "the kernel's FPGA driver maps what lies together in physical "
		"memory" },
	[CARD_QUIET] = { BY_DRIVER, "the kernel's FPGA driver cannot hold an accelerator still" },
	[CARD_NO_PORT] = { BY_DRIVER, "the kernel's FPGA driver takes no card without a port" },
	[CARD_STUCK_PORT] = { BY_DRIVER, "the kernel's FPGA driver takes no port that does not acknowledge" },
	[CARD_FME_REGISTERS] = { BY_DRIVER, "the kernel's FPGA driver keeps an FPGA_DEVICE's registers" },
	[CARD_POINTER] = { BY_OPAED, "registers of another host have no pointer here" },
	[CARD_WATCHES] = { BY_EAGER, "with the eager tracker what a program stores reaches another host with "
		"its next register write" },
	[CARD_ATOMICS] = { BY_OPAED, "no atomic operation reaches over to another host" },
	[CARD_ITS_OBJECTS] = { BY_SIMULATION, "a simulation has an FPGA_DEVICE in any case" },
};

static bool is_way(enum way way)
{
	switch (way) {
	case BY_EAGER: return remote_is_eager();
	case BY_OPAED: return remote_is();
	case BY_SIMULATION: return is_simulation();
	case BY_DRIVER: return card_by_driver();
	default: return machine_is();
	}
}

bool card_is_remote(void)
{
	return remote_is();
}

bool card_by_driver(void)
{
	return machine_has_driver();
}

void card_needs(enum card_need need)
{
	if (is_way(missing[need].way))
		card_skip("%s", missing[need].why);
}

uint64_t card_longest_buffer(void)
{
	if (remote_is_slow())
		return UINT64_C(2) << 20;
	return card_by_driver() ? UINT64_C(2) << 20 : UINT64_MAX; /* a huge page */
}

unsigned int card_times(unsigned int n)
{
	return machine_is() ? n / 4 : n;
}

/* The configuration, an object, with the simulation's socket in it. */
static void configure_simulation(FILE *f, const char *configuration)
{
	const char *rest = strchr(configuration, '{') + 1;

	fprintf(f, "{\"socket\": \"%s/card0.sock\"%s%s", card_dir(), *rest == '}' ? "" : ", ", rest);
}

static const char *plugin_file(void)
{
	if (machine_has_driver())
		return "libxfpga.so";
	return is_simulation() ? "libase-opae.so" : "libv-opae.so";
}

/* The configuration of who has the cards on this machine. */
static void configure_local(const char *path, const char *configuration)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	fprintf(f, "{\"configurations\": {\"cards\": {\"configuration\": ");
	if (machine_is())
		machine_configure(f, configuration);
	else if (is_simulation())
		configure_simulation(f, configuration);
	else
		fputs(configuration, f);
	fprintf(f, ", \"enabled\": true, \"plugin\": \"%s\"}}, \"plugins\": [\"cards\"]}",
		plugin_file());
	fclose(f);
}

void library_configure(const char *path, const char *configuration)
{
	FILE *f;

	configure_local(path, configuration);
	if (!remote_is())
		return;
	remote_start(card_dir(), path);
	f = fopen(path, "we");
	assert_non_null(f);
	remote_configure(f);
	fclose(f);
}

void library_start(const char *configuration)
{
	char path[128];

	if (machine_is() && strstr(configuration, "\"sockets\""))
		card_skip("a machine's cards have the addresses that they have");
	if (is_simulation() && strstr(configuration, "\"sockets\""))
		card_skip("a simulation is one card");
	snprintf(path, sizeof(path), "%s/opae.cfg", card_dir());
	library_configure(path, configuration);
	assert_int_equal(fpgaInitialize(path), FPGA_OK);
	unlink(path);
}

fpga_token only_token(void)
{
	fpga_token t = NULL;
	uint32_t n = 0;

	if (is_simulation()) /* which has an FPGA_DEVICE in any case */
		return nth_token(FPGA_ACCELERATOR, NULL, 0);
	assert_int_equal(fpgaEnumerate(NULL, 0, &t, 1, &n), FPGA_OK);
	assert_int_equal(n, 1);
	return t;
}

fpga_handle open_only(void)
{
	fpga_token t = only_token();
	fpga_handle h;

	if (fpgaOpen(t, &h, 0) != FPGA_OK)
		fail_msg("fpgaOpen: %s", opaex_error_detail());
	assert_int_equal(fpgaDestroyToken(&t), FPGA_OK);
	return h;
}

fpga_token nth_token(fpga_objtype type, const char *guid, uint32_t n)
{
	fpga_properties filter;
	fpga_token list[16], t = NULL;
	uint32_t found = 0;
	fpga_guid id;

	assert_int_equal(fpgaGetProperties(NULL, &filter), FPGA_OK);
	assert_int_equal(fpgaPropertiesSetObjectType(filter, type), FPGA_OK);
	if (guid) {
		assert_int_equal(uuid_parse(guid, id), 0);
		assert_int_equal(fpgaPropertiesSetGUID(filter, id), FPGA_OK);
	}
	assert_int_equal(fpgaEnumerate(&filter, 1, list, 16, &found), FPGA_OK);
	fpgaDestroyProperties(&filter);
	if (found <= n)
		fail_msg("%u are listed: %s", found, opaex_error_detail());
	for (uint32_t i = 0; i < found && i < 16; i++)
		if (i == n)
			t = list[i];
		else
			fpgaDestroyToken(&list[i]);
	return t;
}

fpga_handle open_nth(fpga_objtype type, const char *guid, uint32_t n)
{
	fpga_token t = nth_token(type, guid, n);
	fpga_handle h;

	if (fpgaOpen(t, &h, 0) != FPGA_OK)
		fail_msg("fpgaOpen: %s", opaex_error_detail());
	assert_int_equal(fpgaDestroyToken(&t), FPGA_OK);
	return h;
}

/* ---- what tests do with a handle ---- */

struct shared shared_new(fpga_handle h, uint64_t bytes)
{
	struct shared s = { .bytes = bytes };

	assert_int_equal(fpgaPrepareBuffer(h, bytes, &s.at, &s.id, 0), FPGA_OK);
	assert_int_equal(fpgaGetIOAddress(h, s.id, &s.io), FPGA_OK);
	return s;
}

struct shared shared_own(fpga_handle h, void *at, uint64_t bytes)
{
	struct shared s = { .at = at, .bytes = bytes };

	assert_int_equal(fpgaPrepareBuffer(h, bytes, &s.at, &s.id, FPGA_BUF_PREALLOCATED), FPGA_OK);
	assert_int_equal(fpgaGetIOAddress(h, s.id, &s.io), FPGA_OK);
	return s;
}

void shared_free(fpga_handle h, struct shared *s)
{
	assert_int_equal(fpgaReleaseBuffer(h, s->id), FPGA_OK);
}

void write64(fpga_handle h, uint64_t offset, uint64_t v)
{
	assert_int_equal(fpgaWriteMMIO64(h, 0, offset, v), FPGA_OK);
}

void write32(fpga_handle h, uint64_t offset, uint32_t v)
{
	assert_int_equal(fpgaWriteMMIO32(h, 0, offset, v), FPGA_OK);
}

uint64_t read64(fpga_handle h, uint64_t offset)
{
	uint64_t v = 0;

	assert_int_equal(fpgaReadMMIO64(h, 0, offset, &v), FPGA_OK);
	return v;
}

#define PATIENCE_S 30

void await_register(fpga_handle h, uint64_t offset, uint64_t mask, uint64_t value)
{
	time_t end = time(NULL) + PATIENCE_S;
	uint64_t v;

	while (((v = read64(h, offset)) & mask) != value) {
		if (time(NULL) > end)
			fail_msg("register 0x%llx is 0x%llx", (unsigned long long)offset,
				 (unsigned long long)v);
		usleep(50);
	}
}

void await_memory(const void *at, uint64_t mask, uint64_t value)
{
	time_t end = time(NULL) + PATIENCE_S;
	uint64_t v;

	while (((v = __atomic_load_n((const uint64_t *)at, __ATOMIC_ACQUIRE)) & mask) != value)
		if (time(NULL) > end)
			fail_msg("the word in memory is 0x%llx", (unsigned long long)v);
}

int event_of(fpga_handle h, uint32_t vector, fpga_event_handle *eh)
{
	int fd = -1;

	assert_int_equal(fpgaCreateEventHandle(eh), FPGA_OK);
	assert_int_equal(fpgaRegisterEvent(h, FPGA_EVENT_INTERRUPT, *eh, vector), FPGA_OK);
	assert_int_equal(fpgaGetOSObjectFromEventHandle(*eh, &fd), FPGA_OK);
	return fd;
}

void await_event(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint64_t count;

	assert_int_equal(poll(&p, 1, PATIENCE_S * 1000), 1);
	assert_int_equal(read(fd, &count, sizeof(count)), sizeof(count));
}

/* ---- NLB0 ---- */

static void one_buffer(fpga_handle h, uint64_t bytes, void **at, uint64_t *id, uint64_t *io)
{
	assert_int_equal(fpgaPrepareBuffer(h, bytes, at, id, 0), FPGA_OK);
	assert_int_equal(fpgaGetIOAddress(h, *id, io), FPGA_OK);
}

void nlb_buffers(fpga_handle h, struct nlb *n, uint64_t bytes)
{
	memset(n, 0, sizeof(*n));
	one_buffer(h, 4096, &n->dsm, &n->dsm_id, &n->dsm_io);
	one_buffer(h, bytes, &n->src, &n->src_id, &n->src_io);
	one_buffer(h, bytes, &n->dst, &n->dst_id, &n->dst_io);
}

void nlb_start(fpga_handle h, const struct nlb *n, uint32_t lines, uint32_t cfg)
{
	memset(n->dsm, 0, 4096);
	assert_int_equal(fpgaWriteMMIO64(h, 0, 0x110, n->dsm_io), FPGA_OK);
	assert_int_equal(fpgaWriteMMIO32(h, 0, 0x138, 0), FPGA_OK);
	assert_int_equal(fpgaWriteMMIO32(h, 0, 0x138, 1), FPGA_OK);
	assert_int_equal(fpgaWriteMMIO64(h, 0, 0x120, n->src_io >> 6), FPGA_OK);
	assert_int_equal(fpgaWriteMMIO64(h, 0, 0x128, n->dst_io >> 6), FPGA_OK);
	assert_int_equal(fpgaWriteMMIO32(h, 0, 0x130, lines), FPGA_OK);
	assert_int_equal(fpgaWriteMMIO32(h, 0, 0x140, cfg), FPGA_OK);
	assert_int_equal(fpgaWriteMMIO32(h, 0, 0x138, 3), FPGA_OK);
}

uint64_t nlb_wait(const struct nlb *n)
{
	const uint64_t *status = (const uint64_t *)(const void *)((const char *)n->dsm + 0x40);
	time_t end = time(NULL) + PATIENCE_S;
	uint64_t v;

	do {
		v = __atomic_load_n(status, __ATOMIC_ACQUIRE);
		if (v & 1)
			return v;
		usleep(50);
	} while (time(NULL) < end);
	fail_msg("the AFU did not finish");
	return 0;
}

void nlb_release(fpga_handle h, struct nlb *n)
{
	assert_int_equal(fpgaReleaseBuffer(h, n->dsm_id), FPGA_OK);
	assert_int_equal(fpgaReleaseBuffer(h, n->src_id), FPGA_OK);
	assert_int_equal(fpgaReleaseBuffer(h, n->dst_id), FPGA_OK);
}

/* ---- a test's card and library ---- */

int card_up(const char *board, const char *mmio)
{
	card = card_start("card0", board, mmio);
	library_start("{\"timeout_ms\": 3000}");
	return 0;
}

int card_up_trap(void **state)
{
	(void)state;
	return card_up("nlb0", "trap");
}

int card_up_map(void **state)
{
	(void)state;
	return card_up("nlb0", "map");
}

int card_up_mortal(void **state)
{
	card_needs(CARD_MORTAL);
	return card_up_trap(state);
}

int card_up_mortal_map(void **state)
{
	card_needs(CARD_MORTAL);
	return card_up_map(state);
}

int card_down(void **state)
{
	(void)state;
	assert_int_equal(fpgaFinalize(), FPGA_OK);
	if (card)
		card_end(card, SIGTERM);
	card = 0;
	return 0;
}
