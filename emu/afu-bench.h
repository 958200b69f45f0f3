/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The registers of the accelerator to measure with. This file is their whole interface and needs nothing else
 * of the project: bench/device/ has the same ones without a card.
 */
#ifndef EMU_AFU_BENCH_H
#define EMU_AFU_BENCH_H

/* Byte offsets; 64 bits wide. Those on the first page are always trapped. */
enum bench_register {
	BENCH_SCRATCH = 0x80,	 /* RW */
	BENCH_FLAG_AT = 0x100,	 /* RW: IO address of 8 bytes, a multiple of 8 */
	BENCH_FLAG_AFTER = 0x108, /* RW: so many microseconds after it was written, the time is stored there:
				    * nanoseconds of the machine's CLOCK_MONOTONIC */
	BENCH_JOB_IN = 0x110,	 /* RW: IO address of BENCH_JOB_WORDS words */
	BENCH_JOB_OUT = 0x118,	 /* RW: IO address of as many, and of a word behind them; a multiple of 8 */
	BENCH_JOB = 0x120,	 /* RW: a number, which is added to each word on its way from IN to OUT, and
				  * then stored behind them */
	BENCH_DONE = 0x128,	 /* the number of the last job that was done */
	BENCH_SCRATCHES = 0x1000, /* RW: 64 of them */
	BENCH_SCRATCHES_END = 0x1200,
	BENCH_DOORBELL = 0x1200, /* RW */
	BENCH_ECHO = 0x1208,	 /* the doorbell's value, once the card has seen it */
	BENCH_COUNT = 0x1210,	 /* how many doorbells it has seen */
};

#define BENCH_JOB_WORDS 8u
#define BENCH_MAX_AFTER 1000000u /* microseconds; more is taken for as many */

#endif
