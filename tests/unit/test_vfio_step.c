/* SPDX-License-Identifier: BSD-3-Clause */
/* The server stepped by its author's loop, and reads that he answers later. One thread plays both ends. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sys.h"
#include "tests/unit/check.h"
#include "vfio-user/message.h"
#include "vfio-user/server.h"

#define BAR 0x1000u
#define LATER 0x800u /* reads from here on are put off */

struct rig {
	struct vu_server *server;
	int peer, twin; /* twin: -1 if there is none */
	uint8_t regs[BAR];
	uint64_t tickets[VU_SERVER_MAX_LATER + 1];
	unsigned int num_tickets, writes, resets, detached;
	bool pauses; /* at each write */
};

static int on_read(void *dev, uint32_t region, uint64_t offset, void *buf, uint32_t len)
{
	(void)region;
	memcpy(buf, ((struct rig *)dev)->regs + offset, len);
	return 0;
}

static int on_read_later(void *dev, uint32_t region, uint64_t offset, uint32_t len, uint64_t ticket)
{
	struct rig *r = dev;

	(void)region;
	(void)len;
	if (offset == LATER + 8)
		return -EPERM;
	if (offset < LATER)
		return 0;
	r->tickets[r->num_tickets++] = ticket;
	return VU_LATER;
}

static int on_write(void *dev, uint32_t region, uint64_t offset, const void *buf, uint32_t len)
{
	struct rig *r = dev;

	(void)region;
	memcpy(r->regs + offset, buf, len);
	r->writes++;
	if (r->pauses)
		vu_server_pause(r->server);
	return 0;
}

/* A reset answers what it found, as a device does that forgets its requests. */
static void on_reset(void *dev)
{
	struct rig *r = dev;

	r->resets++;
	for (unsigned int i = 0; i < r->num_tickets; i++)
		vu_server_read_done(r->server, r->tickets[i], -ECANCELED, NULL);
	r->num_tickets = 0;
}

static void on_detached(void *dev)
{
	((struct rig *)dev)->detached++;
}

static const struct vu_server_ops ops = { .region_read = on_read,
					  .region_write = on_write,
					  .reset = on_reset,
					  .detached = on_detached,
					  .region_read_later = on_read_later };

/* ---- the client's end ---- */

static void put(struct rig *r, uint16_t id, uint16_t command, uint32_t flags, const void *body, size_t len)
{
	struct vu_header h = { .id = id, .command = command, .flags = flags,
			       .size = (uint32_t)(sizeof(h) + len) };
	uint8_t message[256];

	assert_true(len <= sizeof(message) - sizeof(h));
	memcpy(message, &h, sizeof(h));
	if (len)
		memcpy(message + sizeof(h), body, len);
	assert_int_equal(send(r->peer, message, h.size, MSG_NOSIGNAL), h.size);
}

static void put_read(struct rig *r, uint16_t id, uint64_t offset)
{
	struct vu_access a = { offset, VU_BAR0, 8 };

	put(r, id, VU_REGION_READ, 0, &a, sizeof(a));
}

static void put_write(struct rig *r, uint16_t id, uint64_t offset, uint64_t value)
{
	struct {
		struct vu_access a;
		uint64_t value;
	} w = { { offset, VU_BAR0, 8 }, value };

	put(r, id, VU_REGION_WRITE, VU_FLAG_NO_REPLY, &w, sizeof(w));
}

/* The next reply, which must be this one; its last 8 bytes. */
static uint64_t reply(struct rig *r, uint16_t id, uint32_t error)
{
	struct vu_header h;
	uint8_t body[512];
	uint64_t value = 0;
	ssize_t len;

	assert_int_equal(recv(r->peer, &h, sizeof(h), MSG_DONTWAIT), sizeof(h));
	assert_int_equal(h.id, id);
	assert_int_equal(h.error, error);
	assert_true(h.size - sizeof(h) <= sizeof(body));
	len = (ssize_t)(h.size - sizeof(h));
	if (len)
		assert_int_equal(recv(r->peer, body, (size_t)len, MSG_DONTWAIT), len);
	if (len >= 8)
		memcpy(&value, body + len - 8, 8);
	return value;
}

