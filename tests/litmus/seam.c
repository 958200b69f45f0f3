/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/litmus/seam.h"

#include <opae/seam.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/sys.h"
#include "tests/litmus/generate.h"

#define PIECE_MAX 200u
#define CUT_MIN 4096u /* shorter messages go whole: a header by itself is another test's */

static unsigned int most_us;
static _Atomic uint64_t state;

static uint32_t chance(uint32_t below)
{
	uint64_t seed = atomic_fetch_add(&state, UINT64_C(0x9e3779b97f4a7c15));

	return litmus_random(&seed, below);
}

static void dawdle(void)
{
	if (!chance(4))
		clock_sleep_ns(chance(most_us + 1) * NS_PER_US);
}

static ssize_t slow_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	struct msghdr part = *msg;
	struct iovec first;

	dawdle();
	if (chance(8) || !msg->msg_iovlen || msg->msg_controllen || msg->msg_iov[0].iov_len < CUT_MIN)
		return sys_kernel.sendmsg(fd, msg, flags);
	first = msg->msg_iov[0];
	first.iov_len = 1 + chance((uint32_t)first.iov_len - 1);
	part.msg_iov = &first;
	part.msg_iovlen = 1;
	return sys_kernel.sendmsg(fd, &part, flags);
}

/* What came together may be received in pieces, which are cut within the first frames. */
static ssize_t slow_recvmsg(int fd, struct msghdr *msg, int flags)
{
	struct msghdr part = *msg;
	struct iovec first;
	ssize_t n;
	bool cut = false;

	if (chance(3) || !msg->msg_iovlen || msg->msg_controllen || msg->msg_iov[0].iov_len < PIECE_MAX) {
		n = sys_kernel.recvmsg(fd, msg, flags);
	} else {
		first = (struct iovec){ msg->msg_iov[0].iov_base, 1 + chance(PIECE_MAX) };
		part.msg_iov = &first;
		part.msg_iovlen = 1;
		n = sys_kernel.recvmsg(fd, &part, flags);
		cut = n == (ssize_t)first.iov_len;
	}
	if (cut) /* the rest was on its way for longer */
		dawdle();
	if (n > 0)
		dawdle();
	return n;
}

void litmus_seam(unsigned int delay_us, uint64_t seed)
{
	static struct sys_ops ops;

	if (!delay_us)
		return;
	most_us = delay_us;
	atomic_store(&state, seed);
	ops = sys_kernel;
	ops.sendmsg = slow_sendmsg;
	ops.recvmsg = slow_recvmsg;
	if (opaex_set_seam(&ops, SYS_OPS_VERSION) == FPGA_OK)
		return;
	fprintf(stderr, "litmus: the library is of another build\n");
	exit(2);
}
