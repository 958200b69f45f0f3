/* SPDX-License-Identifier: BSD-3-Clause */
/* The model's memory and events. */
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tests/unit/check.h"
#include "tests/unit/fake-served.h"

struct fake_buffer {
	struct fake_buffer *next;
	const struct fake_handle *owner;
	bool pinned; /* memory of the caller */
	unsigned char *at;
	uint64_t len, io, wsid;
};

struct fake_event {
	struct fake_event *next;
	int fd;
	const struct fake_handle *handle; /* NULL: not registered */
	fpga_event_type type;
};

#define FAKE_BUFFER_MAX (UINT64_C(4) << 30)

static atomic_uint_fast64_t next_number = 1;

/* ---- memory ---- */

static struct fake_buffer *add_buffer(const struct fake_handle *owner, bool pinned, void *at, uint64_t len,
				      uint64_t io)
{
	struct fake_buffer *b = malloc(sizeof(*b));
	SCOPED_LOCK(&fake.lock);

	*b = (struct fake_buffer){ fake.buffer_list, owner, pinned, at, len, io,
				   atomic_fetch_add(&next_number, 1) };
	fake.buffer_list = b;
	atomic_fetch_add(&fake.buffers, 1);
	atomic_fetch_add(&fake.pinned, len);
	return b;
}

static fpga_result prepare(fpga_handle handle, uint64_t len, void **at, uint64_t *wsid, int flags)
{
	uint64_t whole = (len + FAKE_PAGE - 1) / FAKE_PAGE * FAKE_PAGE;
	struct fake_buffer *b;

	if (!len || len > FAKE_BUFFER_MAX || flags & FPGA_BUF_PREALLOCATED)
		return fake_say(FPGA_INVALID_PARAM, "no such buffer");
	*at = aligned_alloc(FAKE_PAGE, whole);
	if (!*at)
		return fake_say(FPGA_NO_MEMORY, "no memory");
	memset(*at, 0, whole);
	b = add_buffer(handle, false, *at, whole, 0);
	b->io = UINT64_C(0x100000000) * b->wsid;
	*wsid = b->wsid;
	return FPGA_OK;
}

static struct fake_buffer **find_wsid(uint64_t wsid)
{
	struct fake_buffer **at = &fake.buffer_list;

	while (*at && ((*at)->pinned || (*at)->wsid != wsid))
		at = &(*at)->next;
	return at;
}

static void unlink_buffer(struct fake_buffer **at)
{
	struct fake_buffer *b = *at;

	*at = b->next;
	atomic_fetch_sub(&fake.buffers, 1);
	atomic_fetch_sub(&fake.pinned, b->len);
	free(b);
}

/* What the handle pinned, or what is pinned of the memory. */
static void unpin_those(const struct fake_handle *h, const unsigned char *at, uint64_t len)
{
	struct fake_buffer **place = &fake.buffer_list;

	while (*place) {
		const struct fake_buffer *b = *place;

		if (b->pinned && (b->owner == h || (b->at >= at && b->at < at + len)))
			unlink_buffer(place);
		else
			place = &(*place)->next;
	}
}

static fpga_result release(fpga_handle handle, uint64_t wsid)
{
	struct fake_buffer **at;
	unsigned char *memory;
	uint64_t len;
	SCOPED_LOCK(&fake.lock);

	at = find_wsid(wsid);
	if (!*at || (*at)->owner != handle)
		return fake_say(FPGA_INVALID_PARAM, "no such buffer");
	for (uint64_t i = 0; i < (*at)->len; i++)
		if ((*at)->at[i]) {
			fake_log_locked("unclean");
			break;
		}
	memory = (*at)->at;
	len = (*at)->len;
	unlink_buffer(at);
	unpin_those(NULL, memory, len);
	free(memory);
	fake_log_locked("release");
	return FPGA_OK;
}

static fpga_result ws_info(fpga_handle handle, uint64_t wsid, uint64_t *io, void **at, uint64_t *len)
{
	const struct fake_buffer *b;
	SCOPED_LOCK(&fake.lock);

	b = *find_wsid(wsid);
	if (!b || b->owner != handle)
		return fake_say(FPGA_INVALID_PARAM, "no such buffer");
	*io = b->io;
	*at = b->at;
	*len = b->len;
	return FPGA_OK;
}

static fpga_result io_address(fpga_handle handle, uint64_t wsid, uint64_t *io)
{
	uint64_t len;
	void *at;

	return ws_info(handle, wsid, io, &at, &len);
}

static fpga_result pin(fpga_handle handle, void *at, uint64_t len, uint64_t io)
{
	add_buffer(handle, true, at, len, io);
	return FPGA_OK;
}