static void no_reply(struct rig *r)
{
	char c;

	assert_int_equal(recv(r->peer, &c, 1, MSG_DONTWAIT | MSG_PEEK), -1);
}

static void step(struct rig *r, unsigned int max)
{
	struct pollfd fds[VU_SERVER_FDS];

	vu_server_wants(r->server, fds);
	assert_true(sys_poll(fds, VU_SERVER_FDS, 0) >= 0);
	vu_server_step(r->server, fds, max);
}

static void join(struct rig *r)
{
	struct vu_version v = { VU_VERSION_MAJOR, VU_VERSION_MINOR };
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	r->peer = pair[1];
	assert_int_equal(vu_server_adopt(r->server, pair[0]), 0);
	put(r, 0, VU_VERSION, 0, &v, sizeof(v));
	step(r, 1);
	reply(r, 0, 0);
}

/* The same by a client that asks for a twin socket. */
static void join_with_twin(struct rig *r)
{
	static const char caps[] = "{\"capabilities\":{\"twin_socket\":{\"supported\":true}}}";
	uint8_t body[sizeof(struct vu_version) + sizeof(caps)] = { VU_VERSION_MAJOR, 0, VU_VERSION_MINOR };
	char data[512], control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { data, sizeof(data) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
			      .msg_control = control, .msg_controllen = sizeof(control) };
	int pair[2];

	close(r->peer);
	step(r, 1);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	r->peer = pair[1];
	assert_int_equal(vu_server_adopt(r->server, pair[0]), 0);
	memcpy(body + sizeof(struct vu_version), caps, sizeof(caps));
	put(r, 0, VU_VERSION, 0, body, sizeof(body));
	step(r, 1);
	assert_true(recvmsg(r->peer, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) > 0);
	assert_non_null(CMSG_FIRSTHDR(&msg));
	memcpy(&r->twin, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(r->twin));
	r->detached = 0;
}

static int set_up(void **state, unsigned int answer_ms)
{
	struct rig *r = calloc(1, sizeof(*r));
	struct vu_server_config cfg = {
		.answer_ms = answer_ms,
		.regions = { [VU_BAR0] = { .size = BAR, .read = true, .write = true, .fd = -1 } },
		.ops = &ops,
		.dev = r,
	};

	if (!r || vu_server_new(&cfg, &r->server))
		return -1;
	r->twin = -1;
	*state = r;
	join(r);
	return 0;
}

static int up(void **state)
{
	return set_up(state, 60 * 1000);
}

static int up_impatient(void **state)
{
	return set_up(state, 20);
}

static int down(void **state)
{
	struct rig *r = *state;

	vu_server_free(r->server);
	close(r->peer);
	if (r->twin >= 0)
		close(r->twin);
	free(r);
	return 0;
}

/* ---- tests ---- */

static void writes_behind_a_read_that_waits_are_done_in_order(void **state)
{
	struct rig *r = *state;
	uint64_t value = 0x1234;

	put_read(r, 1, LATER);
	put_write(r, 2, 0, 5);
	put_write(r, 3, 0, 6);
	put_read(r, 4, 0);
	step(r, 8);
	assert_int_equal(r->num_tickets, 1);
	assert_int_equal(reply(r, 4, 0), 6);
	no_reply(r);
	assert_int_equal(vu_server_read_done(r->server, r->tickets[0], 0, &value), 0);
	assert_int_equal(reply(r, 1, 0), value);
	assert_int_equal(vu_server_read_done(r->server, r->tickets[0], 0, &value), -ENOENT);
	no_reply(r);
}

