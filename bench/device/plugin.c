/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A device without a card, as a plugin: one accelerator with the registers of emu/afu-bench.h whose memory is
 * that of the process. A job is done before the register write returns; flags are a thread's. For measuring
 * what is between a program and its device when the device itself takes no time.
 */
#include <opae/plugin.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "base/thread.h"
#include "emu/afu-bench.h"

#define REGION 0x2000u
#define MAX_BUFFERS 16u
#define IO_SPACE (UINT64_C(1) << 40) /* of each buffer; its IO address is a multiple */
#define PAGE UINT64_C(4096)

#define VISIBLE __attribute__((visibility("default")))

static const struct opae_host *host;

struct device {
	pthread_mutex_t lock; /* guards buffers, flag_due and ends */
	pthread_cond_t cond;  /* on the monotonic clock */
	pthread_t thread;
	int64_t flag_due; /* 0: none */
	bool ends;
	_Atomic uint64_t regs[REGION / 8];
	struct {
		unsigned char *at; /* NULL: free */
		uint64_t len;
	} buffers[MAX_BUFFERS];
};

/* ---- tokens: there is one object ---- */

static const struct opae_props properties = {
	.valid = OPAE_PROP_OBJTYPE | OPAE_PROP_OBJECT_ID | OPAE_PROP_BUS | OPAE_PROP_GUID | OPAE_PROP_STATE |
		 OPAE_PROP_NUM_MMIO | OPAE_PROP_NUM_INTERRUPTS | OPAE_PROP_NUM_ERRORS,
	.objtype = FPGA_ACCELERATOR,
	.object_id = 1,
	.bus = 1,
	.guid = { 0xb2, 0xf3, 0xa1, 0xc4, 0x5d, 0x6e, 0x4f, 0x70, 0x8a, 0x91, 0xbc, 0x0d, 0xe1, 0xf2, 0x33,
		  0x46 },
	.state = FPGA_ACCELERATOR_UNASSIGNED,
	.num_mmio = 1,
};

static unsigned char token; /* its address is what counts */

static fpga_result enumerate(void *instance, const fpga_properties *filters, uint32_t num_filters,
			     fpga_token *tokens, uint32_t max_tokens, uint32_t *num_matches)
{
	(void)instance;
	(void)filters; /* the shell matches again */
	(void)num_filters;
	if (max_tokens)
		tokens[0] = &token;
	*num_matches = 1;
	return FPGA_OK;
}

static fpga_result clone_token(fpga_token src, fpga_token *dst)
{
	*dst = src;
	return FPGA_OK;
}

static fpga_result destroy_token(fpga_token *t)
{
	*t = NULL;
	return FPGA_OK;
}

static fpga_result update_properties(fpga_token t, fpga_properties prop)
{
	(void)t;
	return host->props_write(prop, &properties);
}

static fpga_result get_properties(void *of, fpga_properties *prop)
{
	fpga_result r = host->props_new(prop);

	return r == FPGA_OK ? update_properties(of, *prop) : r;
}

static fpga_result parent_of(fpga_token t, fpga_token *parent)
{
	(void)t;
	(void)parent;
	return FPGA_NOT_FOUND;
}

/* ---- memory ---- */

/* lock. NULL: there are not so many bytes of one buffer. */
static _Atomic uint64_t *words_at(struct device *d, uint64_t io, uint64_t bytes)
{
	uint64_t n = io / IO_SPACE - 1, at = io % IO_SPACE;

	if (n >= MAX_BUFFERS || !d->buffers[n].at || at % 8 || at > d->buffers[n].len ||
	    bytes > d->buffers[n].len - at)
		return NULL;
	return (_Atomic uint64_t *)(void *)(d->buffers[n].at + at);
}

