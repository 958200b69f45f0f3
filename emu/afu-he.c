/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The host exercisers HE-LB and HE-MEM of OFS boards: traffic of several kinds between the card and
 * the client's memory. Registers as OPAE's host_exerciser drives them. The two differ in where the data
 * goes in between: with HE-MEM through the card's local memory, a small one here.
 *
 * What is not told by any program: data that the write and throughput modes store is the line's index in
 * each of its 64-bit words; a delay is up to 255 clocks before each request; the interleave is how
 * many requests of one kind go before those of the other (1, 2, 4). Encoding and test bits change nothing.
 */
#include "base/clock.h"
#include "emu/board.h"
#include "emu/exerciser.h"

#define API_VERSION 4u
#define BUS_WIDTH 1u	   /* 32 << 1 bytes */
#define LOCAL_BUS_WIDTH 4u /* log2 - 2 of 64 bytes */

#define CFG_DELAY 0x1u
#define CFG_ATOMIC(cfg) ((cfg) >> 7 & 0x1f)
#define ATOMIC_ON 0x1u
#define ATOMIC_8_BYTES 0x2u
#define ATOMIC_FUNCTION(atomic) ((atomic) >> 2 & 3)
#define CFG_LENGTH(cfg) (((cfg) >> 5 & 3) | ((cfg) >> 30 & 3) << 2)
#define CFG_INTERLEAVE(cfg) ((cfg) >> 20 & 7)

enum { MODE_LOOPBACK, MODE_READ, MODE_WRITE, MODE_THROUGHPUT };

#define MAX_LENGTH 4u	  /* 16 lines */
#define MAX_INTERLEAVE 2u /* 4 requests */

/* Beside those that NLB0 has. */
#define ERROR_LENGTH 0x4u
#define ERROR_LINES 0x8u
#define ERROR_ATOMIC 0x10u
#define ERROR_INTERLEAVE 0x20u

#define LOCAL_LINES 1024u
#define STEP_LINES (1u << 14) /* 1 MiB between two looks at whether to go on */
#define MAX_DELAY_CLOCKS 255u

struct job {
	uint64_t dsm, src, dst;
	uint32_t lines, cfg, vector;
};

struct he {
	struct exerciser exerciser;
	struct job job;
	uint32_t runs;
	uint64_t local[LOCAL_LINES * EX_LINE / 8];
};

static bool has_local_memory(const struct block *a)
{
	return a->ops == &afu_he_mem;
}

static void latch(struct block *a)
{
	struct he *h = a->state;

	h->job = (struct job){ .dsm = block_get64(a, EX_DSM_BASE) * EX_LINE,
			       .src = block_get64(a, EX_SRC) * EX_LINE,
			       .dst = block_get64(a, EX_DST) * EX_LINE,
			       .lines = (block_get32(a, EX_NUM_LINES) & EX_LINES_MASK) + 1,
			       .cfg = block_get32(a, EX_CFG),
			       .vector = block_get32(a, EX_INTERRUPT) >> 16 };
}

static void reset(struct block *a)
{
	struct he *h = a->state;
	uint64_t info = EX_CLOCK_MHZ | API_VERSION << 16 | BUS_WIDTH << 25;

	exerciser_reset(a, UINT64_MAX, latch);
	if (has_local_memory(a))
		info |= LOCAL_BUS_WIDTH << 27;
	block_put64(a, EX_INFO0, info);
	h->runs = 0;
}

/* ---- a run, on the engine thread ---- */

struct pass {
	struct run *run;
	const struct job *job;
	uint64_t reads, writes;
	uint32_t error, error_line;
	uint32_t noise; /* of the delays */
};

static uint32_t judge(const struct job *j)
{
	uint32_t atomic = CFG_ATOMIC(j->cfg), length = CFG_LENGTH(j->cfg), error = 0;

	if (EX_CFG_MODE(j->cfg) > MODE_THROUGHPUT)
		error |= EX_ERROR_MODE;
	if (length > MAX_LENGTH)
		error |= ERROR_LENGTH;
	else if (j->lines & ((1u << length) - 1))
		error |= ERROR_LINES;
	if ((atomic & ATOMIC_ON) && (EX_CFG_MODE(j->cfg) != MODE_LOOPBACK || length ||
				     ATOMIC_FUNCTION(atomic) > VU_COMPARE_SWAP))
		error |= ERROR_ATOMIC;
	if (CFG_INTERLEAVE(j->cfg) > MAX_INTERLEAVE)
		error |= ERROR_INTERLEAVE;
	return error;
}

