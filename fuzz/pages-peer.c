/* SPDX-License-Identifier: BSD-3-Clause */
#include "fuzz/pages-peer.h"

#include <opae/types.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/link.h"
#include "transport/loop.h"
#include "wire/bytes.h"
#include "wire/ops.h"

#define PAGE 4096u
#define IDLE_MAX 64 /* looks with nothing to say: the client waits for half a frame */
#define ASKED_MAX 256u
#define FIXED 32u /* bytes of a request that are looked at again */

/* Of a page. Said to be STALE: since it was given, or in the cut that is not whole yet. */
enum { ASKED = 1, GIVEN = 2, STALE = 4, IN_CUT = 8 };

struct far {
	bool there, read_only;
	uint64_t pages;
	unsigned char state[PEER_PAGES];
};

struct asked {
	struct wire_head head;
	unsigned char body[FIXED];
};

static struct {
	struct rpc_link link;
	bool gone;
	bool lied;
	bool wild; /* it has said frames of which it does not know what they mean */
	unsigned int idle;
	uint64_t cuts;
	struct asked asked[ASKED_MAX];
	unsigned int num_asked;
	struct far far[PEER_BUFFERS];
} peer;

struct peer_input peer_input;
bool peer_listens;

static void must(bool fine)
{
	if (!fine)
		abort();
}

bool peer_take(uint8_t *to, size_t len)
{
	if (peer_input.len < len) {
		peer_input.len = 0;
		return false;
	}
	memcpy(to, peer_input.at, len);
	peer_input.at += len;
	peer_input.len -= len;
	return true;
}

/* NULL: there is none. */
static struct far *far_of(uint64_t wsid)
{
	return wsid && wsid <= PEER_BUFFERS && peer.far[wsid - 1].there ? &peer.far[wsid - 1] : NULL;
}

bool peer_agrees(uint64_t wsid, uint32_t page, bool watched)
{
	const struct far *f = far_of(wsid);
	unsigned int s = f && page < f->pages ? f->state[page] : 0;

	return peer.wild || s & (ASKED | IN_CUT) || watched == (s & GIVEN && !(s & STALE));
}

bool peer_lied(void)
{
	return peer.lied;
}

/* ---- what it says ---- */

static void hang_up(void)
{
	if (!peer.gone)
		rpc_link_done(&peer.link);
	peer.gone = true;
}

static void send(struct wire_head *head, const void *body, size_t len, const void *data, size_t data_len)
{
	rpc_link_send(&peer.link, head, body, len, data, data_len, 0);
}

static void push(uint16_t op, const void *body, size_t len, const void *data, size_t data_len)
{
	struct wire_head head = { .op = op, .flags = WIRE_ONE_WAY, .object = PEER_HANDLE };

	send(&head, body, len, data, data_len);
}

static void say_data(uint64_t wsid, uint64_t offset, size_t len)
{
	static unsigned char bytes[WIRE_BULK];
	unsigned char body[20];

	bytes_put64(body, wsid);
	bytes_put64(body + 8, offset);
	bytes_put32(body + 16, (uint32_t)len);
	memset(bytes, (int)peer.cuts + 1, len);
	push(WIRE_DATA, body, sizeof(body), bytes, len);
}

static void say_stale(uint64_t wsid, uint32_t page, uint32_t pages)
{
	unsigned char body[24];
	struct far *f = far_of(wsid);

	bytes_put64(body, wsid);
	bytes_put64(body + 8, (uint64_t)page * PAGE);
	bytes_put64(body + 16, (uint64_t)pages * PAGE);
	push(WIRE_STALE, body, sizeof(body), NULL, 0);
	for (uint64_t i = page; f && i < f->pages && i < (uint64_t)page + pages; i++)
		f->state[i] |= IN_CUT;
}

/* What is held when it ends is not any more; what is asked for then is given later. */
static void end_cut(void)
{
	for (unsigned int i = 0; i < PEER_BUFFERS; i++)
		for (uint64_t page = 0; page < peer.far[i].pages; page++) {
			unsigned char *s = &peer.far[i].state[page];

			if ((*s & (IN_CUT | GIVEN)) == (IN_CUT | GIVEN))
				*s |= STALE;
			*s &= (unsigned char)~IN_CUT;
		}
}

static void say_cut(uint8_t wrong)
{
	unsigned char body[8];

	peer.cuts += 1 + wrong;
	peer.lied |= wrong;
	bytes_put64(body, peer.cuts);
	push(WIRE_CUT, body, sizeof(body), NULL, 0);
	end_cut();
}

