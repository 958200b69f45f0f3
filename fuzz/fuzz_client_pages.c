/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A server that says anything of tracked buffers (pages-peer.h), against a program that has some: all on one
 * thread, with a kernel that is played (model-track.h). Between any two steps the client's tables must agree
 * with each other, with what is shown, and, when nothing is under way, with what the server holds.
 *
 * The pieces of the input that are the program's, by the low half of their first byte:
 *
 *	0	touches a page: buffer u8, page u16, u8: bit 0: it stores
 *	1	many, one behind the other: the same, number u8
 *	2	prepares a buffer: u8: 0 to 7 which length, bit 3: the device only reads it
 *	3	releases one: buffer u8
 *	4	writes a register
 *	5	reads one
 *	6	time passes: what was stored is released by itself
 *	7	push or pull: buffer u8, page u16, u8: bit 0: pull, the others: pages
 *	8	nothing: all that was said is read; u8: from then on the call of that number to the kernel
 *		fails, 0: none
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "fuzz/model-track.h"
#include "fuzz/pages-peer.h"
#include "fuzz/target.h"
#include "rpc/client/conn.h"
#include "rpc/client/host.h"
#include "rpc/client/pages.h"
#include "transport/loop.h"
#include "wire/bytes.h"
#include "wire/ops.h"

#define ROOM (1u << 20)
#define WAIT_NS (20 * NS_PER_MS)
#define REGISTERS 4096u
#define DRAINS 8u /* for as many frames as an input can have */

static struct {
	opae_api_adapter_table t;
	struct remote_handle *h;
	uint64_t wsids[PEER_BUFFERS];
	unsigned int num;
} program;

static void must(bool fine)
{
	if (!fine)
		abort();
}

/* ---- what must hold ---- */

static bool in_window(const struct handle_pages *hp, const struct client_buffer *buf, uint32_t page)
{
	for (uint32_t i = 0; i < hp->num_windows; i++) {
		const struct window *w = &hp->windows[i];

		if (w->buf == buf && page >= w->run.from && page < w->run.end)
			return true;
	}
	return false;
}

static bool is_asked(const struct handle_pages *hp, const struct client_buffer *buf, uint32_t page)
{
	for (unsigned int i = 0; i < HOLDS; i++) {
		const struct hold *h = &hp->holds[i];

		if (h->busy && !h->taken && h->buf == buf && page >= h->run.from && page < h->run.end)
			return true;
	}
	return false;
}

static void check_page(const struct handle_pages *hp, const struct client_buffer *buf, uint32_t page)
{
	const struct pages *p = buf->pages;
	unsigned int s = p->state[page], state = s & PAGE_STATE;

	must(!(s & PAGE_IN_CUT));
	must(!(s & PAGE_OPEN) || state == PAGE_HERE || state == PAGE_READY);
	must(!(s & PAGE_RESTS) || state == PAGE_READY);
	must((state == PAGE_HERE) == model_track_is_shown(p->track, page));
	must(!p->read_only || state == PAGE_ABSENT || state == PAGE_HERE);
	must(p->read_only || (state == PAGE_COMING) == is_asked(hp, buf, page));
	must(p->read_only || state == PAGE_ABSENT || in_window(hp, buf, page));
}

/* The numbers of pages that are not ABSENT, and that are busy. */
static void check_buffer(const struct handle_pages *hp, const struct client_buffer *buf, uint32_t *there,
			 uint32_t *busy)
{
	const struct pages *p = buf->pages;
	uint32_t own = 0, in_chunk = 0;

	for (uint32_t i = 0; i < p->num; i++) {
		bool is = page_state(p, i) == PAGE_HERE || p->state[i] & PAGE_OWED;

		check_page(hp, buf, i);
		own += is;
		in_chunk += is;
		*there += !p->read_only && page_state(p, i) != PAGE_ABSENT;
		if (i % PAGES_CHUNK == PAGES_CHUNK - 1 || i + 1 == p->num) {
			must(p->busy[i / PAGES_CHUNK] == in_chunk);
			in_chunk = 0;
		}
	}
	must(atomic_load(&p->all_busy) == own);
	*busy += own;
}

