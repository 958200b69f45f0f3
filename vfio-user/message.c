/* SPDX-License-Identifier: BSD-3-Clause */
#include "vfio-user/message.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/sys.h"

#define HEADER sizeof(struct vu_header)

const char *vu_command_name(uint16_t command)
{
	static const char *const names[] = {
		[VU_VERSION] = "VERSION",
		[VU_DMA_MAP] = "DMA_MAP",
		[VU_DMA_UNMAP] = "DMA_UNMAP",
		[VU_DEVICE_GET_INFO] = "DEVICE_GET_INFO",
		[VU_DEVICE_GET_REGION_INFO] = "DEVICE_GET_REGION_INFO",
		[VU_DEVICE_GET_REGION_IO_FDS] = "DEVICE_GET_REGION_IO_FDS",
		[VU_DEVICE_GET_IRQ_INFO] = "DEVICE_GET_IRQ_INFO",
		[VU_DEVICE_SET_IRQS] = "DEVICE_SET_IRQS",
		[VU_REGION_READ] = "REGION_READ",
		[VU_REGION_WRITE] = "REGION_WRITE",
		[VU_DMA_READ] = "DMA_READ",
		[VU_DMA_WRITE] = "DMA_WRITE",
		[VU_DEVICE_RESET] = "DEVICE_RESET",
		[VU_REGION_WRITE_MULTI] = "REGION_WRITE_MULTI",
		[VU_DEVICE_FEATURE] = "DEVICE_FEATURE",
	};
	const char *name = command < sizeof(names) / sizeof(names[0]) ? names[command] : NULL;

	return name ? name : "unknown command";
}

/* ---- receiving ---- */

static void close_all(const int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (fds[i] >= 0)
			sys_close(fds[i]);
}

/* Keeps the descriptors of one recvmsg, whatever number of control headers they came in. */
static int keep_fds(struct vu_inbox *in, struct msghdr *msg)
{
	int rc = msg->msg_flags & MSG_CTRUNC ? -EPROTO : 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		int fds[VU_MAX_FDS * 2];

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		if (n > VU_MAX_FDS * 2)
			n = VU_MAX_FDS * 2; /* cannot be: the control buffer holds no more */
		memcpy(fds, CMSG_DATA(c), n * sizeof(int));
		if (rc || n > VU_MAX_FDS - in->num_fds) {
			close_all(fds, n);
			rc = -EPROTO;
			continue;
		}
		memcpy(in->fds + in->num_fds, fds, n * sizeof(int));
		in->num_fds += (uint32_t)n;
	}
	return rc;
}

static int read_piece(struct vu_inbox *in, int socket, void *at, size_t len)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(VU_MAX_FDS * sizeof(int))];
	} control;
	struct iovec iov = { at, len };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = in->no_fds ? NULL : &control,
			      .msg_controllen = in->no_fds ? 0 : sizeof(control) };
	ssize_t n = sys_recvmsg(socket, &msg, MSG_DONTWAIT);
	int rc;

	if (n < 0)
		return n == -EAGAIN || n == -EINTR ? 0 :
		       n == -ECONNRESET		   ? -ENOTCONN :
						     (int)n;
	if (!n)
		return -ENOTCONN;
	rc = msg.msg_controllen ? keep_fds(in, &msg) : 0;
	return rc ? rc : (int)n;
}

static int judge_header(struct vu_inbox *in)
{
	uint32_t size = in->head.size, type = in->head.flags & VU_FLAG_TYPE;
	unsigned char *grown;

	if (size < HEADER || size - HEADER > VU_MAX_BODY || type > VU_FLAG_REPLY)
		return -EPROTO;
	in->body_len = size - HEADER;
	if (in->body_len <= in->room)
		return 0;
	grown = realloc(in->body, in->body_len);
	if (!grown)
		return -ENOMEM;
	in->body = grown;
	in->room = in->body_len;
	return 0;
}

/* Bytes of the message: those that came with the one before, or what the socket has. */
static int read_some(struct vu_inbox *in, int socket, void *at, size_t len)
{
	int n;

	if (!in->got && !in->ahead_len && in->look > len) {
		n = read_piece(in, socket, in->ahead, in->look);
		if (n <= 0)
			return n;
		in->ahead_len = (size_t)n;
	}
	if (in->ahead_len) {
		n = (int)(len < in->ahead_len ? len : in->ahead_len);
		memcpy(at, in->ahead, (size_t)n);
		in->ahead_len -= (size_t)n;
		memmove(in->ahead, in->ahead + n, in->ahead_len);
	} else {
		n = read_piece(in, socket, at, len);
	}
	if (n > 0)
		in->got += (size_t)n;
	return n;
}

int vu_inbox_read(struct vu_inbox *in, int socket)
{
	int n;

	while (in->got < HEADER) {
		n = read_some(in, socket, (char *)&in->head + in->got, HEADER - in->got);
		if (n <= 0)
			return n;
		if (in->got == HEADER) {
			n = judge_header(in);
			if (n)
				return n;
		}
	}
	while (in->got < HEADER + in->body_len) {
		size_t done = in->got - HEADER;

		n = read_some(in, socket, in->body + done, in->body_len - done);
		if (n <= 0)
			return n;
	}
	if (in->ahead_len) {
		in->ahead_fds = in->num_fds;
		in->num_fds = 0;
	}
	return 1;
}

void vu_inbox_close_fds(struct vu_inbox *in)
{
	close_all(in->fds, in->num_fds);
	in->num_fds = 0;
}

void vu_inbox_next(struct vu_inbox *in)
{
	vu_inbox_close_fds(in);
	in->num_fds = in->ahead_fds;
	in->ahead_fds = 0;
	in->got = in->body_len = 0;
}

