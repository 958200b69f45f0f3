/* SPDX-License-Identifier: BSD-3-Clause */
/* What a SIGBUS handler does with a signal that is none of its own. */
#ifndef BASE_SIGBUS_H
#define BASE_SIGBUS_H

#include <signal.h>

/*
 * Hands the signal to the handler that was there before. If there was none, the default is put back,
 * and the access, made again, ends the process as it would have. Async-signal-safe.
 */
static inline void sigbus_pass_on(const struct sigaction *before, int sig, siginfo_t *info,
				  void *context)
{
	if (before->sa_flags & SA_SIGINFO)
		before->sa_sigaction(sig, info, context);
	else if (before->sa_handler != SIG_DFL && before->sa_handler != SIG_IGN)
		before->sa_handler(sig);
	else if (before->sa_handler == SIG_DFL || info->si_code > 0) /* none ignores an access of its own */
		signal(SIGBUS, SIG_DFL);
}

#endif
