/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Buffers made and freed. Nothing of a buffer is made known before the far side has its part; and its memory
 * stays until the program releases it, also when the connection is lost.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "base/meminfo.h"
#include "rpc/client/buffers-internal.h"
#include "rpc/client/call.h"
#include "rpc/client/conn.h"
#include "rpc/client/table.h"
#include "rpc/client/tracker.h"

#define PAGE UINT64_C(4096)
#define HUGE_PAGE (UINT64_C(2) << 20)
#define ADDRESS_BITS 47 /* what a process can map on x86-64 */
#define ALL_FLAGS (FPGA_BUF_PREALLOCATED | FPGA_BUF_QUIET | FPGA_BUF_READ_ONLY)
#define PREPARE_READ_ONLY 1u /* of the message */
#define PREPARE_EXPLICIT 2u
#define PREPARE_TRACKED 4u
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22 /* linux/mman.h since 5.14 */
#define MADV_POPULATE_WRITE 23
#endif

/* ---- memory ---- */

static int map(uint64_t len, unsigned char **ret)
{
	void *at;
	int rc = sys_mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0, &at);

	if (rc)
		return rc;
	if (len >= HUGE_PAGE)
		madvise(at, len, MADV_HUGEPAGE); /* what it does not give are small ones */
	*ret = at;
	return 0;
}

/* Kernels before 5.14 do not; then the error is that of a mapping which does not allow it. */
static bool kernel_populates(int advice)
{
	uintptr_t here = (uintptr_t)&advice & ~(uintptr_t)(PAGE - 1);

	return !madvise((void *)here, PAGE, advice);
}

/* Is all of it memory that we may read, and write what the device does? Its pages are there afterwards. */
static bool is_memory(unsigned char *at, uint64_t len, bool read_only)
{
	uintptr_t first = (uintptr_t)at & ~(uintptr_t)(PAGE - 1), end;
	int advice = read_only ? MADV_POPULATE_READ : MADV_POPULATE_WRITE;

	if (__builtin_add_overflow((uintptr_t)at, len, &end) || end > UINTPTR_MAX - PAGE)
		return false;
	end = (end + PAGE - 1) & ~(uintptr_t)(PAGE - 1);
	return !madvise((void *)first, end - first, advice) || (errno == EINVAL && !kernel_populates(advice));
}

void buffer_free(struct client_buffer *buf)
{
	direct_drop(buf);
	if (buf->t.twin)
		sys_munmap(buf->t.twin, buf->t.len);
	if (buf->pages)
		buffer_untrack(buf);
	else if (buf->own && buf->t.memory)
		sys_munmap(buf->t.memory, buf->t.len);
	free(buf);
}

/* The memory and, unless it is tracked, its twin. False: no memory. */
static bool make(struct handle_buffers *b, struct client_buffer *buf, bool explicit, struct tracker *tr)
{
	uint64_t need = explicit || tr ? 0 : buf->asked; /* the twin */

	if (buf->asked >> ADDRESS_BITS)
		return false;
	if (buf->own) {
		buf->t.len = (buf->asked + PAGE - 1) & ~(PAGE - 1);
		need += buf->t.len;
	}
	if (!meminfo_has(need))
		return false;
	if (tr)
		return !buffer_track(b, buf, tr);
	if (buf->own && map(buf->t.len, &buf->t.memory))
		return false;
	if (buf->own)
		buf->at = buf->t.memory;
	return explicit || !map(buf->t.len, &buf->t.twin);
}

/* ---- fpgaPrepareBuffer ---- */