/* Of a link that is lost nothing is promised but that nobody waits. */
static void check(void)
{
	const struct handle_buffers *b = program.h->buffers;
	uint32_t there = 0, busy = 0;

	if (!b->tracked || conn_lost(program.h->conn))
		return;
	for (uint32_t i = 0; i < b->num; i++)
		if (b->list[i]->pages)
			check_buffer(b->tracked, b->list[i], &there, &busy);
	must(there == atomic_load(&b->tracked->count) && there <= PAGES_HERE_MAX);
	must(busy + b->tracked->in_group == atomic_load(&program.h->conn->busy));
	must(b->tracked->kept.data <= WIRE_CUT_MAX && b->tracked->kept.stale <= PAGES_HERE_MAX);
	must(!b->tracked->drops_used && b->tracked->num_windows <= WINDOWS);
}

/* Nothing is under way: what is watched is held, and nothing else. */
static void check_server(void)
{
	const struct handle_buffers *b = program.h->buffers;

	peer_hear();
	must(!peer_lied() || conn_lost(program.h->conn));
	for (uint32_t i = 0; i < b->num && !conn_lost(program.h->conn); i++) {
		const struct client_buffer *buf = b->list[i];

		for (uint32_t page = 0; buf->pages && !buf->read_only && page < buf->pages->num; page++)
			must(peer_agrees(buf->wsid, page, page_state(buf->pages, page) >= PAGE_READY));
	}
}

/* ---- what the program does ---- */

static struct client_buffer *pick(uint8_t which)
{
	uint64_t wsid = program.num ? program.wsids[which % program.num] : 0;

	return buffer_any(program.h->buffers, wsid);
}

static void touch(const uint8_t *p, uint8_t num)
{
	const struct client_buffer *buf = pick(p[0]);

	for (uint32_t i = 0, page; buf && i < num; i++) {
		page = (bytes_get16(p + 1) + i) % buf->pages->num;
		model_track_touch(buf->pages->track, page, p[3] & 1);
		if (!(i % 16))
			check();
	}
}

static void prepare(uint8_t how)
{
	static const uint32_t lengths[8] = { 1, 3, 17, 64, 200, 513, 700, 1100 }; /* pages */
	void *at = NULL;
	uint64_t wsid;

	if (program.num == PEER_BUFFERS)
		return;
	if (program.t.fpgaPrepareBuffer(program.h, lengths[how & 7] * TRACK_PAGE - how % 5u, &at, &wsid,
					how & 8 ? FPGA_BUF_READ_ONLY : 0) == FPGA_OK)
		program.wsids[program.num++] = wsid;
}

static void release(uint8_t which)
{
	uint64_t *at = program.num ? &program.wsids[which % program.num] : NULL;

	if (!at)
		return;
	program.t.fpgaReleaseBuffer(program.h, *at);
	*at = program.wsids[--program.num];
}

static void move(const uint8_t *p)
{
	const struct client_buffer *buf = pick(p[0]);
	uint64_t offset = (uint64_t)bytes_get16(p + 1) * TRACK_PAGE, len = p[3] / 2u * TRACK_PAGE;

	if (!buf)
		return;
	if (p[3] & 1)
		program.t.pull_buffer(program.h, buf->wsid, offset, len);
	else
		program.t.push_buffer(program.h, buf->wsid, offset, len);
}

/* Of what was said, and no more. */
static void listen(void)
{
	peer_listens = true;
	for (unsigned int i = 0; i < DRAINS; i++)
		conn_drain(program.h->conn);
	peer_listens = false;
	check_server();
}