/* Pages that the request was about are not asked for any more; of them `given` are held. */
static void settle(const struct asked *a, uint64_t given)
{
	struct far *f = far_of(bytes_get64(a->body));
	uint64_t from = bytes_get64(a->body + 8) / PAGE, num = bytes_get64(a->body + 16) / PAGE;

	for (uint64_t i = 0; f && i < num; i++) {
		unsigned char *s = &f->state[from + i];

		*s = (unsigned char)((*s & IN_CUT) | (i < given ? GIVEN : 0));
	}
}

static size_t answer_hold(const struct asked *a, uint8_t much, unsigned char *body)
{
	uint64_t len = bytes_get64(a->body + 16), given = (uint64_t)much * PAGE;

	if (much >= 253)
		given = much == 255 ? len : much == 254 ? len + PAGE : PAGE / 2;
	peer.lied |= given > len || given % PAGE;
	bytes_put64(body, given);
	settle(a, given / PAGE);
	return 8;
}

/* The lowest that is free; of them all the first, again. */
static size_t answer_prepare(const struct asked *a, unsigned char *body)
{
	uint64_t wsid = 1;

	while (wsid < PEER_BUFFERS && peer.far[wsid - 1].there)
		wsid++;
	if (!peer.far[wsid - 1].there)
		peer.far[wsid - 1] = (struct far){ .there = true,
						   .read_only = bytes_get32(a->body + 8) & 1,
						   .pages = bytes_get64(a->body) / PAGE };
	bytes_put64(body, wsid);
	bytes_put64(body + 8, wsid << 32);
	return 16;
}

static size_t answer_pull(const struct asked *a, unsigned char *body)
{
	uint32_t len = bytes_get32(a->body + 16);

	must(len <= WIRE_BULK);
	bytes_put32(body, len);
	return 4 + len;
}

static void answer(unsigned int which, uint8_t result, uint8_t much)
{
	static unsigned char body[WIRE_BULK + 4];
	struct asked a = peer.asked[which];
	struct wire_head head = { .op = a.head.op, .flags = WIRE_REPLY, .id = a.head.id,
				  .object = a.head.object, .budget = result };
	size_t len = 0;

	peer.num_asked--;
	memmove(&peer.asked[which], &peer.asked[which + 1],
		(peer.num_asked - which) * sizeof(peer.asked[0]));
	if (a.head.op == WIRE_HOLD && result)
		settle(&a, 0);
	else if (a.head.op == WIRE_HOLD)
		len = answer_hold(&a, much, body);
	else if (a.head.op == WIRE_PREPARE && !result)
		len = answer_prepare(&a, body);
	else if (a.head.op == WIRE_PULL && !result)
		len = answer_pull(&a, body);
	else if (a.head.op == WIRE_READ64)
		len = 8;
	if (a.head.op == WIRE_RELEASE && far_of(bytes_get64(a.body)))
		peer.far[bytes_get64(a.body) - 1] = (struct far){ 0 };
	send(&head, body, result ? 0 : len, NULL, 0);
}

/* ---- the pieces ---- */

static void say_part(uint8_t kind)
{
	uint8_t p[5];
	uint32_t page;

	if (!peer_take(p, kind == 9 ? 5 : 4))
		return;
	page = bytes_get16(p + 1);
	if (kind == 9)
		say_data(p[0], (uint64_t)page * PAGE + p[3] * 16u, p[4]);
	else if (kind == 10)
		say_data(p[0], (uint64_t)page * PAGE, p[3] % 16u * PAGE);
	else
		say_stale(p[0], page, p[3]);
}

static void say_reply(void)
{
	uint8_t p[3];

	if (peer_take(p, 3) && peer.num_asked)
		answer(p[0] % peer.num_asked, p[1], p[2]);
}

static void say_bytes(bool frame)
{
	uint8_t p[3] = { 0 }, bytes[256];
	struct wire_head head = { .object = PEER_HANDLE };
	struct iovec iov = { bytes, 0 };

	if (!peer_take(p, frame ? 3 : 1) || !peer_take(bytes, p[frame ? 2 : 0]))
		return;
	peer.wild = true;
	iov.iov_len = p[frame ? 2 : 0];
	head.op = p[0];
	head.flags = p[1];
	if (frame)
		send(&head, bytes, iov.iov_len, NULL, 0);
	else if (iov.iov_len)
		rpc_link_send_iov(&peer.link, &iov, 1, 0);
	else
		hang_up();
}