static fpga_result check_arguments(uint64_t len, void **at, int flags)
{
	if (flags & ~ALL_FLAGS)
		return say(FPGA_INVALID_PARAM, "fpgaPrepareBuffer: unknown flags 0x%x",
			   (unsigned int)flags & ~(unsigned int)ALL_FLAGS);
	if (!at)
		return say(FPGA_INVALID_PARAM, "fpgaPrepareBuffer: buf_addr is NULL");
	if (!len)
		return say(FPGA_INVALID_PARAM, "fpgaPrepareBuffer: the length is 0");
	if (!(flags & FPGA_BUF_PREALLOCATED))
		return FPGA_OK;
	if (!*at)
		return say(FPGA_INVALID_PARAM, "fpgaPrepareBuffer: FPGA_BUF_PREALLOCATED, but the address is "
					       "NULL");
	/* We look at it with locks held that who brings such a page needs. */
	if (track_any(*at, len))
		return say(FPGA_INVALID_PARAM,
			   "fpgaPrepareBuffer: the memory lies in a buffer of a remote accelerator whose "
			   "pages are tracked; give other memory, or set \"tracker\": \"eager\" where that "
			   "accelerator's host is configured");
	if (!is_memory(*at, len, flags & FPGA_BUF_READ_ONLY))
		return say(FPGA_INVALID_PARAM,
			   "fpgaPrepareBuffer: not all of the %llu bytes at that address is memory that %s",
			   (unsigned long long)len,
			   flags & FPGA_BUF_READ_ONLY ? "may be read" :
			   "may be written; with FPGA_BUF_READ_ONLY the device only reads");
	return FPGA_OK;
}

static fpga_result tell_far(struct remote_handle *h, struct client_buffer *buf)
{
	struct call c;
	fpga_result r;

	call_begin(&c, h->conn, WIRE_PREPARE, h->id);
	wire_put_u64(&c.body, buf->t.len);
	wire_put_u32(&c.body, (buf->read_only ? PREPARE_READ_ONLY : 0) |
			      (buf->pages ? PREPARE_TRACKED : buf->t.twin ? 0 : PREPARE_EXPLICIT));
	r = call_run(&c);
	if (r == FPGA_OK) {
		buf->wsid = wire_get_u64(&c.reply);
		buf->ioaddr = wire_get_u64(&c.reply);
	}
	return call_end(&c, r);
}

/* Registered before anybody knows of it. */
static fpga_result prepare_far(struct remote_handle *h, struct client_buffer *buf)
{
	fpga_result r = tell_far(h, buf);

	if (r == FPGA_OK)
		direct_prepare(h, buf);
	return r;
}

static fpga_result tell_far_of_release(struct remote_handle *h, uint64_t wsid)
{
	struct call c;

	call_begin(&c, h->conn, WIRE_RELEASE, h->id);
	wire_put_u64(&c.body, wsid);
	return call_end(&c, call_run(&c));
}

/* An id that there is already is the far side's mistake; it is not told to release what the other has. */
static fpga_result enter(struct remote_handle *h, struct client_buffer *buf)
{
	fpga_result r = buffer_add(h->buffers, buf);

	if (r == FPGA_OK)
		return r;
	if (r == FPGA_EXCEPTION)
		return say_host(h->conn, r, "fpgaPrepareBuffer: the server gave a buffer id twice");
	tell_far_of_release(h, buf->wsid);
	return say(r, "fpgaPrepareBuffer: too many buffers");
}