static fpga_result prepare(fpga_handle handle, uint64_t len, void **at, uint64_t *wsid, int flags)
{
	uint64_t whole = (len + PAGE - 1) / PAGE * PAGE, n = 0;
	struct device *d = handle;
	void *memory;

	if (!len || len >= IO_SPACE || flags & FPGA_BUF_PREALLOCATED)
		return FPGA_NOT_SUPPORTED;
	memory = mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return FPGA_NO_MEMORY;
	pthread_mutex_lock(&d->lock);
	while (n < MAX_BUFFERS && d->buffers[n].at)
		n++;
	if (n < MAX_BUFFERS) {
		d->buffers[n].at = memory;
		d->buffers[n].len = whole;
	}
	pthread_mutex_unlock(&d->lock);
	if (n == MAX_BUFFERS) {
		munmap(memory, whole);
		return FPGA_NO_MEMORY;
	}
	*at = memory;
	*wsid = n + 1;
	return FPGA_OK;
}

static fpga_result release(fpga_handle handle, uint64_t wsid)
{
	struct device *d = handle;
	unsigned char *at;
	uint64_t len;

	if (wsid - 1 >= MAX_BUFFERS)
		return FPGA_INVALID_PARAM;
	pthread_mutex_lock(&d->lock);
	at = d->buffers[wsid - 1].at;
	len = d->buffers[wsid - 1].len;
	d->buffers[wsid - 1].at = NULL;
	pthread_mutex_unlock(&d->lock);
	return at && !munmap(at, len) ? FPGA_OK : FPGA_INVALID_PARAM;
}

static fpga_result io_address(fpga_handle handle, uint64_t wsid, uint64_t *io)
{
	(void)handle;
	*io = wsid * IO_SPACE;
	return FPGA_OK;
}

/* ---- what it does ---- */

static void do_job(struct device *d, uint64_t number)
{
	const size_t bytes = BENCH_JOB_WORDS * 8;
	_Atomic uint64_t *in, *out;

	pthread_mutex_lock(&d->lock);
	in = words_at(d, atomic_load(&d->regs[BENCH_JOB_IN / 8]), bytes);
	out = words_at(d, atomic_load(&d->regs[BENCH_JOB_OUT / 8]), bytes + 8);
	if (in && out) {
		for (unsigned int i = 0; i < BENCH_JOB_WORDS; i++)
			atomic_store_explicit(&out[i], atomic_load(&in[i]) + number, memory_order_release);
		atomic_store(&out[BENCH_JOB_WORDS], number);
		atomic_store(&d->regs[BENCH_DONE / 8], number);
	}
	pthread_mutex_unlock(&d->lock);
}

/* lock */
static void do_flag(struct device *d)
{
	_Atomic uint64_t *at = words_at(d, atomic_load(&d->regs[BENCH_FLAG_AT / 8]), 8);

	d->flag_due = 0;
	if (at)
		atomic_store(at, (uint64_t)clock_now_ns());
}

static void *run(void *arg)
{
	struct device *d = arg;

	pthread_mutex_lock(&d->lock);
	while (!d->ends) {
		struct timespec ts = { .tv_sec = d->flag_due / NS_PER_S, .tv_nsec = d->flag_due % NS_PER_S };

		if (!d->flag_due)
			pthread_cond_wait(&d->cond, &d->lock);
		else if (clock_now_ns() < d->flag_due)
			pthread_cond_timedwait(&d->cond, &d->lock, &ts);
		else
			do_flag(d);
	}
	pthread_mutex_unlock(&d->lock);
	return NULL;
}

/* ---- registers ---- */

static fpga_result read64(fpga_handle handle, uint32_t region, uint64_t offset, uint64_t *value)
{
	struct device *d = handle;

	if (region || offset % 8 || offset >= REGION)
		return FPGA_INVALID_PARAM;
	*value = atomic_load(&d->regs[offset / 8]);
	return FPGA_OK;
}