bool peer_say(void)
{
	uint8_t kind;

	if (peer.gone || !peer_input.len || (*peer_input.at & 15) < 9)
		return false;
	peer_take(&kind, 1);
	kind &= 15;
	if (kind <= 11)
		say_part(kind);
	else if (kind == 12 && peer_take(&kind, 1))
		say_cut(kind);
	else if (kind == 13)
		say_reply();
	else if (kind >= 14)
		say_bytes(kind == 14);
	return true;
}

/* ---- what it hears ---- */

static struct far *check_part(const struct rpc_frame *f, uint64_t len)
{
	struct far *far = far_of(bytes_get64(f->body));
	uint64_t offset = bytes_get64(f->body + 8), end;

	must(peer.wild || far);
	if (!far)
		return NULL;
	end = far->pages * PAGE;
	must(!(offset % PAGE) && !(len % PAGE) && len <= end && offset <= end - len);
	return far;
}

static void hear_hold(const struct rpc_frame *f)
{
	uint64_t len = bytes_get64(f->body + 16), from = bytes_get64(f->body + 8) / PAGE;
	struct far *far = check_part(f, len);

	must(len && len <= WIRE_HOLD_MAX && (peer.wild || bytes_get64(f->body + 24) <= peer.cuts));
	if (!far)
		return;
	must(!far->read_only);
	for (uint64_t i = from; i < from + len / PAGE; i++) {
		unsigned char *s = &far->state[i];

		must(peer.wild || !(*s & ASKED));
		must(peer.wild || !(*s & GIVEN) || *s & (STALE | IN_CUT));
		*s = (unsigned char)((*s & IN_CUT) | ASKED);
	}
}

static void hear_drop(const struct rpc_frame *f)
{
	uint64_t len = bytes_get64(f->body + 16), from = bytes_get64(f->body + 8) / PAGE;
	struct far *far = check_part(f, len);

	must(len && (peer.wild || bytes_get64(f->body + 24) <= peer.cuts));
	for (uint64_t i = from; far && i < from + len / PAGE; i++) {
		must(peer.wild || far->state[i] & GIVEN);
		far->state[i] &= IN_CUT;
	}
}

static void hear_write_back(const struct rpc_frame *f)
{
	uint32_t more = bytes_get32(f->body + 24), len = bytes_get32(f->body + 28);
	uint64_t from = bytes_get64(f->body + 8) / PAGE;
	const struct far *far = check_part(f, len);

	must(f->body_len == 32 + len && more < 2 && (len || !more));
	must(peer.wild || bytes_get64(f->body + 16) <= peer.cuts);
	for (uint64_t i = from; far && i < from + len / PAGE; i++)
		must(peer.wild || !(far->state[i] & ASKED)); /* what the reply brings would be taken back */
}

static void hear_frame(const struct rpc_frame *f)
{
	struct asked *a = &peer.asked[peer.num_asked];

	if (f->head.op == WIRE_HOLD)
		hear_hold(f);
	if (f->head.op == WIRE_DROP)
		hear_drop(f);
	if (f->head.op == WIRE_WRITEBACK)
		hear_write_back(f);
	if (!f->head.id)
		return;
	must(peer.num_asked < ASKED_MAX);
	peer.num_asked++;
	peer.idle = 0;
	*a = (struct asked){ .head = f->head };
	memcpy(a->body, f->body, f->body_len < FIXED ? f->body_len : FIXED);
}

void peer_hear(void)
{
	struct rpc_frame f;
	int rc = 0;

	while (!peer.gone && (rc = rpc_link_read(&peer.link, &f)) == 1)
		hear_frame(&f);
	if (rc < 0)
		hang_up();
}

/* The client waits, for something to come or for room. */
static void pump(void *ctx)
{
	(void)ctx;
	peer_hear();
	if (peer_listens || peer.gone || peer_say())
		return;
	if (peer.num_asked)
		answer(0, 0, 255);
	else if (++peer.idle > IDLE_MAX)
		hang_up();
}

void peer_start(struct transport *near, struct transport *far, const uint8_t *data, size_t len)
{
	memset(&peer, 0, sizeof(peer));
	peer_input = (struct peer_input){ data, len };
	peer_listens = false;
	must(!rpc_link_init(&peer.link, far));
	peer.link.peer_max = WIRE_FRAME_MAX;
	loop_set_pump(near, pump, NULL);
}

void peer_end(void)
{
	hang_up();
}