static fpga_result client_prepare(fpga_handle handle, uint64_t len, void **at, uint64_t *wsid, int flags)
{
	struct remote_handle *h = handle;
	struct tracker *tr = NULL;
	struct client_buffer *buf;
	bool explicit;
	fpga_result r = handle_check(h);

	if (r != FPGA_OK || (flags & FPGA_BUF_PREALLOCATED && !(flags & ~ALL_FLAGS) && !len && !at))
		return r; /* FPGA_OK: the question whether it can be done */
	r = check_arguments(len, at, flags);
	if (r != FPGA_OK)
		return r;
	buf = calloc(1, sizeof(*buf));
	if (!buf)
		return say(FPGA_NO_MEMORY, "fpgaPrepareBuffer: no memory");
	*buf = (struct client_buffer){ .asked = len, .own = !(flags & FPGA_BUF_PREALLOCATED),
				       .read_only = flags & FPGA_BUF_READ_ONLY, .t = { .len = len } };
	if (!buf->own)
		buf->at = buf->t.memory = *at;
	explicit = client_config(h->client)->buffers_explicit;
	r = buf->own && !explicit ? client_tracker(h, &tr) : FPGA_OK;
	if (r == FPGA_OK && make(h->buffers, buf, explicit, tr))
		r = prepare_far(h, buf);
	else if (r == FPGA_OK)
		r = say(FPGA_NO_MEMORY, "fpgaPrepareBuffer: there is no memory for %llu bytes",
			(unsigned long long)len);
	if (r == FPGA_OK)
		r = enter(h, buf);
	if (r != FPGA_OK) {
		buffer_free(buf);
		return r;
	}
	*at = buf->at;
	*wsid = buf->wsid;
	return FPGA_OK;
}

/* ---- the others ---- */

/* What it finds is the caller's alone. Those that use it have calls under way, which have deadlines. */
static struct client_buffer *claim(struct handle_buffers *b, uint64_t wsid)
{
	struct client_buffer *buf;
	SCOPED_LOCK(&b->lock);

	buf = buffer_find(b, wsid);
	if (!buf)
		return NULL;
	buf->leaving = true;
	while (buf->users)
		pthread_cond_wait(&b->unused, &b->lock);
	return buf;
}

/* What the device did before is in the program's memory when the far side answers. */
static fpga_result client_release(fpga_handle handle, uint64_t wsid)
{
	struct remote_handle *h = handle;
	struct client_buffer *buf;
	fpga_result r;

	if (!handle_is_ours(h))
		return handle_check(h);
	buf = claim(h->buffers, wsid);
	if (!buf)
		return no_such_buffer(FPGA_INVALID_PARAM, wsid);
	r = handle_check(h);
	if (r == FPGA_OK) {
		buffer_retire(h->buffers, buf);
		direct_release(h, buf);
		r = tell_far_of_release(h, wsid);
	}
	buffer_take_out(h->buffers, buf);
	buffer_free(buf);
	return r;
}

static fpga_result client_get_ws_info(fpga_handle handle, uint64_t wsid, uint64_t *ioaddr, void **at,
				      uint64_t *len)
{
	struct remote_handle *h = handle;
	struct client_buffer *buf;

	if (!handle_is_ours(h))
		return handle_check(h);
	buf = buffer_get(h->buffers, wsid);
	if (!buf)
		return FPGA_NOT_FOUND;
	*ioaddr = buf->ioaddr;
	if (at)
		*at = buf->at;
	if (len)
		*len = buf->asked;
	buffer_put(h->buffers, buf);
	return FPGA_OK;
}

static fpga_result client_get_ioaddress(fpga_handle handle, uint64_t wsid, uint64_t *ioaddr)
{
	return client_get_ws_info(handle, wsid, ioaddr, NULL, NULL);
}

static fpga_result client_bind_sva(fpga_handle handle, uint32_t *pasid)
{
	const struct remote_handle *h = handle;

	(void)pasid;
	return say_host(h->conn, FPGA_NOT_SUPPORTED,
			"fpgaBindSVA: the accelerator is on another machine, and cannot see this process's "
			"memory; use fpgaPrepareBuffer()");
}

void client_fill_buffers(opae_api_adapter_table *t)
{
	t->fpgaPrepareBuffer = client_prepare;
	t->fpgaReleaseBuffer = client_release;
	t->fpgaGetIOAddress = client_get_ioaddress;
	t->fpgaBindSVA = client_bind_sva;
	t->get_ws_info = client_get_ws_info;
	t->pin_buffer = client_pin;
	t->unpin_buffer = client_unpin;
	t->push_buffer = client_push;
	t->pull_buffer = client_pull;
}
