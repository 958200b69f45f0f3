/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The port between the model of the host and the adapter of an AFU's interface (CCI-P, PCIe SS TLP):
 * register accesses, memory, interrupts and reset, as PCIe has them, in steps of one clock cycle of the AFU.
 *
 * The host calls the model's tick() once a cycle. Before it does, it sets the fields of struct host_port;
 * in tick() the adapter looks at them, takes what it can take in this cycle, drives the AFU with it,
 * evaluates, and hands on what the AFU asked for. All is one thread.
 *
 * Requests of the AFU are accepted at once, as many in a cycle as the interface allows, and answered later:
 * the host gives at most one line of read data, one answer to a write and one register access a cycle. What
 * the adapter does not take stays, so it can be held back.
 *
 *   strict   a request is carried out when it is accepted, and answered after its latency, in order
 *   shuffle  a request is carried out when its answer is taken, at a seeded random moment, in any order
 *            that fences and `ordered` leave; until then a write cannot be seen by the host
 *
 * An address that is not mapped: a read answers ones with `error`, a write is dropped and answered with
 * `error`. The host logs and counts it; the adapter does not.
 */
#ifndef SIM_HOST_HOST_PORT_H
#define SIM_HOST_HOST_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HOST_LINE 64u              /* bytes */
#define HOST_MAX_READ 512u         /* bytes in one read request */
#define HOST_MMIO_BYTES 0x40000u   /* the AFU's register space */
#define HOST_MMIO_TAGS 64u         /* reads outstanding; tags are smaller than this */
#define HOST_VECTORS 64u           /* interrupt vectors that the device has */
#define HOST_SLACK 64u             /* lines that are still taken after read_full or write_full is shown */
#define HOST_LINES 2048u           /* there is room for, of reads and of writes, whatever is shown */

/* What the adapter may look at in tick(). The host writes it. */
struct host_port {
	uint64_t cycle;   /* clock cycles since the simulation began */
	bool reset;       /* the AFU's reset, active; requests of the AFU are dropped meanwhile */
	bool mmio_ready;  /* host_take_mmio() has an access for this cycle */
	bool read_ready;  /* host_take_read() has a line for this cycle */
	bool write_ready; /* host_take_write() has an answer for this cycle */
	bool read_full;   /* the AFU should stop sending reads: almost full */
	bool write_full;  /* the same for writes, fences and interrupts */
	bool shuffle;     /* the order is not strict; it does not change */
};

/* ---- register accesses, in program order, at least the configured gap apart ---- */

struct host_mmio {
	bool write;
	uint32_t address; /* bytes, below HOST_MMIO_BYTES, aligned to `bytes` */
	uint32_t bytes;   /* 4 or 8; a write may have 64 */
	uint32_t tag;     /* of a read; it is free for another one when the answer was given */
	uint8_t data[HOST_LINE]; /* of a write; little endian as in memory */
};

/* False: none in this cycle. */
bool host_take_mmio(struct host_port *p, struct host_mmio *ret);
/*
 * The AFU's answer to a read: as many bytes as were asked for, in the lowest bits. A tag that waits for none
 * is counted as an error (mmio-unsolicited). A read that gets no answer for 65536 cycles is one, too, and
 * reads as ones (mmio-timeout).
 */
void host_mmio_done(struct host_port *p, uint32_t tag, uint64_t value);

/* ---- memory reads ---- */

struct host_read {
	uint64_t cookie; /* comes back with each line */
	uint64_t iova;
	uint32_t bytes;  /* 1 to HOST_MAX_READ: pieces of HOST_LINE from iova on, the last maybe shorter */
	bool ordered;    /* the pieces of this request come in order even when shuffled (PCIe completions) */
	bool after_writes; /* the interface orders it after the writes before it, so that it is no hazard */
};

struct host_read_line {
	uint64_t cookie;
	uint32_t index; /* which piece of the request: bytes from index * HOST_LINE on */
	uint32_t bytes;
	bool last;      /* no piece of the request is left after it */
	bool error;     /* unmapped: data are ones */
	const uint8_t *data; /* a whole line; it stays until the next request */
};

/* False: more was sent than may be after read_full, or it goes past the last address. The request is lost;
 * the adapter reports it. */
bool host_read(struct host_port *p, const struct host_read *r);
bool host_take_read(struct host_port *p, struct host_read_line *ret);

/* ---- atomic operations ---- */

