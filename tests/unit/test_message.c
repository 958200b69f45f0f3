/* SPDX-License-Identifier: BSD-3-Clause */
/* Framing, capabilities and region capabilities of vfio-user: what a hostile peer may send. */
#include "vfio-user/message.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sys.h"
#include "tests/unit/check.h"
#include "vfio-user/client-region.h"

static int pair[2];
static struct vu_inbox in;

static int up(void **state)
{
	(void)state;
	memset(&in, 0, sizeof(in));
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair);
}

static int down(void **state)
{
	(void)state;
	vu_inbox_done(&in);
	close(pair[0]);
	if (pair[1] >= 0)
		close(pair[1]);
	return 0;
}

static int count_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void put(const void *at, size_t len)
{
	assert_int_equal(write(pair[1], at, len), len);
}

static struct vu_header header(uint32_t body)
{
	return (struct vu_header){ .id = 7, .command = VU_REGION_READ,
				   .size = (uint32_t)sizeof(struct vu_header) + body };
}

static void one_byte_at_a_time(void **state)
{
	struct vu_header h = header(5);
	unsigned char bytes[sizeof(h) + 5];

	(void)state;
	memcpy(bytes, &h, sizeof(h));
	memcpy(bytes + sizeof(h), "abcde", 5);
	for (size_t i = 0; i < sizeof(bytes); i++) {
		assert_int_equal(vu_inbox_read(&in, pair[0]), 0);
		put(bytes + i, 1);
	}
	assert_int_equal(vu_inbox_read(&in, pair[0]), 1);
	assert_int_equal(in.head.id, 7);
	assert_int_equal(in.body_len, 5);
	assert_memory_equal(in.body, "abcde", 5);
}

static void two_messages_in_one_piece(void **state)
{
	struct vu_header h[2] = { header(0), header(0) };

	(void)state;
	h[1].id = 8;
	put(h, sizeof(h));
	assert_int_equal(vu_inbox_read(&in, pair[0]), 1);
	assert_int_equal(in.head.id, 7);
	vu_inbox_next(&in);
	assert_int_equal(vu_inbox_read(&in, pair[0]), 1);
	assert_int_equal(in.head.id, 8);
}

/* Short messages, each byte of which may come alone or with what is next to it. */
static void looking_ahead(void **state)
{
	unsigned char stream[3 * 16 + 8];
	const struct vu_header heads[] = { { .id = 1, .command = VU_DEVICE_RESET, .size = 16 },
					   { .id = 2, .command = VU_DEVICE_RESET, .size = 24 },
					   { .id = 3, .command = VU_DEVICE_RESET, .size = 16 } };

	(void)state;
	memcpy(stream, &heads[0], 16);
	memcpy(stream + 16, &heads[1], 16);
	memcpy(stream + 32, "abcdefgh", 8);
	memcpy(stream + 40, &heads[2], 16);
	for (size_t cut = 0; cut <= sizeof(stream); cut++) {
		unsigned int id = 1;

		in.look = VU_LOOK_AT_COMMANDS;
		for (int part = 0; part < 2; part++) {
			if (part ? cut < sizeof(stream) : cut > 0)
				put(part ? stream + cut : stream, part ? sizeof(stream) - cut : cut);
			while (vu_inbox_read(&in, pair[0]) == 1) {
				assert_int_equal(in.head.id, id++);
				assert_int_equal(in.body_len, in.head.id == 2 ? 8 : 0);
				if (in.body_len)
					assert_memory_equal(in.body, "abcdefgh", 8);
				vu_inbox_next(&in);
			}
		}
		assert_int_equal(id, 4);
		assert_false(vu_inbox_has_more(&in));
	}
}

static void sizes_that_are_refused(void **state)
{
	static const uint32_t sizes[] = { 0, 15, 16 + VU_MAX_BODY + 1, UINT32_MAX };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct vu_header h = header(0);

		h.size = sizes[i];
		put(&h, sizeof(h));
		assert_int_equal(vu_inbox_read(&in, pair[0]), -EPROTO);
		assert_int_equal(in.room, 0); /* no room was made for it */
		vu_inbox_done(&in);
	}
}

static void unknown_type_is_refused(void **state)
{
	struct vu_header h = header(0);

	(void)state;
	h.flags = 2;
	put(&h, sizeof(h));
	assert_int_equal(vu_inbox_read(&in, pair[0]), -EPROTO);
}

static void end_of_the_peer(void **state)
{
	struct vu_header h = header(100);

	(void)state;
	put(&h, sizeof(h));
	assert_int_equal(vu_inbox_read(&in, pair[0]), 0);
	close(pair[1]);
	pair[1] = -1;
	assert_int_equal(vu_inbox_read(&in, pair[0]), -ENOTCONN);
}