static void later_answers_come_in_the_order_of_their_author(void **state)
{
	struct rig *r = *state;
	uint64_t value = 7;

	put_read(r, 1, LATER);
	put_read(r, 2, LATER);
	put_read(r, 3, LATER + 8);
	assert_int_equal(vu_server_glance(r->server, 8), 1); /* the other two wait */
	reply(r, 3, EPERM);
	assert_int_equal(vu_server_read_done(r->server, r->tickets[1], 0, &value), 0);
	assert_int_equal(vu_server_read_done(r->server, r->tickets[0], -EIO, NULL), 0);
	assert_int_equal(reply(r, 2, 0), 7);
	reply(r, 1, EIO);
}

static void a_read_too_many_is_refused(void **state)
{
	struct rig *r = *state;

	for (uint16_t i = 0; i < VU_SERVER_MAX_LATER; i++) {
		put_read(r, i, LATER);
		step(r, 1);
	}
	no_reply(r);
	put_read(r, 100, LATER);
	step(r, 1);
	reply(r, 100, EBUSY);
	assert_int_equal(r->num_tickets, VU_SERVER_MAX_LATER);
	vu_server_read_done(r->server, r->tickets[0], -EIO, NULL);
	reply(r, 0, EIO);
	put_read(r, 101, 0);
	step(r, 1);
	reply(r, 101, 0);
}

static void a_step_takes_no_more_than_it_was_told(void **state)
{
	struct rig *r = *state;

	put_write(r, 1, 0, 1);
	put_write(r, 2, 0, 2);
	put_write(r, 3, 0, 3);
	step(r, 1);
	assert_int_equal(r->writes, 1);
	assert_int_equal(vu_server_glance(r->server, 1), 0); /* nobody waits for a reply */
	assert_int_equal(r->writes, 2);
	step(r, 8);
	assert_int_equal(r->writes, 3);
}

static void an_author_who_has_enough_takes_no_more(void **state)
{
	struct rig *r = *state;

	r->pauses = true;
	for (uint16_t i = 1; i <= 3; i++)
		put_write(r, i, 0, i);
	step(r, 8);
	assert_int_equal(r->writes, 1);
	vu_server_glance(r->server, 8);
	assert_int_equal(r->writes, 2); /* for that step alone */
	r->pauses = false;
	step(r, 8);
	assert_int_equal(r->writes, 3);
}

static void a_reset_may_answer_from_its_callback(void **state)
{
	struct rig *r = *state;

	put_read(r, 1, LATER);
	put_read(r, 2, LATER);
	put(r, 3, VU_DEVICE_RESET, 0, NULL, 0);
	step(r, 8);
	assert_int_equal(r->resets, 1);
	reply(r, 1, ECANCELED);
	reply(r, 2, ECANCELED);
	reply(r, 3, 0);
}

static void tickets_end_with_their_client(void **state)
{
	struct rig *r = *state;
	uint64_t value = 0;

	put_read(r, 1, LATER);
	step(r, 1);
	close(r->peer);
	step(r, 1);
	assert_int_equal(r->detached, 1);
	join(r);
	assert_int_equal(vu_server_read_done(r->server, r->tickets[0], 0, &value), -ENOENT);
	no_reply(r);
}

static void one_client_is_adopted(void **state)
{
	struct rig *r = *state;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(vu_server_adopt(r->server, pair[0]), -EBUSY);
	close(pair[0]);
	close(pair[1]);
}

/* ---- memory without a descriptor, and without a twin: the loop's thread asks ---- */

static void map(struct rig *r, uint64_t address)
{
	struct vu_dma_map m = { sizeof(m), VU_DMA_CAN_READ | VU_DMA_CAN_WRITE, 0, address, VU_PAGE };

	put(r, 50, VU_DMA_MAP, 0, &m, sizeof(m));
	step(r, 1);
	reply(r, 50, 0);
}