static fpga_result write64(fpga_handle handle, uint32_t region, uint64_t offset, uint64_t value)
{
	struct device *d = handle;

	if (region || offset % 8 || offset >= REGION || offset == BENCH_DONE)
		return FPGA_INVALID_PARAM;
	atomic_store(&d->regs[offset / 8], value);
	if (offset == BENCH_JOB)
		do_job(d, value);
	if (offset == BENCH_FLAG_AFTER) {
		pthread_mutex_lock(&d->lock);
		d->flag_due = clock_deadline(
			(int64_t)(value < BENCH_MAX_AFTER ? value : BENCH_MAX_AFTER) * NS_PER_US);
		pthread_cond_signal(&d->cond);
		pthread_mutex_unlock(&d->lock);
	}
	return FPGA_OK;
}

static fpga_result mmio_info(fpga_handle handle, uint32_t region, struct opaex_mmio_info *info)
{
	(void)handle;
	if (region)
		return FPGA_INVALID_PARAM;
	*info = (struct opaex_mmio_info){ .size = REGION, .flags = OPAEX_MMIO_READ | OPAEX_MMIO_WRITE };
	return FPGA_OK;
}

/* ---- handles ---- */

static fpga_result reset(fpga_handle handle)
{
	struct device *d = handle;

	pthread_mutex_lock(&d->lock);
	d->flag_due = 0;
	pthread_mutex_unlock(&d->lock);
	for (size_t i = 0; i < REGION / 8; i++)
		atomic_store(&d->regs[i], 0);
	return FPGA_OK;
}

static void free_device(struct device *d)
{
	for (uint64_t i = 0; i < MAX_BUFFERS; i++)
		if (d->buffers[i].at)
			munmap(d->buffers[i].at, d->buffers[i].len);
	pthread_cond_destroy(&d->cond);
	pthread_mutex_destroy(&d->lock);
	free(d);
}

static fpga_result open_token(fpga_token t, fpga_handle *handle, int flags)
{
	struct device *d = calloc(1, sizeof(*d));
	pthread_condattr_t attr;

	(void)t;
	(void)flags;
	if (!d)
		return FPGA_NO_MEMORY;
	pthread_mutex_init(&d->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&d->cond, &attr);
	pthread_condattr_destroy(&attr);
	if (thread_start(&d->thread, NULL, run, d)) {
		free_device(d);
		return FPGA_NO_MEMORY;
	}
	*handle = d;
	return FPGA_OK;
}

static fpga_result close_handle(fpga_handle handle)
{
	struct device *d = handle;

	pthread_mutex_lock(&d->lock);
	d->ends = true;
	pthread_cond_signal(&d->cond);
	pthread_mutex_unlock(&d->lock);
	pthread_join(d->thread, NULL);
	free_device(d);
	return FPGA_OK;
}

/* ---- the plugin ---- */

extern const struct opae_plugin_info opae_plugin_info;
VISIBLE const struct opae_plugin_info opae_plugin_info = {
	.magic = OPAE_PLUGIN_MAGIC,
	.abi_major = OPAE_PLUGIN_ABI_MAJOR,
	.abi_minor = OPAE_PLUGIN_ABI_MINOR,
	.table_size = sizeof(opae_api_adapter_table),
	.name = "bench-device",
	.description = "a device in the memory of the process, to measure with",
};

VISIBLE int opae_plugin_configure(opae_api_adapter_table *table, const char *json)
{
	(void)json;
	host = table->host;
	table->enumerate = enumerate;
	table->fpgaCloneToken = clone_token;
	table->fpgaDestroyToken = destroy_token;
	table->fpgaGetProperties = get_properties;
	table->fpgaUpdateProperties = update_properties;
	table->parent_of = parent_of;
	table->fpgaOpen = open_token;
	table->fpgaClose = close_handle;
	table->fpgaReset = reset;
	table->fpgaGetPropertiesFromHandle = get_properties;
	table->quiesce = reset;
	table->fpgaReadMMIO64 = read64;
	table->fpgaWriteMMIO64 = write64;
	table->mmio_info = mmio_info;
	table->fpgaPrepareBuffer = prepare;
	table->fpgaReleaseBuffer = release;
	table->fpgaGetIOAddress = io_address;
	return 0;
}
