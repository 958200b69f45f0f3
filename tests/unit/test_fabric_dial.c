/* SPDX-License-Identifier: BSD-3-Clause */
/* Connecting by a fabric alone: what the listener and the worker may say, and what one is told of it. */
#include "transport/fabric-dial.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/unit/check.h"
#include "tests/unit/door-rig.h"
#include "tests/unit/seam.h"
#include "transport/dial.h"
#include "transport/listen.h"

#define SOON clock_deadline(60 * NS_PER_S)

static struct door_rig door;

static int up(void **state)
{
	(void)state;
	door = (struct door_rig){ .code = DOOR_COME };
	return 0;
}

static int down(void **state)
{
	(void)state;
	door_stop(&door);
	return 0;
}

static struct dial_to to(const struct address *at)
{
	return (struct dial_to){ at, NULL, "tcp" };
}

/* Says what comes, until the end. */
static void echo(struct transport *t)
{
	char buf[256];
	struct iovec iov = { buf, sizeof(buf) };
	ssize_t n;

	while ((n = t->ops->recv(t, &iov, 1)) > 0 || n == -EAGAIN) {
		struct iovec back = { buf, (size_t)n };

		if (n == -EAGAIN)
			transport_wait(t, 0, SOON);
		else if (transport_send_all(t, &back, 1, SOON))
			break;
	}
	transport_free(t);
}

static void echoes(struct transport *t)
{
	char out[] = "hello", in[8];
	struct iovec iov = { out, 5 };

	assert_int_equal(transport_send_all(t, &iov, 1, SOON), 0);
	iov = (struct iovec){ in, sizeof(in) };
	assert_int_equal(transport_wait(t, 0, SOON), 0);
	assert_int_equal(t->ops->recv(t, &iov, 1), 5);
	assert_memory_equal(in, "hello", 5);
}

static void gets_to_its_worker(void **state)
{
	char why[DIAL_WHY_MAX], name[ADDRESS_TEXT_MAX];
	struct dial_to where = to(&door.address);
	struct transport *t[2];

	(void)state;
	door.serve = echo;
	door_start(&door);
	for (int i = 0; i < 2; i++) {
		if (transport_dial(&where, SOON, &t[i], why))
			fail_msg("%s", why);
		address_text(&door.address, name, sizeof(name));
		assert_string_equal(t[i]->name, name);
	}
	for (int i = 0; i < 2; i++) {
		echoes(t[i]);
		transport_free(t[i]);
	}
	assert_int_equal(atomic_load(&door.served), 2);
}

static void a_name_is_looked_up(void **state)
{
	struct dial_to where = to(&door.address);
	char why[DIAL_WHY_MAX];
	struct transport *t;

	(void)state;
	door.serve = echo;
	door_start(&door);
	snprintf(door.address.host, sizeof(door.address.host), "localhost");
	if (transport_dial(&where, SOON, &t, why))
		fail_msg("%s", why);
	echoes(t);
	transport_free(t);
}

/* One thread waits for several, in steps. */
static void in_steps_by_poll(void **state)
{
	struct address nowhere = { .kind = ADDRESS_TCP, .host = "127.0.0.1", .port = 1 };
	struct dial_to where[] = { to(&door.address), to(&nowhere) };
	struct transport *t = NULL;
	struct dial *d[2];
	int rc[2] = { 0, 0 };
	int64_t deadline = SOON;

	(void)state;
	door.serve = echo;
	door_start(&door);
	for (int i = 0; i < 2; i++)
		assert_int_equal(dial_start(&where[i], SOON, &d[i]), 0);
	while (!rc[0] || !rc[1]) {
		struct pollfd p[2] = { { .fd = -1 }, { .fd = -1 } };

		for (int i = 0; i < 2; i++) {
			if (!rc[i])
				p[i].fd = dial_fd(d[i], &p[i].events);
			assert_true(dial_due(d[i]) == INT64_MAX);
		}
		assert_true(poll(p, 2, clock_left_ms(deadline)) > 0);
		for (int i = 0; i < 2; i++)
			if (p[i].revents)
				rc[i] = dial_step(d[i], &t);
	}
	assert_int_equal(rc[0], 1);
	assert_int_equal(rc[1], -ECONNREFUSED);
	assert_string_equal(dial_why(d[1]), "127.0.0.1:1: Connection refused");
	echoes(t);
	transport_free(t);
	dial_free(d[0]);
	dial_free(d[1]);
}

/* ---- what the listener says ---- */

static void fails(int64_t deadline, int rc, const char *says)
{
	struct dial_to where = to(&door.address);
	char why[DIAL_WHY_MAX] = "", name[ADDRESS_TEXT_MAX];
	struct transport *t = NULL;

	address_text(&door.address, name, sizeof(name));
	assert_int_equal(transport_dial(&where, deadline, &t, why), rc);
	assert_null(t);
	if (strncmp(why, name, strlen(name)) || !strstr(why, says))
		fail_msg("\"%s\" does not say \"%s\"", why, says);
}

static void who_is_told_to_wait_comes_again(void **state)
{
	struct dial_to where = to(&door.address);
	char why[DIAL_WHY_MAX];
	struct transport *t;

	(void)state;
	door.again = 3;
	door.serve = echo;
	door_start(&door);
	if (transport_dial(&where, SOON, &t, why))
		fail_msg("%s", why);
	echoes(t);
	assert_int_equal(atomic_load(&door.knocks), 4);
	transport_free(t);
}

static void nobody_is_ever_ready(void **state)
{
	int64_t begun;

	(void)state;
	door.code = DOOR_AGAIN;
	door_start(&door);
	begun = clock_now_ns();
	fails(clock_deadline(NS_PER_S), -EAGAIN, "nobody ready");
	assert_true(clock_now_ns() - begun < 30 * NS_PER_S);
	assert_in_range(atomic_load(&door.knocks), 1, 30);
}