static fpga_result unpin(fpga_handle handle, void *at, uint64_t len, uint64_t io)
{
	struct fake_buffer **place = &fake.buffer_list, *b;
	SCOPED_LOCK(&fake.lock);

	for (b = *place; b; place = &b->next, b = *place)
		if (b->pinned && b->owner == handle && b->at == at && b->io == io && b->len == len)
			break;
	if (!b)
		return fake_say(FPGA_INVALID_PARAM, "no such memory");
	unlink_buffer(place);
	return FPGA_OK;
}

void fake_memory_unpin_all(const struct fake_handle *h)
{
	SCOPED_LOCK(&fake.lock);

	unpin_those(h, NULL, 0);
}

/* The memory at an io address; with the lock held. */
static unsigned char *memory_at(uint64_t io, size_t len)
{
	for (const struct fake_buffer *b = fake.buffer_list; b; b = b->next)
		if (io >= b->io && len <= b->len && io - b->io <= b->len - len)
			return b->at + (io - b->io);
	return NULL;
}

bool fake_dma_write(uint64_t io, const void *data, size_t len)
{
	const unsigned char *from = data;
	unsigned char *at;
	SCOPED_LOCK(&fake.lock);

	at = memory_at(io, len);
	for (size_t i = 0; at && i < len; i++)
		__atomic_store_n(&at[i], from[i], __ATOMIC_RELAXED);
	return at;
}

bool fake_dma_read(uint64_t io, void *data, size_t len)
{
	unsigned char *to = data;
	const unsigned char *at;
	SCOPED_LOCK(&fake.lock);

	at = memory_at(io, len);
	for (size_t i = 0; at && i < len; i++)
		to[i] = __atomic_load_n(&at[i], __ATOMIC_RELAXED);
	return at;
}

/* ---- events ---- */

static fpga_result create_event(void *instance, fpga_event_handle *event)
{
	struct fake_event *e = calloc(1, sizeof(*e));
	SCOPED_LOCK(&fake.lock);

	assert_ptr_equal(instance, &fake);
	e->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	e->next = fake.event_list;
	fake.event_list = e;
	atomic_fetch_add(&fake.events, 1);
	*event = e;
	return FPGA_OK;
}

static fpga_result destroy_event(fpga_event_handle *event)
{
	struct fake_event **at = &fake.event_list;
	SCOPED_LOCK(&fake.lock);

	while (*at && *at != *event)
		at = &(*at)->next;
	if (!*at)
		return fake_say(FPGA_INVALID_PARAM, "no such event");
	*at = (*at)->next;
	close(((struct fake_event *)*event)->fd);
	free(*event);
	*event = NULL;
	atomic_fetch_sub(&fake.events, 1);
	return FPGA_OK;
}

static fpga_result event_fd(const fpga_event_handle event, int *fd)
{
	*fd = ((const struct fake_event *)event)->fd;
	return FPGA_OK;
}

static fpga_result register_event(fpga_handle handle, fpga_event_type type, fpga_event_handle event,
				  uint32_t flags)
{
	struct fake_event *e = event;
	SCOPED_LOCK(&fake.lock);

	(void)flags;
	if (e->handle)
		return fake_say(FPGA_INVALID_PARAM, "the event is registered already");
	e->handle = handle;
	e->type = type;
	return FPGA_OK;
}

static fpga_result unregister_event(fpga_handle handle, fpga_event_type type, fpga_event_handle event)
{
	struct fake_event *e = event;
	SCOPED_LOCK(&fake.lock);

	if (e->handle != handle || e->type != type)
		return fake_say(FPGA_INVALID_PARAM, "the event is not registered");
	e->handle = NULL;
	return FPGA_OK;
}

void fake_fire(uint32_t card, fpga_event_type type, uint64_t count)
{
	SCOPED_LOCK(&fake.lock);

	for (const struct fake_event *e = fake.event_list; e; e = e->next)
		if (e->handle && e->handle->of.card == card && e->type == type && count)
			eventfd_write(e->fd, count);
}

void fake_memory_fill(opae_api_adapter_table *t)
{
	atomic_store(&next_number, 1);
	t->fpgaPrepareBuffer = prepare;
	t->fpgaReleaseBuffer = release;
	t->fpgaGetIOAddress = io_address;
	t->pin_buffer = pin;
	t->unpin_buffer = unpin;
	t->get_ws_info = ws_info;
	t->create_event = create_event;
	t->fpgaDestroyEventHandle = destroy_event;
	t->fpgaGetOSObjectFromEventHandle = event_fd;
	t->fpgaRegisterEvent = register_event;
	t->fpgaUnregisterEvent = unregister_event;
}
