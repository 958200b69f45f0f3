/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The model of the host, shared by its files alone. One thread does everything: the clock, the vfio-user
 * server and the control socket. The server's callbacks therefore run between two cycles, or, for memory
 * that is reached by messages on a single socket, inside host_read(), host_write() and host_mmio_done() (it
 * carries out the writes before the answer): they only note what is to be done.
 */
#ifndef SIM_HOST_HOST_INTERNAL_H
#define SIM_HOST_HOST_INTERNAL_H

#include <limits.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>

#include "sim/host/due.h"
#include "sim/host/host-port.h"
#include "sim/host/settings.h"
#include "vfio-user/config-space.h"
#include "vfio-user/server.h"

#define HOST_RESET_CYCLES 64u
#define HOST_MMIO_TIMEOUT 65536u /* cycles */
#define HOST_MMIO_CROWD 512u	 /* accesses that wait: the client's next commands wait, too */
#define HOST_MMIO_MOST 0x10000u	 /* more are refused */
#define HOST_MSIX_BAR 4u
#define HOST_MSIX_BYTES 0x1000u
#define HOST_RULES 128u
#define LOG_LINES 100000u /* of a rule in a log; what it is broken more often is only counted */

/* ---- register accesses (mmio.c) ---- */

/* One read of the client's; the pieces that the AFU sees fill it. */
struct mmio_gather {
	uint64_t ticket; /* of the server; 0: free */
	unsigned char *buf;
	uint32_t offset, len, left; /* left: bytes that are still to come */
	bool failed;
};

struct mmio_entry {
	bool write;
	uint32_t address, bytes, gather;
	uint8_t data[HOST_LINE];
};

struct mmio_tag {
	bool busy;
	bool given_up; /* its answer may still come, and is no other's */
	uint32_t address, bytes, gather;
	uint64_t deadline;
};

struct mmio {
	struct mmio_entry *ring;
	uint32_t room, head, num; /* room: a power of two */
	uint64_t next_cycle;      /* the gap ends then */
	struct mmio_tag tags[HOST_MMIO_TAGS];
	uint32_t outstanding;
	uint32_t next_tag;
	struct mmio_gather gathers[VU_SERVER_MAX_LATER];
};

/* ---- memory (memory-read.c, memory-atomic.c, memory-write.c) ---- */

/* Apart from what is told of them, so that each lies in one line of the processor's cache as well. */
struct host_line {
	alignas(HOST_LINE) uint8_t data[HOST_LINE];
};

struct read_piece {
	uint64_t cookie, iova;
	uint32_t request, index, bytes;
	bool queued, done, error; /* done: carried out, its line is what was read */
	bool atomic;
};

/* Slots that are free, as a stack of their numbers. */
struct free_list {
	uint32_t *slots;
	uint32_t num;
};

struct reads {
	struct due due; /* pieces */
	uint32_t *left; /* of each request: its pieces that are not taken yet */
	struct read_piece *pieces;
	struct host_line *lines; /* of the pieces */
	struct host_atomic *atomics; /* of those that are one */
	struct free_list free_requests, free_pieces;
	uint32_t room;
	uint64_t last_due;
};

struct write_slot {
	enum host_write_kind kind;
	uint64_t cookie, iova, enables;
	uint32_t bytes, vector, channel;
	bool ordered, queued, done, error;
	const void *from; /* the data: where the AFU has them, or when they must be kept, its line */
};

struct writes {
	struct due due;
	struct write_slot *slots;
	struct host_line *lines; /* of the slots */
	struct free_list free;
	uint32_t room;
	uint32_t pending_ordered; /* writes and interrupts that are neither carried out nor queued */
	uint64_t last_due;
	uint64_t last_on[HOST_CHANNELS]; /* the same of a channel alone */
	uint64_t floor[HOST_CHANNELS];	 /* of its last fence; what comes after it is due later */
};

/* ---- what waits for the client (memory-queue.c) ---- */

/* A line at most, or the bytes of it that are enabled. at: how far it has come. */
struct memory_access {
	uint64_t iova, enables;
	uint8_t *data;
	uint32_t bytes, at;
	bool write, in_progress, failed;
};

struct memory_item {
	bool write;
	uint32_t slot;
};

struct memory_queue {
	struct memory_item *ring;
	uint32_t room, head, num;
	struct memory_access now; /* of the first item, when it has begun */
	bool begun;
};

/* ---- logs (log.c) ---- */

struct rule_count {
	char name[32];
	uint64_t errors, warnings;
};

struct logs {
	FILE *transactions, *workspaces, *problems, *memory;
	struct rule_count rules[HOST_RULES];
	unsigned int num_rules;
	uint64_t errors, warnings;
};