static void a_full_house(void **state)
{
	(void)state;
	door.code = DOOR_BUSY;
	door_start(&door);
	fails(SOON, -EBUSY, "\"limits\"");
	assert_int_equal(atomic_load(&door.knocks), 1);
}

static void nobody_from_here(void **state)
{
	(void)state;
	door.code = DOOR_DENIED;
	door_start(&door);
	fails(SOON, -EACCES, "serves nobody from this address");
}

static void another_version(void **state)
{
	(void)state;
	door.code = DOOR_OTHER;
	door_start(&door);
	fails(SOON, -EPROTONOSUPPORT, "another version");
}

static void nonsense(void **state)
{
	(void)state;
	door.nonsense = true;
	door_start(&door);
	fails(SOON, -EPROTO, "no opaed");
}

/* ---- what becomes of the worker ---- */

static void one_that_has_died_is_replaced(void **state)
{
	struct dial_to where = to(&door.address);
	char why[DIAL_WHY_MAX];
	struct transport *t;

	(void)state;
	door.gone = true;
	door.serve = echo;
	door_start(&door);
	if (transport_dial(&where, SOON, &t, why))
		fail_msg("%s", why);
	echoes(t);
	transport_free(t);
	assert_int_equal(atomic_load(&door.knocks), 2);
}

static void who_has_taken_its_port_is_found_out(void **state)
{
	(void)state;
	door.impostor = true;
	door_start(&door);
	fails(SOON, -EPERM, "another program");
}

/* ---- what is not there ---- */

static void fails_at(const char *provider, const char *at, int rc, const char *says)
{
	char why[DIAL_WHY_MAX] = "";
	struct transport *t = NULL;
	const char *bad = "";
	struct address a;
	struct dial_to where = { &a, NULL, provider };

	assert_int_equal(address_parse(at, &a, &bad), 0);
	assert_int_equal(transport_dial(&where, SOON, &t, why), rc);
	assert_null(t);
	if (!strstr(why, says))
		fail_msg("\"%s\" does not say \"%s\"", why, says);
}

static void what_is_not_there_is_named(void **state)
{
	(void)state;
	fails_at("tcp", "127.0.0.1:1", -ECONNREFUSED, "127.0.0.1:1: Connection refused");
	fails_at("no-such", "127.0.0.1:1", -ENODEV, "127.0.0.1:1: provider \"no-such\"");
	fails_at("tcp", "no-such-host.invalid:1", -EHOSTUNREACH, "no-such-host.invalid:1: ");
}

/* The kernel takes the connection, and nobody answers: until the deadline, or until who asked has gone. */
static void a_silent_host(void **state)
{
	struct address a = { .kind = ADDRESS_TCP, .host = "127.0.0.1" };
	struct dial_to where = to(&a);
	char why[DIAL_WHY_MAX];
	struct transport *t;
	struct dial *d;
	int64_t begun;
	int fd, rc;

	(void)state;
	assert_int_equal(listen_open(&a, &fd), 0);
	assert_int_equal(address_of_socket(fd, &a), 0);
	begun = clock_now_ns();
	rc = transport_dial(&where, clock_deadline(500 * NS_PER_MS), &t, why);
	assert_int_equal(rc, -ETIMEDOUT);
	assert_in_range(clock_now_ns() - begun, 500 * NS_PER_MS, 30 * NS_PER_S);
	assert_non_null(strstr(why, ": no answer in time"));
	assert_int_equal(dial_start(&where, clock_deadline(3 * NS_PER_S), &d), 0);
	assert_int_equal(dial_step(d, &t), 0);
	dial_free(d);
	close(fd);
}

/* At most n: what n was counted in may have been closing the last of its own. */
static void await_fds(int n)
{
	int64_t deadline = SOON;

	while (seam_count_fds() > n && clock_left_ms(deadline))
		clock_sleep_ns(NS_PER_MS);
	assert_in_range(seam_count_fds(), 0, n);
}

/* Also of what was given up, whose thread goes on for a while. */
static void nothing_stays_open(void **state)
{
	struct dial_to where = to(&door.address);
	struct transport *t;
	struct dial *d;
	int before;

	(void)state;
	door_start(&door);
	assert_int_equal(transport_dial(&where, SOON, &t, NULL), 0);
	transport_free(t);
	door_stop(&door);
	before = seam_count_fds();
	up(state);
	door_start(&door);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(transport_dial(&where, SOON, &t, NULL), 0);
		transport_free(t);
	}
	for (int i = 0; i < 3; i++) {
		assert_int_equal(dial_start(&where, clock_deadline(3 * NS_PER_S), &d), 0);
		dial_free(d);
	}
	while (atomic_load(&door.served) < 6)
		clock_sleep_ns(NS_PER_MS);
	door_stop(&door);
	await_fds(before);
	up(state);
	door_start(&door);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(gets_to_its_worker),
		RIGGED(a_name_is_looked_up),
		RIGGED(in_steps_by_poll),
		RIGGED(who_is_told_to_wait_comes_again),
		RIGGED(nobody_is_ever_ready),
		RIGGED(a_full_house),
		RIGGED(nobody_from_here),
		RIGGED(another_version),
		RIGGED(nonsense),
		RIGGED(one_that_has_died_is_replaced),
		RIGGED(who_has_taken_its_port_is_found_out),
		cmocka_unit_test(what_is_not_there_is_named),
		cmocka_unit_test(a_silent_host),
		RIGGED(nothing_stays_open),
	};

	return RUN(tests);
}
