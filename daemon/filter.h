/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A filter of system calls, written out: it is a list of numbers with few conditions, for which the kernel's
 * own form is short enough, and no library has to be there. Calls that are allowed whatever they are given
 * cost nothing, for the kernel keeps those in a table; what has conditions comes first, as it is looked up
 * each time.
 *
 * What is not named answers EPERM: a library may try it, and goes on without. What looks for a file finds
 * none. What no honest program does here ends the process, and the monitor says so.
 */
#ifndef DAEMON_FILTER_H
#define DAEMON_FILTER_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__) || defined(__aarch64__)
#define FILTER_IS_KNOWN
#endif
#define FILTER_MAX 1024

struct filter {
	struct sock_filter code[FILTER_MAX];
	unsigned short len;
};

#define FILTER_ANSWER(error) (SECCOMP_RET_ERRNO | (uint32_t)(error))
#define FILTER_LOW(n) (uint32_t)(offsetof(struct seccomp_data, args) + 8 * (n))
#define FILTER_HIGH(n) (FILTER_LOW(n) + 4)

/* The machine's kind is judged, and what sanitizers need is allowed. */
void filter_begin(struct filter *p);
/* All else of the list, and it is in force for all threads; no new privileges from then on. 0 or -errno. */
int filter_enter(struct filter *p);

/* The pieces: a call's number is loaded, and is so again behind each. */
void filter_put(struct filter *p, uint16_t code, uint8_t yes, uint8_t no, uint32_t k);
void filter_load(struct filter *p, uint32_t at);
void filter_return(struct filter *p, uint32_t what);
void filter_rules(struct filter *p, const uint32_t *nr, size_t n, uint32_t what);
/* Allowed when the bits of an int in `mask` are `value`, else as `what` says. */
void filter_masked(struct filter *p, uint32_t nr, unsigned int arg, uint32_t mask, uint32_t value,
		   uint32_t what);
/* Allowed when the argument is one of these. */
void filter_one_of(struct filter *p, uint32_t nr, unsigned int arg, const uint32_t *values, uint8_t n,
		   uint32_t what);
/* EPERM when the argument, an int, is this; else what comes later decides. */
void filter_refuse(struct filter *p, uint32_t nr, unsigned int arg, uint32_t value);
/* sendto: to no address, and without the flag by which a TCP socket lets itself be connected anew. */
void filter_sending(struct filter *p);

#endif
