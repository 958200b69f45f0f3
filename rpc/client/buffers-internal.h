/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The inside of a handle's buffers: buffers.c has the list and what travels by itself, prepare.c the calls
 * that make and free, bulk.c explicit push and pull.
 *
 * release_lock: one thread at a time looks for what the program changed, and sends it, so that who finds
 * nothing left to send knows that it has been sent. lock, taken inside it: the list, the twins, and what
 * stands in a buffer below; never held while something is sent, for who reads the connection takes it. The
 * list changes under both.
 */
#ifndef RPC_CLIENT_BUFFERS_INTERNAL_H
#define RPC_CLIENT_BUFFERS_INTERNAL_H

#include "rpc/client/buffers.h"
#include "rpc/twin.h"

/* A part that is being pulled: the twin has, or will have, what the program shall get. */
struct pulled {
	size_t from, to;
	struct pulled *next;
};

struct pages;
struct handle_pages;
struct tracker;

struct client_buffer {
	uint64_t wsid; /* the far side's, and the program's */
	uint64_t ioaddr;
	void *at;	     /* the program's address */
	struct twin t;	     /* the library's; twin NULL: explicit, or tracked */
	struct pages *pages; /* tracked: pages.h */
	struct direct_buffer direct; /* changes under both locks */
	uint64_t asked; /* the length that the program asked for */
	bool own;	/* our memory, not the program's */
	bool read_only; /* the device does not write */
	bool leaving;	/* is being released: no new users */
	unsigned int users;
	struct pulled *pulls;
};

struct handle_buffers {
	struct remote_handle *h;
	atomic_uint refs; /* the handle's, and those of children that use its buffers */
	pthread_mutex_t release_lock;
	pthread_mutex_t lock;
	pthread_cond_t unused;	     /* a buffer has no users any more */
	struct client_buffer **list; /* by wsid */
	uint32_t num, room;
	atomic_uint travelling;	      /* how many have twins, and how many of an owner's this device has */
	struct handle_buffers *owner; /* counted */
	uint32_t owned;
	unsigned char *out; /* release_lock: NEWS_ROOM bytes, from the first twin or tracked buffer on */
	struct handle_pages *tracked; /* pages.h; from the first tracked buffer on */
};

/* lock held: NULL: there is none, or it is being released. */
struct client_buffer *buffer_find(const struct handle_buffers *b, uint64_t wsid);
/* The same for who uses it without the lock; buffer_put() follows. Sets the reason of FPGA_NOT_FOUND. */
struct client_buffer *buffer_get(struct handle_buffers *b, uint64_t wsid);
void buffer_put(struct handle_buffers *b, struct client_buffer *buf);
fpga_result no_such_buffer(fpga_result r, uint64_t wsid);
/*
 * FPGA_OK; FPGA_NO_MEMORY; FPGA_EXCEPTION: there is one of this id, perhaps being released. Sets no reason.
 */
fpga_result buffer_add(struct handle_buffers *b, struct client_buffer *buf);
/* Nobody finds it any more, and nothing comes in for it. */
void buffer_take_out(struct handle_buffers *b, struct client_buffer *buf);
void buffer_free(struct client_buffer *buf); /* and the memory, where it is ours */

/* The same, also when it is being released; with lock. */
struct client_buffer *buffer_any(const struct handle_buffers *b, uint64_t wsid);

/* pages.c. Tracked memory of t.len bytes for a new buffer. 0 or a negative errno; freed in any case. */
int buffer_track(struct handle_buffers *b, struct client_buffer *buf, struct tracker *tr);
void buffer_untrack(struct client_buffer *buf); /* waits for a touch that is being served */
/* With both locks, as it enters the list and leaves it. */
int buffer_enter_tracked(struct handle_buffers *b);
void buffer_leave_tracked(struct handle_buffers *b, struct client_buffer *buf);
/* It is leaving, and the far side is told so next: nothing that is said of it follows. */
void buffer_retire(struct handle_buffers *b, struct client_buffer *buf);
/*
 * With release_lock: what was written of [from, end) is to be replaced and is not sent, but for pages that
 * are only in part there, which are sent now. 0, or the connection is lost.
 */
int buffer_forget_written(struct handle_buffers *b, struct client_buffer *buf, uint64_t from, uint64_t end);
void buffers_tracked_free(struct handle_buffers *b);

/* bulk.c */
fpga_result client_push(fpga_handle handle, uint64_t wsid, uint64_t offset, uint64_t len);
fpga_result client_pull(fpga_handle handle, uint64_t wsid, uint64_t offset, uint64_t len);
/* share.c: a buffer of another handle for this one. */
fpga_result client_pin(fpga_handle handle, void *buf, uint64_t len, uint64_t ioaddr);
fpga_result client_unpin(fpga_handle handle, void *buf, uint64_t len, uint64_t ioaddr);
void client_disown(struct handle_buffers *b);
void client_buffers_put(struct handle_buffers *b); /* NULL is fine */

#endif
