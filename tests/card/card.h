/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An emulated card of the test's own, and the library looking at it. The card is a process that v-opae, or
 * with OPAE_TEST_SIMULATION the ASE plugin, reaches by vfio-user; or, in a virtual machine that has such
 * cards, one of its devices (machine.h), and then the test is one of the kernel's vfio-pci.
 */
#ifndef TESTS_CARD_CARD_H
#define TESTS_CARD_CARD_H

#include <opae/ext.h>
#include <opae/fpga.h>
#include <stdbool.h>
#include <sys/types.h>

#include "tests/unit/check.h"

/*
 * Runs the tests. Up and down are part of the test here: each may skip it. It is here that is decided
 * what is skipped: card_start* skips where the machine has no such card, library_start where the
 * configuration cannot be the machine's, and card_needs where the way to the card makes the question
 * another one. A skipped case says why in the output.
 */
#define CARD_RUN(tests) card_run(tests, sizeof(tests) / sizeof((tests)[0]))
int card_run(const struct CMUnitTest *tests, size_t count);

enum card_need {
	CARD_MORTAL,   /* it ends when the test wants it to */
	CARD_MESSAGES, /* registers that are not mapped are reached by messages alone */
	/* What the kernel's FPGA driver does not have: */
	CARD_ANY_MEMORY,    /* buffers of any memory of the program's */
	CARD_QUIET,	    /* opaex_quiesce */
	CARD_NO_PORT,	    /* an accelerator without a port, and so without error registers */
	CARD_STUCK_PORT,    /* a port that does not acknowledge its reset */
	CARD_FME_REGISTERS, /* the registers of an FPGA_DEVICE */
	/* What is not there with an opaed between: */
	CARD_POINTER, /* a pointer to registers */
	CARD_WATCHES, /* a device that polls memory sees what the program stores, without any call */
	CARD_ATOMICS, /* program and device count on the same word at the same time */
	CARD_ITS_OBJECTS, /* no FPGA_DEVICE beside what its registers say */
};
/* Skips the test where that is not there; what it has opened is closed. */
void card_needs(enum card_need need);
/* The same for another reason. */
void card_skip(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Is it the kernel's FPGA driver that has the cards? */
bool card_by_driver(void);
/* Is there an opaed between, so that register writes are posted and fail later? */
bool card_is_remote(void);
/* Bytes of the longest buffer that there surely is. */
uint64_t card_longest_buffer(void);
/* So many times, or a quarter of that where everything is slow: in a machine. */
unsigned int card_times(unsigned int n);

/* Starts a card in the test's own emulator directory and waits until it listens. */
pid_t card_start(const char *name, const char *board, const char *mmio);
/* The same with --afu and --faults; NULL: without. */
pid_t card_start_with(const char *name, const char *board, const char *mmio, const char *afu,
		      const char *faults);
void card_end(pid_t pid, int sig);
/* SIGUSR1: its faults begin; in a machine, soon. */
void card_fault(pid_t pid);

/* Starts the library with v-opae and this "configuration" object. */
void library_start(const char *configuration);
/* The same configuration in a file, for a process that starts the library itself. */
void library_configure(const char *path, const char *configuration);

/* Around each test: one card and the library on it. A test that kills the card sets it to 0. */
extern pid_t card;
int card_up(const char *board, const char *mmio);
int card_up_trap(void **state); /* NLB0, by messages */
int card_up_map(void **state);	/* NLB0, mapped */
int card_up_mortal(void **state);     /* NLB0 that the test ends, by messages, */
int card_up_mortal_map(void **state); /* and mapped */
int card_down(void **state);

/* The only accelerator there is; the test fails when there are more or none. */
fpga_token only_token(void);
fpga_handle open_only(void);
/* The n-th of those of a type (and, unless NULL, of a GUID in text) that are listed. */
fpga_token nth_token(fpga_objtype type, const char *guid, uint32_t n);
fpga_handle open_nth(fpga_objtype type, const char *guid, uint32_t n);
const char *card_dir(void);

/* A buffer that card and test share; nothing is left to chance: each call must succeed. */
struct shared {
	void *at;
	uint64_t id, io, bytes;
};
struct shared shared_new(fpga_handle h, uint64_t bytes);
/* Of the test's own memory, on a 64-byte boundary: the card reaches it by messages, or in place. */
struct shared shared_own(fpga_handle h, void *at, uint64_t bytes);
void shared_free(fpga_handle h, struct shared *s);

void write64(fpga_handle h, uint64_t offset, uint64_t v);
void write32(fpga_handle h, uint64_t offset, uint32_t v);
uint64_t read64(fpga_handle h, uint64_t offset);
/* Until a register (or a word of memory) has the value under the mask; fails after ten seconds. */
void await_register(fpga_handle h, uint64_t offset, uint64_t mask, uint64_t value);
void await_memory(const void *at, uint64_t mask, uint64_t value);
/* An event of the accelerator's interrupt, and its descriptor. */
int event_of(fpga_handle h, uint32_t vector, fpga_event_handle *eh);
void await_event(int fd); /* fails after ten seconds */

/* One NLB0 run: lines of 64 bytes from one IO address to another; the status line's first word. */
struct nlb {
	void *dsm, *src, *dst;
	uint64_t dsm_id, src_id, dst_id;
	uint64_t dsm_io, src_io, dst_io;
};
void nlb_buffers(fpga_handle h, struct nlb *n, uint64_t bytes);
void nlb_start(fpga_handle h, const struct nlb *n, uint32_t lines, uint32_t cfg);
uint64_t nlb_wait(const struct nlb *n);
void nlb_release(fpga_handle h, struct nlb *n);

#endif