static uint64_t at_most(uint64_t v, uint64_t limit)
{
	return v < limit ? v : limit;
}

static void publish(struct block *a, const struct pass *p, uint64_t pending)
{
	uint64_t mode = EX_CFG_MODE(p->job->cfg), reads, writes, status;

	pending = at_most(pending, UINT16_MAX);
	reads = mode == MODE_WRITE ? 0 : pending;
	writes = mode == MODE_READ ? 0 : pending;
	status = reads << 16 | writes;
	if (has_local_memory(a)) /* what came from the host is written there, and read again */
		status |= writes << 48 | reads << 32;
	block_put64(a, EX_STATUS0, (p->reads & UINT32_MAX) << 32 | (p->writes & UINT32_MAX));
	block_put64(a, EX_STATUS1, status);
}

static bool dma_failed(struct pass *p, int rc)
{
	if (run_faulted(p->run, rc))
		p->error |= EX_ERROR_DMA;
	return rc != 0;
}

/* The clocks go by; no other thread is waited for. */
static void delay(struct pass *p)
{
	int64_t end;

	p->noise = p->noise * 1664525u + 1013904223u;
	end = clock_now_ns() + (p->noise >> 24 & MAX_DELAY_CLOCKS) * EX_CLOCK_NS;
	while (clock_now_ns() < end)
		;
}

static bool read_lines(struct block *a, struct pass *p, uint32_t at, uint32_t lines)
{
	struct he *h = a->state;

	if (dma_failed(p, block_dma_read(a, p->job->src + (uint64_t)at * EX_LINE, h->local,
					 (size_t)lines * EX_LINE)))
		return false;
	p->reads += lines;
	return true;
}

/* From local memory. */
static bool write_lines(struct block *a, struct pass *p, uint32_t at, uint32_t lines)
{
	struct he *h = a->state;

	if (dma_failed(p, block_dma_write(a, p->job->dst + (uint64_t)at * EX_LINE, h->local,
					  (size_t)lines * EX_LINE)))
		return false;
	p->writes += lines;
	return true;
}

static bool write_pattern(struct block *a, struct pass *p, uint32_t at, uint32_t lines)
{
	struct he *h = a->state;

	for (uint32_t i = 0; i < lines; i++)
		for (uint32_t w = 0; w < EX_LINE / 8; w++)
			h->local[i * (EX_LINE / 8) + w] = at + i;
	return write_lines(a, p, at, lines);
}

static bool loop_back(struct block *a, struct pass *p, uint32_t at, uint32_t lines)
{
	uint64_t offset = (uint64_t)at * EX_LINE;

	if (has_local_memory(a))
		return read_lines(a, p, at, lines) && write_lines(a, p, at, lines);
	if (dma_failed(p, block_dma_copy(a, p->job->dst + offset, p->job->src + offset,
					 (size_t)lines * EX_LINE)))
		return false;
	p->reads += lines;
	p->writes += lines;
	return true;
}

/* The source's first word changes, what it was goes to the destination. */
static bool change_word(struct block *a, struct pass *p, uint32_t line)
{
	uint32_t atomic = CFG_ATOMIC(p->job->cfg);
	enum vu_atomic_op op = (enum vu_atomic_op)ATOMIC_FUNCTION(atomic);
	unsigned int bytes = atomic & ATOMIC_8_BYTES ? 8 : 4;
	uint64_t offset = (uint64_t)line * EX_LINE, index = line, old;

	if (dma_failed(p, block_dma_atomic(a, p->job->src + offset, op, bytes,
					   op == VU_COMPARE_SWAP ? ~index : index, index, &old)))
		return false;
	p->reads++;
	if (dma_failed(p, block_dma_write(a, p->job->dst + offset, &old, bytes)))
		return false;
	p->writes++;
	return true;
}

static bool step(struct block *a, struct pass *p, uint32_t at, uint32_t lines)
{
	if (CFG_ATOMIC(p->job->cfg) & ATOMIC_ON)
		return change_word(a, p, at);
	switch (EX_CFG_MODE(p->job->cfg)) {
	case MODE_READ: return read_lines(a, p, at, lines);
	case MODE_WRITE: return write_pattern(a, p, at, lines);
	case MODE_THROUGHPUT: return read_lines(a, p, at, lines) && write_pattern(a, p, at, lines);
	default: return loop_back(a, p, at, lines);
	}
}

