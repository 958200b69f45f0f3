/* SPDX-License-Identifier: BSD-3-Clause */
/* Shared by the files of the server half alone. */
#ifndef VFIO_USER_SERVER_INTERNAL_H
#define VFIO_USER_SERVER_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "vfio-user/message.h"
#include "vfio-user/server.h"

#define VU_MAX_VECTORS 2048u

/* A message on its way out; the socket may take it in pieces. */
struct vu_outbox {
	unsigned char *buf;
	size_t len, sent, room;
	int fd; /* goes with the first byte and is closed then; -1: none */
};

/* A range of the client's address space. Sorted by address; never overlapping. */
struct vu_dma_range {
	uint64_t iova, size;
	unsigned char *at; /* NULL: reached by messages */
	void *map;         /* what to unmap: page-aligned start, and its length */
	size_t map_len;
	bool can_read, can_write; /* by the device */
	bool lasting; /* mapped, and no page of it can go away */
};

struct vu_dma_table {
	pthread_rwlock_t lock; /* held for reading during every copy: unmap waits for them */
	struct vu_dma_range *ranges;
	size_t num, room;
};

/* One DMA message at a time; its sender waits for the answer. */
struct vu_dma_call {
	pthread_mutex_t turn;   /* held by the sender from start to answer */
	pthread_mutex_t lock;   /* guards the rest; the server thread takes it as well */
	pthread_cond_t changed; /* on the monotonic clock */
	struct vu_outbox out;   /* what the server thread has to send on the main socket */
	uint16_t id, command;
	int cancel;             /* eventfd: ends a wait on the twin; -1: none */
	bool waiting;
	bool stepping; /* the sender is the loop's thread, and steps the server until it has its answer, */
	int64_t deadline; /* for which the client has until then */
	unsigned int overdue; /* answers to messages that nobody waits for any more */
	int result;           /* 1: no answer yet */
	unsigned char *into; /* where the data of a DMA_READ goes */
	size_t len;
};

struct vu_vector {
	int fd; /* -1: none bound */
	bool masked, pending;
};

struct vu_irqs {
	pthread_mutex_t lock; /* guards the vectors */
	struct vu_vector *vectors[VU_NUM_IRQS];
};

/* A read whose author has put its answer off. */
struct vu_later {
	uint64_t ticket;
	struct vu_header head;
	struct vu_access access;
};

struct vu_server {
	struct vu_server_config cfg;
	char path[108];
	int listener;
	int wake; /* eventfd: stop was asked for, or a DMA message waits to be sent */
	atomic_bool stopping;
	pthread_t thread; /* that runs vu_server_run(), or steps */
	atomic_bool running; /* in vu_server_run(), or in a step */
	bool spins;          /* waits actively for the next command */
	bool stepped;        /* by the author's loop */
	bool paused;         /* until the next step */
	unsigned int replies; /* made so far; it may wrap */

	int client; /* -1: none */
	bool greeted;
	int64_t greet_deadline;
	int64_t spin_end; /* the next command is often close behind */
	struct vu_caps peer;
	struct vu_inbox inbox;
	struct vu_outbox reply;
	struct vu_outbox answers; /* to reads that were put off */
	struct vu_later later[VU_SERVER_MAX_LATER];
	unsigned int num_later;
	uint64_t last_ticket;
	atomic_bool attached; /* a client passed VERSION */
	atomic_ullong messages, clients; /* counted for vu_server_counts() */

	int twin; /* our end; -1: none */
	struct vu_inbox twin_inbox;
	struct vu_dma_table dma;
	struct vu_dma_call dma_call;
	struct vu_irqs irqs;
};

/* What a handler may put into the reply to its command. */
struct vu_reply {
	unsigned char *body; /* room for VU_MAX_BODY bytes */
	size_t len;
	int fd; /* to send along and close; -1: none */
};

/* Carries a command out; 0 or the negative errno to answer, or VU_LATER: the answer comes by itself. */
int vu_server_dispatch(struct vu_server *s, struct vu_inbox *in, struct vu_reply *reply);

/* Notes a read and returns its ticket; 0: there are too many. */
uint64_t vu_later_add(struct vu_server *s, const struct vu_header *head, const struct vu_access *a);
void vu_later_forget(struct vu_server *s, uint64_t ticket);

/* The end of the connection. On the server's thread. */
void vu_drop_client(struct vu_server *s);

int vu_outbox_reserve(struct vu_outbox *o, size_t len);
/* Sends what waits, as far as the socket takes it. 1: nothing is left; 0: the socket is full. */
int vu_server_flush(struct vu_server *s);

int vu_dma_table_init(struct vu_dma_table *t);
void vu_dma_table_done(struct vu_dma_table *t);
void vu_dma_clear(struct vu_dma_table *t);
/* Takes fd over (or -1). */
int vu_dma_map_add(struct vu_dma_table *t, const struct vu_dma_map *m, int fd);
int vu_dma_map_remove(struct vu_dma_table *t, uint64_t iova, uint64_t size);

/* What lies at an address of the client; at is NULL for ranges without a mapping. */
struct vu_spot {
	unsigned char *at;
	size_t len;
};
/* -EFAULT: nothing is there, or not with that direction. The table's lock is held. */
int vu_dma_look(const struct vu_dma_table *t, uint64_t iova, size_t len, bool write,
		struct vu_spot *ret);

/* memcpy that answers -EFAULT where a page has gone from under it. */
int vu_copy(void *dst, const void *src, size_t len);
/* The same for any access; it takes no lock and has nothing to clean up. */
int vu_guarded(void (*access)(void *arg), void *arg);
int vu_copy_install(void);

int vu_dma_call_init(struct vu_dma_call *d);
void vu_dma_call_done(struct vu_dma_call *d);
/* One message of at most VU_DMA_CHUNK bytes, from any thread but the server's. */
int vu_dma_message(struct vu_server *s, uint64_t iova, void *data, size_t len, bool write);
/* A reply on the main socket: gives it to the waiting sender. */
int vu_dma_message_answered(struct vu_server *s, struct vu_inbox *in);
void vu_dma_message_abort(struct vu_server *s);

int vu_irqs_init(struct vu_irqs *q, const uint32_t *counts);
void vu_irqs_done(struct vu_irqs *q, const uint32_t *counts);
void vu_irqs_clear(struct vu_irqs *q, const uint32_t *counts);
int vu_server_set_irqs(struct vu_server *s, struct vu_inbox *in);

#endif