static void commands_are_done_while_memory_is_asked_for(void **state)
{
	struct rig *r = *state;
	struct {
		struct vu_dma_access a;
		uint64_t value;
	} answer = { { 0x10000, 8 }, 0xabcd };
	uint64_t got = 0;
	struct vu_header h;

	map(r, 0x10000);
	/* The answer is under way before the question: it is read only when the question was sent. */
	put_write(r, 1, 0, 77);
	put(r, 1, VU_DMA_READ, VU_FLAG_REPLY, &answer, sizeof(answer));
	assert_int_equal(vu_server_dma_read(r->server, 0x10000, &got, 8), 0);
	assert_int_equal(got, 0xabcd);
	assert_int_equal(r->writes, 1);
	assert_int_equal(recv(r->peer, &h, sizeof(h), MSG_DONTWAIT), sizeof(h));
	assert_int_equal(h.command, VU_DMA_READ);
}

static void a_client_that_leaves_ends_the_wait_for_its_memory(void **state)
{
	struct rig *r = *state;
	uint64_t got = 0;

	map(r, 0x10000);
	close(r->peer);
	assert_int_equal(vu_server_dma_read(r->server, 0x10000, &got, 8), -ENOTCONN);
	assert_int_equal(r->detached, 1);
	join(r);
	assert_int_equal(vu_server_dma_read(r->server, 0x10000, &got, 8), -EFAULT);
}

static void a_client_that_does_not_answer_is_let_go(void **state)
{
	struct rig *r = *state;
	struct {
		struct vu_dma_access a;
		uint64_t value;
	} answer = { { 0x10000, 8 }, 0xabcd };
	uint64_t got = 0;

	map(r, 0x10000);
	assert_int_equal(vu_server_dma_read(r->server, 0x10000, &got, 8), -ETIMEDOUT);
	assert_int_equal(r->detached, 1);
	assert_int_equal(vu_server_dma_read(r->server, 0x10000, &got, 8), -ENOTCONN);
	close(r->peer);
	join(r);
	map(r, 0x10000);
	put(r, 2, VU_DMA_READ, VU_FLAG_REPLY, &answer, sizeof(answer));
	assert_int_equal(vu_server_dma_read(r->server, 0x10000, &got, 8), 0);
	assert_int_equal(got, 0xabcd);
}

/* A simulation may stand still for long, and QEMU gives no memory while it waits for a register. */
static void who_waits_for_a_read_is_not_waited_for(void **state)
{
	struct rig *r = *state;
	struct {
		struct vu_dma_access a;
		uint64_t value;
	} answer = { { 0x10000, 8 }, 0xabcd };
	uint64_t got = 0, value = 7;

	map(r, 0x10000);
	put_read(r, 1, LATER);
	step(r, 1);
	assert_int_equal(vu_server_dma_read(r->server, 0x10000, &got, 8), -EINPROGRESS);
	clock_sleep_ns(40 * NS_PER_MS); /* twice the time that it has */
	assert_int_equal(vu_server_dma_resume(r->server), -EINPROGRESS);
	assert_int_equal(r->detached, 0);
	assert_int_equal(vu_server_read_done(r->server, r->tickets[0], 0, &value), 0);
	put(r, 1, VU_DMA_READ, VU_FLAG_REPLY, &answer, sizeof(answer));
	assert_int_equal(vu_server_dma_resume(r->server), 0);
	assert_int_equal(got, 0xabcd);
}

static void who_is_silent_on_the_twin_is_let_go(void **state)
{
	struct rig *r = *state;
	uint64_t got = 0;

	join_with_twin(r);
	map(r, 0x10000);
	assert_int_equal(vu_server_dma_read(r->server, 0x10000, &got, 8), -ETIMEDOUT);
	assert_int_equal(r->detached, 1);
	assert_int_equal(vu_server_dma_read(r->server, 0x10000, &got, 8), -ENOTCONN);
	close(r->peer);
	join(r);
}

static void who_closes_the_twin_is_let_go(void **state)
{
	struct rig *r = *state;
	uint64_t got = 0;

	join_with_twin(r);
	map(r, 0x10000);
	close(r->twin);
	r->twin = -1;
	assert_int_equal(vu_server_dma_read(r->server, 0x10000, &got, 8), -ENOTCONN);
	assert_int_equal(r->detached, 1);
}

