/* SPDX-License-Identifier: BSD-3-Clause */
#include "plugins/local/last-close.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"

#define PATIENCE_NS NS_PER_S
#define STACK 65536u

/* At the beginning of the child's stack, which grows from the end. */
struct child {
	int fd;
	int ends[2]; /* of a pipe: it begins when nobody else holds the second one */
};

/*
 * Runs in a process that has this one's memory, for what the node's buffers had locked is this memory's, and
 * descriptors of its own. It has no thread of the C library's: nothing but bare calls is made here.
 */
__attribute__((no_sanitize("address", "thread"))) static int run_child(void *arg)
{
	const struct child *c = arg;
	char none;

	syscall(SYS_close, c->ends[1]);
	if (syscall(SYS_read, c->ends[0], &none, 1) == 0)
		syscall(SYS_close, c->fd);
	syscall(SYS_exit_group, 0);
	return 0;
}

/* No signal tells of its end. */
static pid_t clone_child(struct child *c, char *stack_end)
{
#if defined(__SANITIZE_THREAD__)
	/* Which takes clone() for a fork, and would write down in the memory they share that it is one. */
	pid_t pid = (pid_t)syscall(SYS_clone, 0UL, NULL, NULL, NULL, 0UL);

	(void)stack_end;
	if (!pid)
		syscall(SYS_exit_group, run_child(c));
	return pid;
#else
	return clone(run_child, stack_end, CLONE_VM, c);
#endif
}

/* Its pid or a negative errno. No handler of the program's may run in it: that would be in this memory. */
static pid_t start(struct child *c, char *stack_end)
{
	sigset_t all, before;
	pid_t pid;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pid = clone_child(c, stack_end);
	rc = errno;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return pid < 0 ? -rc : pid;
}

/* False: it hangs in the kernel, and is left to it. */
static bool await(pid_t pid)
{
	const struct timespec pause = { .tv_nsec = NS_PER_MS / 4 };
	int64_t until = clock_now_ns() + PATIENCE_NS;

	while (waitpid(pid, NULL, __WALL | WNOHANG) == 0) {
		if (clock_now_ns() >= until)
			return false;
		nanosleep(&pause, NULL);
	}
	return true;
}

/* The child is told to go on by the pipe's end. */
static int begin(struct child *c, int fd, int nothing, pid_t *ret)
{
	int rc = pipe2(c->ends, O_CLOEXEC) ? -errno : 0;
	pid_t pid;

	if (rc)
		return rc;
	c->fd = fd;
	pid = start(c, (char *)c + STACK);
	rc = pid < 0 ? pid : sys_dup_over(nothing, fd);
	close(c->ends[0]);
	close(c->ends[1]);
	if (pid > 0)
		*ret = pid;
	return rc < 0 ? rc : 0;
}

int last_close_begin(int fd, struct last_close *ret)
{
	CLEANUP_CLOSE int nothing = sys_open("/dev/null", O_RDWR, 0);
	void *stack;
	int rc;

	*ret = (struct last_close){ 0 };
	if (nothing < 0)
		return nothing;
	rc = sys_mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0, &stack);
	if (rc)
		return rc;
	rc = begin(stack, fd, nothing, &ret->pid);
	ret->stack = stack;
	return rc;
}

void last_close_end(struct last_close *c)
{
	if (c->stack && (!c->pid || await(c->pid)))
		sys_munmap(c->stack, STACK);
	c->stack = NULL;
}