/* Requests are put together where nobody can see a difference. */
static uint32_t step_lines(const struct block *a, const struct job *j)
{
	uint32_t request = 1u << CFG_LENGTH(j->cfg);

	if (EX_CFG_MODE(j->cfg) == MODE_THROUGHPUT)
		return request << CFG_INTERLEAVE(j->cfg);
	if ((CFG_ATOMIC(j->cfg) & ATOMIC_ON) || (j->cfg & CFG_DELAY))
		return request;
	return EX_CFG_MODE(j->cfg) == MODE_LOOPBACK && !has_local_memory(a) ? STEP_LINES :
									      LOCAL_LINES;
}

static void all_lines_once(struct block *a, struct pass *p)
{
	uint32_t most = step_lines(a, p->job), lines;

	for (uint32_t at = 0; at < p->job->lines && run_goes_on(a, p->run); at += lines) {
		lines = (uint32_t)at_most(most, p->job->lines - at);
		if (p->job->cfg & CFG_DELAY)
			delay(p);
		p->error_line = at;
		if (!step(a, p, at, lines))
			return;
		publish(a, p, p->job->lines - at - lines);
	}
}

/* What the registers say of a run that has ended. Lock held. */
static void tell(struct block *a, const struct pass *p)
{
	block_put64(a, EX_ERROR, p->error);
	block_put64(a, EX_SWTEST, p->error);
	publish(a, p, 0);
}

/* The word that a program polls goes last: by then the registers tell of the end, and it may start anew. */
static void write_status_line(struct block *a, struct pass *p, uint64_t clocks)
{
	struct he *h = a->state;
	uint32_t line[EX_LINE / 4] = { 0 };

	line[0] = 1u | (++h->runs & 0x7fff) << 1;
	line[1] = p->error;
	line[2] = (uint32_t)clocks;
	line[3] = (uint32_t)(clocks >> 32 & 0xff) | (uint32_t)(p->reads >> 32 & 0xff) << 16 |
		  (uint32_t)(p->writes >> 32 & 0xff) << 24;
	line[4] = (uint32_t)p->reads;
	line[5] = (uint32_t)p->writes;
	line[8] = p->error ? p->error_line : 0;
	if (dma_failed(p, block_dma_write(a, p->job->dsm + 8, &line[2], sizeof(line) - 8)))
		return;
	p->writes++;
	block_lock(a);
	if (!run_forgotten(p->run))
		tell(a, p);
	run_end(p->run);
	block_unlock(a);
	if (!run_forgotten(p->run))
		dma_failed(p, block_dma_write(a, p->job->dsm, &line[0], 8));
}

static void finish(struct block *a, struct pass *p, uint64_t clocks)
{
	uint32_t cfg = p->job->cfg;

	if (!run_forgotten(p->run))
		write_status_line(a, p, clocks);
	block_lock(a);
	if (!run_forgotten(p->run)) {
		tell(a, p);
		if ((cfg & EX_CFG_INTERRUPT_DONE) || (p->error && (cfg & EX_CFG_INTERRUPT_ERROR)))
			block_interrupt(a, p->job->vector);
	}
	run_end(p->run);
	block_unlock(a);
}

static void work(struct block *a)
{
	struct he *h = a->state;
	int64_t begin = clock_now_ns();
	struct job job;
	struct pass p = { .run = &h->exerciser.run, .job = &job };
	bool begun;

	block_lock(a);
	job = h->job;
	begun = run_begin(p.run);
	if (begun)
		block_put64(a, EX_SWTEST, 0);
	block_unlock(a);
	if (!begun)
		return;
	p.error = judge(&job);
	publish(a, &p, job.lines);
	while (!p.error && run_goes_on(a, p.run)) {
		all_lines_once(a, &p);
		if (!(job.cfg & EX_CFG_CONTINUOUS))
			break;
	}
	finish(a, &p, (uint64_t)(clock_now_ns() - begin) / EX_CLOCK_NS);
}

#define HOST_EXERCISER(its_name, its_help, high, low)                                              \
	{                                                                                          \
		.name = its_name, .help = its_help, .guid_high = UINT64_C(high),                   \
		.guid_low = UINT64_C(low), .state_size = sizeof(struct he),                        \
		.map_size = UINT64_MAX, .reset = reset, .written = exerciser_written,              \
		.look = exerciser_look, .has_work = exerciser_has_work, .work = work,              \
	}

const struct block_ops afu_he_lb =
	HOST_EXERCISER("he-lb", "host exerciser: loopback, reads, writes, atomics",
		       0x56E203E9864F49A7, 0xB94B12284C31E02B);
const struct block_ops afu_he_mem =
	HOST_EXERCISER("he-mem", "host exerciser whose data goes through local memory",
		       0x8568AB4E6BA54616, 0xBB652A578330A8EB);