static void what_is_no_socket_is_not_adopted(void **state)
{
	struct rig *r = *state;

	close(r->peer);
	step(r, 1);
	assert_int_equal(vu_server_adopt(r->server, 1 << 20), -EBADF);
	join(r);
}

static void stops_soon(struct rig *r)
{
	int64_t end = clock_deadline(30 * NS_PER_S);
	uint64_t got = 0;

	for (unsigned int i = 0; i < 64; i++)
		assert_int_equal(vu_server_dma_read(r->server, 0x10000, &got, 8), -ECANCELED);
	assert_true(clock_left_ms(end) > 0);
	assert_int_equal(r->detached, 0);
}

static void *stop_later(void *server)
{
	clock_sleep_ns(20 * NS_PER_MS);
	vu_server_stop(server);
	return NULL;
}

/* As a signal does it, before the wait or in it. */
static void who_is_to_stop_waits_for_no_twin(void **state)
{
	struct rig *r = *state;
	pthread_t stopper;

	join_with_twin(r);
	map(r, 0x10000);
	assert_int_equal(pthread_create(&stopper, NULL, stop_later, r->server), 0);
	stops_soon(r);
	pthread_join(stopper, NULL);
}

/* The rig is a patient one: who still waits for the client does so for a minute. */
static void who_is_to_stop_waits_for_no_client(void **state)
{
	struct rig *r = *state;

	map(r, 0x10000);
	vu_server_stop(r->server);
	stops_soon(r);
}

static void answers_wait_for_a_full_socket(void **state)
{
	struct rig *r = *state;
	uint64_t value = 9;
	uint16_t sent = 0, next = 0;
	int size = 4096;

	setsockopt(r->peer, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	/* Until the server no longer takes them: its answers stand in the way. */
	for (unsigned int taken = 1; taken; sent++) {
		put_read(r, sent, LATER);
		step(r, 1);
		taken = r->num_tickets;
		if (taken)
			assert_int_equal(vu_server_read_done(r->server, r->tickets[0], 0, &value), 0);
		r->num_tickets = 0;
		assert_true(sent < 60000);
	}
	while (next < sent) {
		struct pollfd p = { .fd = r->peer, .events = POLLIN };

		while (sys_poll(&p, 1, 0) == 1)
			assert_int_equal(reply(r, next++, 0), 9);
		step(r, 1);
		if (r->num_tickets)
			assert_int_equal(vu_server_read_done(r->server, r->tickets[0], 0, &value), 0);
		r->num_tickets = 0;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(writes_behind_a_read_that_waits_are_done_in_order),
		RIGGED(later_answers_come_in_the_order_of_their_author),
		RIGGED(a_read_too_many_is_refused),
		RIGGED(a_step_takes_no_more_than_it_was_told),
		RIGGED(an_author_who_has_enough_takes_no_more),
		RIGGED(a_reset_may_answer_from_its_callback),
		RIGGED(tickets_end_with_their_client),
		RIGGED(one_client_is_adopted),
		RIGGED(commands_are_done_while_memory_is_asked_for),
		RIGGED(a_client_that_leaves_ends_the_wait_for_its_memory),
		cmocka_unit_test_setup_teardown(a_client_that_does_not_answer_is_let_go, up_impatient, down),
		cmocka_unit_test_setup_teardown(who_waits_for_a_read_is_not_waited_for, up_impatient, down),
		cmocka_unit_test_setup_teardown(who_is_silent_on_the_twin_is_let_go, up_impatient, down),
		RIGGED(who_closes_the_twin_is_let_go),
		RIGGED(what_is_no_socket_is_not_adopted),
		RIGGED(who_is_to_stop_waits_for_no_client),
		RIGGED(who_is_to_stop_waits_for_no_twin),
		RIGGED(answers_wait_for_a_full_socket),
	};

	return RUN(tests);
}