struct control;

struct host {
	struct host_port port; /* first: a port is a host */
	const struct sim_model *model;
	struct settings set;
	int folder; /* holds it; -1: another simulation does */
	struct logs log;
	uint64_t random;
	uint64_t next_event; /* the next cycle in which the port's fields may change */
	uint64_t last_active;

	struct vu_server *server;
	unsigned int answer_ms; /* see struct vu_server_config */
	struct vu_config_space config;
	uint8_t msix[HOST_MSIX_BYTES];
	uint64_t sessions, ended_sessions; /* clients; of those that did more than look, who have left */
	bool in_use;			   /* the client that is there drives the device */
	bool had_memory;		   /* he has mapped some */
	bool stopped; /* the client has turned bus mastering off again: what the AFU asks for is no error */
	bool reset_asked;
	uint64_t reset_end;
	struct mmio mmio;
	struct reads reads;
	struct writes writes;
	struct memory_queue queue;
	bool by_messages; /* some of the client's memory is reached by them */
	struct vu_window readable, writable; /* where the last accesses were; size 0: nowhere */

	uint64_t credit_end;   /* lockstep: the clock may run until then */
	uint64_t step_end;     /* the control socket asked for cycles until then */
	bool ending;	       /* the loop ends after this cycle */
	const char *why_ending;
	bool running;	       /* for the status: the clock is not stopped */
	bool told_stop;	       /* that the clock stands still while a program has the device */
	bool answered;	       /* the client was, since the core was offered */
	int64_t look_ns;       /* time to his next look */
	struct control *control;
	int script; /* pidfd of ASE_SCRIPT; -1: none */
	pid_t script_pid;
	atomic_bool stop; /* by a signal */

	bool wave_open, wave_done; /* done: the window of the command line has passed */
	char wave_path[PATH_MAX];
};

static inline struct host *host_of(struct host_port *p)
{
	return (struct host *)(void *)p;
}

/* Makes the port's fields be looked at in that cycle at the latest. */
static inline void host_event_at(struct host *h, uint64_t cycle)
{
	if (cycle < h->next_event)
		h->next_event = cycle;
}

/* host.c */
int host_init(struct host *h, const struct sim_model *model, const struct settings *set);
void host_done(struct host *h);
/* One cycle: the port's fields, then the model's tick. */
void host_cycle(struct host *h);
void host_end(struct host *h, const char *why);
/* From now on the AFU is in reset, and what it had asked for is forgotten. */
void host_ask_reset(struct host *h);
/* Nothing is under way that the AFU or the client waits for. */
bool host_quiet(const struct host *h);
uint64_t host_random(struct host *h, uint64_t below);

/*
 * While the client waits for a register and so gives no answer, more is taken than else: the register's
 * value may come behind it on the AFU's stream. That is also how many there is room for, and then some.
 */
static inline uint32_t host_most_lines(uint64_t outstanding)
{
	return outstanding < HOST_LINES / 4 ? HOST_LINES : (uint32_t)outstanding * 4;
}

static inline bool host_is_full(const struct host *h, const struct due *d)
{
	uint64_t most = h->set.outstanding;

	return d->num >= (h->queue.now.in_progress ? host_most_lines(most) : most);
}

/* memory.c: the client's memory. False: not reachable; data are ones then. Both log it. */
bool host_memory_read(struct host *h, uint64_t iova, void *buf, uint32_t bytes);
bool host_memory_write(struct host *h, uint64_t iova, const void *buf, uint32_t bytes, uint64_t enables);
/* What the client has mapped, or the device's right to reach it, has changed. */
void host_memory_changed(struct host *h);
int host_may_reach(const struct host *h);
/* Logs why, and is false. */
bool host_memory_failed(struct host *h, bool write, uint64_t iova, uint32_t bytes, int rc);

/* A whole line in the window, or NULL. */
static inline unsigned char *host_line_in(const struct vu_window *w, uint64_t iova)
{
	uint64_t offset = iova - w->iova;

	return offset < w->size && w->size - offset >= HOST_LINE ? w->at + offset : NULL;
}

/* Nearly all accesses are of whole lines, near the last ones. */
static inline bool host_line_read(struct host *h, uint64_t iova, void *buf, uint32_t bytes)
{
	const unsigned char *at = host_line_in(&h->readable, iova);

	if (!at || bytes != HOST_LINE)
		return host_memory_read(h, iova, buf, bytes);
	memcpy(buf, at, HOST_LINE);
	return true;
}

