/* SPDX-License-Identifier: BSD-3-Clause */
/* A SIGBUS that is none of the library's, in a program that has a device open. */
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/check.h"
#include "tests/vm/guest/edu.h"

static void *cut_off_page(void)
{
	int fd = memfd_create("short", MFD_CLOEXEC);
	void *at = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);

	return at == MAP_FAILED ? NULL : at;
}

static void *mine;
static sigjmp_buf home;

static void on_sigbus(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	siglongjmp(home, info->si_addr == mine ? 1 : 2);
}

static void handle_it(void)
{
	struct sigaction a = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO };

	sigaction(SIGBUS, &a, NULL);
}

static int access_mine(void)
{
	volatile unsigned char v;
	int jumped;

	mine = cut_off_page();
	jumped = sigsetjmp(home, 1);
	if (!jumped)
		v = *(volatile unsigned char *)mine;
	else
		return jumped == 1 ? 0 : 2;
	(void)v;
	return 3;
}

/* The whole of a program: 0 when its own handler was called, and the device works before and after. */
static int sigbus_program(const char *which)
{
	fpga_handle h;
	int rc;

	if (!strcmp(which, "before"))
		handle_it();
	edu_library(NULL);
	h = edu_open(EDU_GUID);
	if (!strcmp(which, "after"))
		handle_it();
	rc = access_mine();
	if (edu_read(h, EDU_ID) != EDU_ID_VALUE)
		rc = 4;
	edu_close(h);
	return rc;
}

static int run_again(const char *argument)
{
	int out, status = 0;
	pid_t pid = again(argument, NULL, NULL, &out);

	close(out);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void foreign_sigbus(void **state)
{
	int status;

	(void)state;
	assert_int_equal(run_again("before"), 0);
	assert_int_equal(run_again("after"), 0);
	status = run_again("none");
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(foreign_sigbus) };

	return argc == 2 ? sigbus_program(argv[1]) : RUN(tests);
}
