/* SPDX-License-Identifier: BSD-3-Clause */
/* Loading libfabric, and opening it. */
#include "transport/fabric-lib.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

#include "base/thread.h"
#include "tests/unit/check.h"
#include "transport/fabric.h"

#define MASKS 20 /* of signals, of which two in a row differ */
#define SIGNALS 32 /* but for those of real time: from 1 to 31 */

/* ---- libfabric itself ---- */

static void own_handler(int s)
{
	(void)s;
}

static atomic_bool loaded;

/* Sets the handler of a signal over and over: NULL if each time the last one is still there. */
static void *keep_setting(void *arg)
{
	struct sigaction own = { .sa_handler = own_handler }, was;
	int last = SIGRTMAX;

	sigaddset(&own.sa_mask, last);
	sigaction(SIGUSR1, &own, NULL);
	for (int n = 0; !atomic_load(&loaded); n++) {
		sigemptyset(&own.sa_mask);
		sigaddset(&own.sa_mask, SIGRTMIN + n % MASKS);
		sigaction(SIGUSR1, &own, &was);
		if (!sigismember(&was.sa_mask, last))
			return arg;
		last = SIGRTMIN + n % MASKS;
	}
	sigaction(SIGUSR1, NULL, &was);
	return sigismember(&was.sa_mask, last) ? NULL : arg;
}

/* The first test of the process, for it is loaded once. */
static void signals_stay_the_programs(void **state)
{
	struct sigaction own = { .sa_handler = own_handler }, before[SIGNALS], now;
	const struct fabric_lib *lib = NULL;
	char why[FABRIC_WHY_MAX];
	pthread_t other;
	void *lost;

	(void)state;
	sigaction(SIGSEGV, &own, &before[SIGSEGV]);
	for (int s = 1; s < SIGNALS; s++)
		if (s != SIGSEGV)
			sigaction(s, NULL, &before[s]);
	assert_int_equal(thread_start(&other, NULL, keep_setting, &other), 0);
	assert_int_equal(fabric_lib_load(FABRIC_SONAME, &lib, why), 0);
	atomic_store(&loaded, true);
	pthread_join(other, &lost);
	assert_null(lost);
	sigaction(SIGUSR1, &before[SIGUSR1], NULL);
	sigaction(SIGSEGV, &before[SIGSEGV], &now);
	assert_ptr_equal(now.sa_handler, own_handler);
	for (int s = 1; s < SIGNALS; s++) {
		if (s == SIGSEGV || s == SIGKILL || s == SIGSTOP)
			continue;
		sigaction(s, NULL, &now);
		if (now.sa_handler != before[s].sa_handler)
			fail_msg("signal %d has another handler", s);
	}
}

static void without_libfabric_it_says_what_to_install(void **state)
{
	const struct fabric_lib *lib = NULL;
	char why[FABRIC_WHY_MAX] = "";

	(void)state;
	assert_int_equal(fabric_lib_load("libnofabric.so.1", &lib, why), -ENOENT);
	assert_non_null(strstr(why, "libnofabric.so.1 cannot be loaded: install libfabric1"));
	assert_int_equal(fabric_lib_load("libc.so.6", &lib, why), -ENOTSUP);
	assert_non_null(strstr(why, "libc.so.6 is no libfabric"));
	assert_null(lib);
}

/* ---- opening ---- */

static void is_refused(const char *provider, const char *at, int rc, const char *says)
{
	char why[FABRIC_WHY_MAX] = "";
	const char *bad = "";
	struct fabric *f = NULL;
	struct address a;

	assert_int_equal(address_parse(at, &a, &bad), 0);
	assert_int_equal(fabric_open(provider, &a, FABRIC_CLIENT, &f, why), rc);
	assert_null(f);
	if (!strstr(why, says))
		fail_msg("\"%s\" does not say \"%s\"", why, says);
}

static void what_cannot_do_is_refused_by_name(void **state)
{
	(void)state;
	is_refused("shm", "127.0.0.1:8448", -ENODEV, "provider \"shm\" of libfabric 1.");
	is_refused("udp", "127.0.0.1:8448", -ENODEV, "use \"tcp\"");
	is_refused("tcp;ofi_rxm", "127.0.0.1:8448", -ENODEV, "\"tcp;ofi_rxm\"");
	is_refused("no-such-thing", "[::1]:8448", -ENODEV, "[::1]:8448");
	is_refused("tcp", "a-name:8448", -EINVAL, "a-name:8448 is no IP address");
	is_refused("tcp", "unix:/run/x", -EINVAL, "unix:/run/x is no IP address");
	is_refused("tcp", "vsock:2:8448", -EINVAL, "vsock:2:8448 is no IP address");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signals_stay_the_programs),
		cmocka_unit_test(without_libfabric_it_says_what_to_install),
		cmocka_unit_test(what_cannot_do_is_refused_by_name),
	};

	return RUN(tests);
}
