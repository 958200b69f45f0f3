/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Accesses to memory that another process may take away. The client passes its own files; when it
 * truncates one, an access is SIGBUS. The handler jumps out of an access of ours and passes every
 * other SIGBUS on to the handler that was there before.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <ucontext.h>

#include "base/sigbus.h"
#include "vfio-user/server-internal.h"

static struct sigaction before;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int install_result;
static _Thread_local sigjmp_buf *volatile copying;

static void on_sigbus(int sig, siginfo_t *info, void *context)
{
	const ucontext_t *interrupted = context;

	if (copying) {
		pthread_sigmask(SIG_SETMASK, &interrupted->uc_sigmask, NULL);
		siglongjmp(*copying, 1);
	}
	sigbus_pass_on(&before, sig, info, context);
}

static void install(void)
{
	struct sigaction a = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO | SA_NODEFER };

	install_result = sigaction(SIGBUS, &a, &before) ? -errno : 0;
}

int vu_copy_install(void)
{
	pthread_once(&once, install);
	return install_result;
}

int vu_guarded(void (*access)(void *arg), void *arg)
{
	sigjmp_buf here;

	if (sigsetjmp(here, 0)) {
		copying = NULL;
		return -EFAULT;
	}
	copying = &here;
	access(arg);
	__asm__ volatile("" ::: "memory");
	copying = NULL;
	return 0;
}

int vu_copy(void *dst, const void *src, size_t len)
{
	sigjmp_buf here;

	if (sigsetjmp(here, 0)) { /* the mask costs a system call; the handler restores it */
		copying = NULL;
		return -EFAULT;
	}
	copying = &here;
	memcpy(dst, src, len);
	__asm__ volatile("" ::: "memory"); /* the copy ends before the guard does */
	copying = NULL;
	return 0;
}