static bool step_other(uint8_t kind)
{
	uint8_t p[4];
	uint64_t v;

	if (kind == 4)
		program.t.fpgaWriteMMIO64(program.h, 0, 8, 1);
	if (kind == 5)
		program.t.fpgaReadMMIO64(program.h, 0, 8, &v);
	if (kind == 6)
		client_buffers_release_all(program.h->conn);
	if (kind == 7 && peer_take(p, 4))
		move(p);
	if (kind == 8 && peer_take(p, 1)) {
		listen();
		model_track_fails = p[0];
	}
	return true;
}

/* False: there is no more. */
static bool step(void)
{
	uint8_t kind, p[5];

	if (!peer_input.len)
		return false;
	if (peer_say())
		return true;
	peer_take(&kind, 1);
	kind &= 15;
	if (kind > 3)
		return step_other(kind);
	if (!peer_take(p, kind == 0 ? 4 : kind == 1 ? 5 : 1))
		return false;
	if (kind == 0)
		touch(p, 1);
	if (kind == 1)
		touch(p, p[4]);
	if (kind == 2)
		prepare(p[0]);
	if (kind == 3)
		release(p[0]);
	return true;
}

/* ---- its host ---- */

static void vlog(int level, const char *plugin, const char *fmt, va_list ap)
{
	char line[512];

	(void)level;
	(void)plugin;
	vsnprintf(line, sizeof(line), fmt, ap);
}

static void vdetail(const char *fmt, va_list ap)
{
	vlog(0, "", fmt, ap);
}

static const struct opae_host host = { .size = sizeof(host), .vlog = vlog, .vdetail = vdetail };

/* A handle as OPEN would have made it, but without the thread that looks by itself. */
static void open_handle(struct rpc_client *client, struct transport *t)
{
	struct remote_handle *h = calloc(1, sizeof(*h));

	must(h != NULL);
	*h = (struct remote_handle){ .client = client, .host = &client->hosts[0], .id = PEER_HANDLE,
				     .token = 1, .num_regions = 1 };
	h->regions[0] = (struct opaex_mmio_info){ .size = REGISTERS,
						  .flags = OPAEX_MMIO_READ | OPAEX_MMIO_WRITE };
	h->conn = conn_new(h->host, t);
	must(h->conn != NULL);
	h->conn->features = WIRE_FEATURE_TRACKED;
	h->conn->link.peer_max = WIRE_FRAME_MAX;
	h->buffers = client_buffers_new(h);
	must(h->buffers != NULL);
	conn_handle_enter(h->conn, h);
	program.h = h;
}

/* What is left when its buffers are released is read and written by nobody. */
static void close_handle(void)
{
	model_track_fails = 0;
	for (unsigned int i = 0; i < program.num; i++) {
		const struct client_buffer *buf = pick((uint8_t)i);

		for (uint32_t page = 0; buf && page < buf->pages->num; page += 7)
			model_track_touch(buf->pages->track, page, true);
	}
	program.t.fpgaClose(program.h);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct rpc_client_config config = { .plugin = "fuzz",
					    .hosts = calloc(1, sizeof(*config.hosts)),
					    .num_hosts = 1,
					    .spin_ns = WAIT_NS,
					    .timeout_ns = WAIT_NS };
	struct transport *ours, *theirs;
	struct rpc_client *client;

	must(config.hosts != NULL);
	snprintf(config.hosts[0].name, sizeof(config.hosts[0].name), "fuzz");
	must(!rpc_client_new(&host, &config, &client) && !loop_pair(ROOM, &ours, &theirs));
	memset(&program, 0, sizeof(program));
	program.t = (opae_api_adapter_table){ .size = sizeof(program.t), .host = &host };
	rpc_client_fill(&program.t, client);
	model_track_fails = 0;
	peer_start(ours, theirs, data, len);
	open_handle(client, ours);
	while (step())
		check();
	listen();
	check();
	close_handle();
	must(!model_track_left());
	rpc_client_free(client);
	peer_end();
	return 0;
}