static inline bool host_line_write(struct host *h, uint64_t iova, const void *buf, uint32_t bytes,
				   uint64_t enables)
{
	unsigned char *at = host_line_in(&h->writable, iova);

	if (!at || bytes != HOST_LINE || enables != UINT64_MAX)
		return host_memory_write(h, iova, buf, bytes, enables);
	memcpy(at, buf, HOST_LINE);
	return true;
}

/* NULL: no memory. */
struct host_line *host_lines_new(uint32_t num);

/* memory-queue.c */
int queue_init(struct memory_queue *q, uint32_t room);
void queue_done(struct memory_queue *q);
/* Whether an access is to wait for its turn there. */
bool queue_needed(const struct host *h, uint64_t iova, uint32_t bytes);
void queue_add(struct host *h, bool write, uint32_t slot);
void queue_go_on(struct host *h);
void queue_reset(struct host *h);

/* Stacks of free slots. */
int free_list_init(struct free_list *f, uint32_t num);
static inline uint32_t free_list_take(struct free_list *f)
{
	return f->slots[--f->num];
}
static inline void free_list_give(struct free_list *f, uint32_t slot)
{
	f->slots[f->num++] = slot;
}

int reads_init(struct reads *r, uint64_t outstanding);
void reads_done(struct reads *r);
void reads_reset(struct reads *r, uint64_t cycle);
/* Whether the one that is due first is carried out; makes sure that it will be. */
bool read_ready(struct host *h);
struct memory_access read_access(struct host *h, uint32_t slot);
/* Whether the access was a part of it alone: then it is what comes next. */
bool read_goes_on(struct host *h, uint32_t slot, struct memory_access *now);
void read_carried_out(struct host *h, uint32_t slot, bool failed);
/* a: NULL, or the operation that this read of a word is. False: as host_read() is. */
bool read_accept(struct host *h, const struct host_read *r, const struct host_atomic *a);
/* Does it if it can be done at once; the access that is left: none, or its read. */
struct memory_access atomic_begin(struct host *h, const struct host_atomic *a, uint8_t *line);
/* After its read: makes it the write of the new value. False: nothing is left. */
bool atomic_goes_on(struct host_atomic *a, struct memory_access *now);
int writes_init(struct writes *w, uint64_t outstanding);
void writes_done(struct writes *w);
void writes_reset(struct writes *w, uint64_t cycle);
bool write_ready(struct host *h);
/* Nothing to be moved for fences and interrupts: their turn has come. */
struct memory_access write_access(struct host *h, uint32_t slot);
void write_carried_out(struct host *h, uint32_t slot, bool failed);
/* Carries out all up to the last ordered one: the answer to a register read pushes posted writes. */
void writes_push(struct host *h);

int mmio_init(struct mmio *m);
void mmio_done(struct mmio *m);
/* From the server: an access of the client's, to be split into what a bus would make of it. */
int mmio_client_read(struct host *h, uint32_t offset, uint32_t len, uint64_t ticket);
int mmio_client_write(struct host *h, uint32_t offset, const void *buf, uint32_t len);
/* Reads that wait are answered with ones, writes are dropped. The client is there: answer it. */
void mmio_reset(struct host *h);
/* Sets mmio_ready and looks for answers that are overdue; the next cycle to look again. */
uint64_t mmio_look(struct host *h);

/* device.c */
int device_new(struct host *h);

/* log.c */
int log_open(struct host *h);
void log_close(struct host *h);
void log_say(const struct host *h, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void log_write(struct host *h, const char *what, uint64_t address, uint32_t bytes, uint64_t id,
	       const void *data);
/* Register accesses, interrupts, fences and resets. */
static inline void log_event(struct host *h, const char *what, uint64_t address, uint32_t bytes, uint64_t id,
			     const void *data)
{
	if (h->set.log >= LOG_MMIO)
		log_write(h, what, address, bytes, id, data);
}
/* Lines of memory: there are many. */
static inline void log_memory(struct host *h, const char *what, uint64_t address, uint32_t bytes, uint64_t id,
			      const void *data)
{
	if (h->set.log >= LOG_ALL)
		log_write(h, what, address, bytes, id, data);
}
void log_workspace(struct host *h, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void log_fault(struct host *h, bool write, uint64_t iova, uint32_t bytes, const char *why);
/* What was counted, for people, at the end. */
void log_summary(const struct host *h);

/* wave.c */
/* 0, -EOPNOTSUPP without traces, or why the path cannot be written. */
int wave_possible(const struct sim_model *model, const char *path);
const char *wave_why(int rc);
int wave_begin(struct host *h, const char *path);
void wave_end(struct host *h);

/* run.c: serves until the end. 0 or a negative errno. */
int host_run(struct host *h);
const char *host_run_name(const struct host *h);

#endif