enum host_atomic_op { HOST_FETCH_ADD, HOST_SWAP, HOST_COMPARE_SWAP };

struct host_atomic {
	uint64_t cookie, iova;
	enum host_atomic_op op;
	uint32_t bytes; /* 4 or 8; iova is a multiple of them */
	uint64_t operand; /* is added, or stored */
	uint64_t compare; /* HOST_COMPARE_SWAP stores if this is there; the lowest bytes of both count */
};

/*
 * Changes a word in one go: no thread or process that has the memory mapped comes between. It is carried out
 * and answered as a read of the word is, in one piece: what was there before. Memory that the client gives by
 * messages alone is read and then written; nothing else of the AFU's comes between. False: as with
 * host_read(), or it is not aligned.
 */
bool host_atomic(struct host_port *p, const struct host_atomic *a);

/* ---- memory writes, fences and interrupts ---- */

/*
 * What these travel on: 1 to HOST_CHANNELS - 1, or 0 for any of them. A fence on one says nothing of what
 * travels on another, nor on any; one on 0 says it of all. Who has one channel alone uses 0.
 */
#define HOST_CHANNELS 4u

struct host_write {
	uint64_t cookie;
	uint64_t iova;
	uint32_t bytes;   /* 1 to HOST_LINE */
	uint32_t channel;
	uint64_t enables; /* bit n: byte n is written. All ones for a plain write. */
	/* Carried out after all that was accepted before it in these three kinds (posted writes of PCIe).
	 * A program that reads a register then sees it, whatever the order of answers. */
	bool ordered;
	const void *data;
};

enum host_write_kind { HOST_WRITE, HOST_FENCE, HOST_INTERRUPT };

struct host_write_done {
	enum host_write_kind kind;
	uint64_t cookie;
	bool error; /* a write to what is not mapped, or an interrupt with no such vector */
};

/* False: as with host_read(). A packet of several lines is a write for each, answered singly. */
bool host_write(struct host_port *p, const struct host_write *w);
/* What was accepted before it on its channel is carried out before it, and what comes after it after it. */
bool host_fence(struct host_port *p, uint64_t cookie, uint32_t channel);
/* Not after earlier writes, unless ordered or behind a fence (always in strict order). */
bool host_interrupt(struct host_port *p, uint64_t cookie, uint32_t channel, uint32_t vector, bool ordered);
bool host_take_write(struct host_port *p, struct host_write_done *ret);

/* ---- the checker ---- */

/*
 * A rule of the interface was broken. `rule` is a short constant name (letters, digits and dashes) under
 * which it is counted; the rest says what happened, without a newline. Errors make the simulation's exit
 * status 1, and end it at once with --strict; warnings are only logged and counted.
 */
void host_error(struct host_port *p, const char *rule, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void host_warning(struct host_port *p, const char *rule, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* ---- the clock ---- */

/* The AFU is at work with what the host does not see, such as memory of its card: the clock goes on. */
void host_active(struct host_port *p);

/* ---- the model that is simulated ---- */

#define SIM_USER_CLOCK_MHZ 400 /* the most: that of pClk */

#define SIM_HAS_TOLD 1 /* of start(): it does not start, and stderr says why */

struct sim_settings {
	uint64_t seed;         /* for what is random in the model, such as initial values */
	double user_clock_mhz; /* of ase.cfg; 312.5 if it has none */
};

struct sim_model {
	size_t size; /* of this struct: sizeof(struct sim_model) */
	const char *name;
	bool tlp;    /* PCIe SS; otherwise CCI-P: decides the names of logs */
	void *self;  /* given to each function */
	/* Before the first cycle. 0, a negative errno or SIM_HAS_TOLD. May be NULL. */
	int (*start)(void *self, struct host_port *p, const struct sim_settings *settings);
	/* One clock cycle. True: go on; false: the design said $finish. */
	bool (*tick)(void *self, struct host_port *p);
	/* After the last cycle: final blocks, coverage. May be NULL. */
	void (*stop)(void *self);
	/* Waves into a new file from the next cycle on. 0 or a negative errno. NULL: not built in. */
	int (*wave_open)(void *self, const char *path);
	void (*wave_close)(void *self);
};

/*
 * The whole program: parses the command line (arguments that begin with '+' are the model's own), serves,
 * returns the exit status. 0: no errors; 1: errors were counted or serving failed; 2: bad use.
 */
int ase_sim_main(int argc, char **argv, const struct sim_model *model);

#ifdef __cplusplus
}
#endif

#endif