void vu_inbox_done(struct vu_inbox *in)
{
	vu_inbox_next(in);
	vu_inbox_close_fds(in);
	in->ahead_len = 0;
	free(in->body);
	in->body = NULL;
	in->room = 0;
}

int vu_inbox_take_fd(struct vu_inbox *in, uint32_t i)
{
	int fd = -1;

	if (i < in->num_fds) {
		fd = in->fds[i];
		in->fds[i] = -1;
	}
	return fd;
}

/* ---- sending ---- */

ssize_t vu_send_some(int socket, const struct iovec *iov, size_t iovs, const int *fds,
		     uint32_t num_fds)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(VU_MAX_FDS * sizeof(int))];
	} control;
	struct msghdr msg = { .msg_iovlen = iovs };
	struct cmsghdr *c;
	ssize_t n;

	memcpy(&msg.msg_iov, &iov, sizeof(iov)); /* sendmsg does not write there */
	if (num_fds > VU_MAX_FDS)
		return -EINVAL;
	if (num_fds) {
		memset(&control, 0, sizeof(control));
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(num_fds * sizeof(int));
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(num_fds * sizeof(int));
		memcpy(CMSG_DATA(c), fds, num_fds * sizeof(int));
	}
	n = sys_sendmsg(socket, &msg, MSG_DONTWAIT);
	return n == -EAGAIN || n == -EINTR ? 0 : n;
}

size_t vu_iov_skip(struct iovec *iov, size_t iovs, size_t n)
{
	size_t i = 0;

	while (i < iovs && n >= iov[i].iov_len)
		n -= iov[i++].iov_len;
	if (i < iovs) {
		iov[i].iov_base = (char *)iov[i].iov_base + n;
		iov[i].iov_len -= n;
	}
	return i;
}

int vu_send_all(int socket, struct iovec *iov, size_t iovs, const int *fds, uint32_t num_fds,
		int64_t deadline)
{
	while (iovs) {
		ssize_t n = vu_send_some(socket, iov, iovs, fds, num_fds);
		struct pollfd p = { .fd = socket, .events = POLLOUT };
		size_t used;

		if (n < 0)
			return (int)n;
		if (n > 0) {
			num_fds = 0; /* they went with the first byte */
			used = vu_iov_skip(iov, iovs, (size_t)n);
			iov += used;
			iovs -= used;
			continue;
		}
		if (!clock_left_ms(deadline))
			return -ETIMEDOUT;
		sys_poll(&p, 1, clock_left_ms(deadline));
	}
	return 0;
}

/* ---- capabilities ---- */

static bool read_number(struct json_object *caps, const char *key, int64_t min, int64_t max,
			uint64_t *ret)
{
	struct json_object *o;
	int64_t v;

	if (!json_object_object_get_ex(caps, key, &o))
		return true;
	v = json_object_get_int64(o);
	if (!json_object_is_type(o, json_type_int) || v < min || v > max)
		return false;
	*ret = (uint64_t)v;
	return true;
}

static bool read_twin(struct json_object *caps, struct vu_caps *ret)
{
	struct json_object *twin, *o;

	if (!json_object_object_get_ex(caps, "twin_socket", &twin))
		return true;
	if (!json_object_is_type(twin, json_type_object))
		return false;
	if (json_object_object_get_ex(twin, "supported", &o)) {
		if (!json_object_is_type(o, json_type_boolean))
			return false;
		ret->twin_supported = json_object_get_boolean(o);
	}
	if (json_object_object_get_ex(twin, "fd_index", &o)) {
		if (!json_object_is_type(o, json_type_int))
			return false;
		ret->twin_fd_index = json_object_get_int64(o);
	}
	return true;
}

static const char *read_caps(struct json_object *top, struct vu_caps *ret)
{
	struct json_object *caps;

	if (!json_object_is_type(top, json_type_object))
		return "not a JSON object";
	if (!json_object_object_get_ex(top, "capabilities", &caps))
		return NULL;
	if (!json_object_is_type(caps, json_type_object))
		return "\"capabilities\" is not an object";
	if (!read_number(caps, "max_msg_fds", 0, 1024, &ret->max_msg_fds))
		return "\"max_msg_fds\" is not a number from 0 to 1024";
	if (!read_number(caps, "max_data_xfer_size", 1, UINT32_MAX, &ret->max_data_xfer_size))
		return "\"max_data_xfer_size\" is not a number from 1 to 2^32-1";
	if (!read_number(caps, "max_dma_maps", 0, UINT32_MAX, &ret->max_dma_maps))
		return "\"max_dma_maps\" is not a number from 0 to 2^32-1";
	return read_twin(caps, ret) ? NULL : "\"twin_socket\" is malformed";
}

int vu_caps_parse(const void *text, size_t len, struct vu_caps *caps, const char **problem)
{
	struct json_tokener *tok;
	struct json_object *top;

	*caps = (struct vu_caps){ .max_msg_fds = 1,
				  .max_data_xfer_size = VU_MAX_XFER,
				  .max_dma_maps = VU_MAX_DMA_MAPS,
				  .twin_fd_index = -1 };
	*problem = NULL;
	if (!len)
		return 0;
	if (((const char *)text)[len - 1] || len > 4096) {
		*problem = len > 4096 ? "longer than 4096 bytes" : "the text does not end with NUL";
		return -EINVAL;
	}
	tok = json_tokener_new_ex(8);
	if (!tok)
		return -ENOMEM;
	top = json_tokener_parse_ex(tok, text, (int)len);
	*problem = json_tokener_get_error(tok) != json_tokener_success ? "not JSON" :
									   read_caps(top, caps);
	json_object_put(top);
	json_tokener_free(tok);
	return *problem ? -EINVAL : 0;
}