static void send_with_fds(uint32_t n)
{
	struct vu_header h = header(0);
	struct iovec iov = { &h, sizeof(h) };
	int fds[VU_MAX_FDS];

	for (uint32_t i = 0; i < n; i++)
		fds[i] = pair[0];
	assert_int_equal(vu_send_all(pair[1], &iov, 1, fds, n, clock_deadline(NS_PER_S)), 0);
}

static void descriptors_of_the_next_message(void **state)
{
	const struct vu_header first = { .id = 1, .command = VU_DEVICE_RESET, .size = 16 };
	int before = count_fds();

	(void)state;
	in.look = VU_LOOK_AT_COMMANDS;
	for (int left_behind = 0; left_behind < 2; left_behind++) {
		put(&first, sizeof(first));
		send_with_fds(2);
		assert_int_equal(vu_inbox_read(&in, pair[0]), 1);
		assert_int_equal(in.head.id, 1);
		assert_int_equal(in.num_fds, 0);
		assert_int_equal(vu_inbox_take_fd(&in, 0), -1);
		assert_true(vu_inbox_has_more(&in));
		vu_inbox_close_fds(&in);
		if (left_behind)
			break;
		vu_inbox_next(&in);
		assert_int_equal(vu_inbox_read(&in, pair[0]), 1);
		assert_int_equal(in.num_fds, 2);
		vu_inbox_next(&in);
		assert_int_equal(count_fds(), before);
	}
	vu_inbox_done(&in);
	assert_int_equal(count_fds(), before);
}

static void descriptors_are_closed_unless_taken(void **state)
{
	int before = count_fds(), fd;

	(void)state;
	send_with_fds(3);
	assert_int_equal(vu_inbox_read(&in, pair[0]), 1);
	assert_int_equal(in.num_fds, 3);
	fd = vu_inbox_take_fd(&in, 1);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(vu_inbox_take_fd(&in, 3), -1);
	vu_inbox_next(&in);
	assert_int_equal(count_fds(), before + 1);
	close(fd);
}

/* More than the control buffer holds: the kernel cuts the list; what came is closed. */
static void too_many_descriptors(void **state)
{
	char room[CMSG_SPACE(32 * sizeof(int))] = { 0 };
	struct vu_header h = header(0);
	struct iovec iov = { &h, sizeof(h) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = room,
			      .msg_controllen = sizeof(room) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	int before = count_fds(), fds[32];

	(void)state;
	for (int i = 0; i < 32; i++)
		fds[i] = pair[0];
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(c), fds, sizeof(fds));
	assert_int_equal(sendmsg(pair[1], &msg, 0), sizeof(h));
	assert_int_equal(vu_inbox_read(&in, pair[0]), -EPROTO);
	vu_inbox_done(&in);
	assert_int_equal(count_fds(), before);
}

/* Descriptors with each of many pieces of one message add up to the limit and no further. */
static void descriptors_in_instalments(void **state)
{
	struct vu_header h = header(64);
	int before = count_fds(), rc = 0;

	(void)state;
	put(&h, sizeof(h));
	for (unsigned int i = 0; i < VU_MAX_FDS + 1 && !rc; i++) {
		struct iovec iov = { &h, 1 };

		assert_int_equal(vu_send_some(pair[1], &iov, 1, pair, 1), 1);
		rc = vu_inbox_read(&in, pair[0]);
	}
	assert_int_equal(rc, -EPROTO);
	vu_inbox_done(&in);
	assert_int_equal(count_fds(), before);
}

static void a_full_socket_ends_by_the_deadline(void **state)
{
	static char big[4 << 20];
	struct iovec iov = { big, sizeof(big) };
	int64_t begin = clock_now_ns();

	(void)state;
	assert_int_equal(vu_send_all(pair[1], &iov, 1, NULL, 0, clock_deadline(20 * NS_PER_MS)),
			 -ETIMEDOUT);
	assert_true(clock_now_ns() - begin < 2 * NS_PER_S);
}

/* ---- capabilities of VERSION ---- */

static int parse(const char *text, struct vu_caps *c)
{
	const char *problem;
	int rc = vu_caps_parse(text, strlen(text) + 1, c, &problem);

	assert_int_equal(rc != 0, problem != NULL);
	return rc;
}

static void capabilities(void **state)
{
	static const char *const bad[] = {
		"", "{", "\"", "[]", "{\"capabilities\":\"x\"}",
		"{\"capabilities\":{\"max_msg_fds\":\"8\"}}",
		"{\"capabilities\":{\"max_msg_fds\":-1}}",
		"{\"capabilities\":{\"max_msg_fds\":1025}}",
		"{\"capabilities\":{\"max_data_xfer_size\":0}}",
		"{\"capabilities\":{\"max_data_xfer_size\":99999999999}}",
		"{\"capabilities\":{\"twin_socket\":true}}",
		"{\"capabilities\":{\"twin_socket\":{\"supported\":1}}}",
		"{\"a\":[[[[[[[[[[[[1]]]]]]]]]]]]}",
	};
	const char *problem;
	struct vu_caps c;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(parse(bad[i], &c), -EINVAL);
	assert_int_equal(vu_caps_parse("{}", 2, &c, &problem), -EINVAL); /* no NUL */
	assert_int_equal(vu_caps_parse(NULL, 0, &c, &problem), 0);
	assert_int_equal(c.max_msg_fds, 1);
	assert_int_equal(parse("{}", &c), 0);
	assert_int_equal(c.max_data_xfer_size, 1 << 20);
	assert_int_equal(parse("{\"capabilities\":{\"max_msg_fds\":16,\"migration\":{\"x\":1},"
			       "\"twin_socket\":{\"supported\":true,\"fd_index\":2},\"new\":[]}}",
			       &c), 0);
	assert_int_equal(c.max_msg_fds, 16);
	assert_true(c.twin_supported);
	assert_int_equal(c.twin_fd_index, 2);
}

/* ---- region capabilities ---- */

struct reply {
	struct vu_cap_sparse cap;
	struct vu_sparse_area areas[2];
};

static int areas(const struct vu_region_info *info, const void *caps, size_t len,
		 struct vu_region *r)
{
	const char *problem;
	int rc = vu_region_areas(info, caps, len, r, &problem);

	assert_int_equal(rc != 0, problem != NULL);
	return rc;
}

static const struct vu_region_info region = { .argsz = 32 + sizeof(struct reply),
					      .flags = 15, .cap_offset = 32, .size = 0x10000 };
static const struct reply good = {
	.cap = { .head = { .id = VU_CAP_SPARSE_MMAP, .version = 1 }, .num_areas = 2 },
	.areas = { { 0x4000, 0x1000 }, { 0x1000, 0x2000 } },
};

static void sparse_areas(void **state)
{
	struct vu_region r;
	struct vu_region_info whole = region;

	(void)state;
	assert_int_equal(areas(&region, &good, sizeof(good), &r), 0);
	assert_int_equal(r.num_areas, 2);
	assert_int_equal(r.areas[0].offset, 0x1000); /* sorted */
	assert_int_equal(r.areas[1].size, 0x1000);
	whole.flags = 7;
	assert_int_equal(areas(&whole, NULL, 0, &r), 0);
	assert_int_equal(r.num_areas, 1);
	assert_int_equal(r.areas[0].size, 0x10000);
	whole.flags = 3;
	assert_int_equal(areas(&whole, NULL, 0, &r), 0);
	assert_int_equal(r.num_areas, 0);
}

static void sparse_areas_that_lie(void **state)
{
	struct vu_region_info i;
	struct vu_region r;
	struct reply x;

#define REFUSED(change)                                                                            \
	do {                                                                                       \
		x = good;                                                                          \
		i = region;                                                                        \
		change;                                                                            \
		assert_int_equal(areas(&i, &x, sizeof(x), &r), -EPROTO);                           \
	} while (0)
	(void)state;
	REFUSED(x.areas[0].offset = 0xf001);
	REFUSED(x.areas[0].offset = 0x10000);
	REFUSED(x.areas[0].offset = UINT64_MAX - 0xfff);
	REFUSED(x.areas[0].size = 0);
	REFUSED(x.areas[0].size = UINT64_MAX & ~UINT64_C(0xfff));
	REFUSED(x.areas[0].offset = 0x2000);          /* overlaps */
	REFUSED(x.cap.num_areas = 3);                 /* more than there are */
	REFUSED(x.cap.num_areas = UINT32_MAX);
	REFUSED(x.cap.head.next = 32);                /* a loop */
	REFUSED(x.cap.head.next = UINT32_MAX & ~7u);
	REFUSED(i.cap_offset = 8);                    /* inside the fixed part */
	REFUSED(i.cap_offset = 36);                   /* not aligned */
	REFUSED(i.cap_offset = 32 + sizeof(x));
	REFUSED(i.size = 0x10001; i.flags = 7);       /* wholly mappable, but not whole pages */
	assert_int_equal(areas(&region, &good, 15, &r), -EPROTO);
	assert_int_equal(areas(&region, &good, 0, &r), -EPROTO);
#undef REFUSED
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(one_byte_at_a_time),
		RIGGED(two_messages_in_one_piece),
		RIGGED(looking_ahead),
		RIGGED(sizes_that_are_refused),
		RIGGED(unknown_type_is_refused),
		RIGGED(end_of_the_peer),
		RIGGED(descriptors_of_the_next_message),
		RIGGED(descriptors_are_closed_unless_taken),
		RIGGED(too_many_descriptors),
		RIGGED(descriptors_in_instalments),
		RIGGED(a_full_socket_ends_by_the_deadline),
		cmocka_unit_test(capabilities),
		cmocka_unit_test(sparse_areas),
		cmocka_unit_test(sparse_areas_that_lie),
	};

	return RUN(tests);
}
