/* SPDX-License-Identifier: BSD-3-Clause */
#include "plugins/vfio/inventory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/inventory-dir.h"
#include "plugins/vfio/inventory-file.h"
#include "plugins/vfio/listeners.h"

#define ENTRIES_MAX 4096u
#define WRITER_NS (100 * NS_PER_MS) /* longest wait for another process that writes */
#define HOLDER_NS NS_PER_S	    /* longest search for the process that holds a device */
#define WRITER_BYTE INT64_C(0x7ffffffffffffff0)

struct entry {
	uint64_t hash;
	struct inventory_record r; /* facts as they were read; r.known false: none */
	struct shared_facts *facts;
	bool dirty; /* newer than the file's */
};

struct inventory {
	pthread_mutex_t lock; /* guards all */
	struct entry *entries;
	size_t num, room;
	char dir[INVENTORY_DIR_MAX]; /* "": none, or not looked for yet */
	bool looked_for_dir;
	bool alone; /* constant: no other process has these devices */
	struct listeners listeners; /* as of the last refresh */
	struct inventory_version version; /* of the file as last read */
	/* What this process looks at, as its threads exclude each other; and all that a guest has. */
	struct taken {
		off_t byte;
		int fd; /* that keeps the lock; -1: `holders` does */
	} *taken;
	size_t num_taken, room_taken;
	int holders;			  /* descriptor that has the locks; -1: none */
	pid_t holders_pid;		  /* a child of fork needs its own */
};

static uint64_t hash_of(const char *path)
{
	return hash_text(HASH_START, path);
}

struct inventory *inventory_new(void)
{
	struct inventory *inv = calloc(1, sizeof(*inv));

	if (!inv)
		return NULL;
	inv->holders = -1;
	pthread_mutex_init(&inv->lock, NULL);
	return inv;
}

struct inventory *inventory_new_private(void)
{
	struct inventory *inv = inventory_new();

	if (inv)
		inv->alone = inv->looked_for_dir = true;
	return inv;
}

void inventory_free(struct inventory *inv)
{
	if (!inv)
		return;
	for (size_t i = 0; i < inv->num; i++)
		facts_unref(inv->entries[i].facts);
	free(inv->entries);
	listeners_done(&inv->listeners);
	for (size_t i = 0; i < inv->num_taken; i++)
		if (inv->taken[i].fd >= 0)
			sys_close(inv->taken[i].fd);
	free(inv->taken);
	if (inv->holders >= 0)
		sys_close(inv->holders);
	pthread_mutex_destroy(&inv->lock);
	free(inv);
}

/* ---- entries; lock held ---- */

static bool identify(const struct inventory *inv, const char *path, struct inventory_identity *now)
{
	*now = (struct inventory_identity){ 0 };
	return inv->alone || inventory_identify(path, now);
}

static struct entry *find(struct inventory *inv, const char *path)
{
	uint64_t h = hash_of(path);

	for (size_t i = 0; i < inv->num; i++)
		if (inv->entries[i].hash == h && !strcmp(inv->entries[i].r.path, path))
			return &inv->entries[i];
	return NULL;
}

static struct entry *find_or_add(struct inventory *inv, const char *path)
{
	struct entry *e = find(inv, path), *grown;

	if (e || inv->num == ENTRIES_MAX || strlen(path) >= sizeof(e->r.path))
		return e;
	if (inv->num == inv->room) {
		grown = reallocarray(inv->entries, inv->room * 2 + 16, sizeof(*grown));
		if (!grown)
			return NULL;
		inv->entries = grown;
		inv->room = inv->room * 2 + 16;
	}
	e = &inv->entries[inv->num++];
	memset(e, 0, sizeof(*e));
	e->hash = hash_of(path);
	memcpy(e->r.path, path, strlen(path) + 1);
	return e;
}

static const char *directory(struct inventory *inv)
{
	if (!inv->looked_for_dir && !inventory_dir_make(inv->dir, sizeof(inv->dir)))
		*inv->dir = 0;
	inv->looked_for_dir = true;
	return *inv->dir ? inv->dir : NULL;
}

static void take_record(const struct inventory_record *r, void *ctx)
{
	struct inventory *inv = ctx;
	struct entry *e = find_or_add(inv, r->path);
	struct shared_facts *facts;

	if (!e || e->dirty || !memcmp(&e->r, r, sizeof(*r)))
		return;
	facts = r->known ? facts_share(&r->facts) : NULL;
	facts_unref(e->facts);
	e->facts = facts;
	e->r = *r;
}

void inventory_refresh(struct inventory *inv)
{
	SCOPED_LOCK(&inv->lock);

	if (directory(inv))
		inventory_file_read(inv->dir, &inv->version, take_record, inv);
	listeners_done(&inv->listeners);
	if (inv->num)
		listeners_read(&inv->listeners);
}

struct shared_facts *inventory_find(struct inventory *inv, const char *path)
{
	struct inventory_identity now;
	struct entry *e;
	SCOPED_LOCK(&inv->lock);

	e = find(inv, path);
	if (!e || !e->facts || !identify(inv, path, &now) ||
	    memcmp(&now, &e->r.identity, sizeof(now)) ||
	    (e->r.listed && !listeners_has(&inv->listeners, path)))
		return NULL;
	return facts_ref(e->facts);
}

/* Lock held. Of a card that began after the list was read the list is read again. */
static bool is_listed(struct inventory *inv, const char *path)
{
	if (*path != '/')
		return false; /* no socket */
	if (listeners_has(&inv->listeners, path))
		return true;
	listeners_done(&inv->listeners);
	listeners_read(&inv->listeners);
	return listeners_has(&inv->listeners, path);
}

void inventory_put(struct inventory *inv, const char *path, struct shared_facts *facts)
{
	struct inventory_identity now;
	struct entry *e;
	bool listed;
	SCOPED_LOCK(&inv->lock);

	if (!identify(inv, path, &now))
		return;
	listed = is_listed(inv, path);
	e = find_or_add(inv, path);
	if (!e || (e->facts && !e->r.foreign && !e->r.listed == !listed &&
		   !memcmp(&now, &e->r.identity, sizeof(now)) &&
		   !memcmp(&e->r.facts, &facts->f, sizeof(facts->f))))
		return;
	facts_unref(e->facts);
	e->facts = facts_ref(facts);
	e->r.facts = facts->f;
	e->r.identity = now;
	e->r.known = 1;
	e->r.listed = listed;
	e->r.foreign = 0;
	e->dirty = !sys_is_guest();
}

void inventory_mark_foreign(struct inventory *inv, const char *path)
{
	struct entry *e;
	SCOPED_LOCK(&inv->lock);

	e = find_or_add(inv, path);
	if (!e || e->r.foreign)
		return;
	e->r.foreign = 1;
	e->dirty = !sys_is_guest();
}

bool inventory_is_foreign(struct inventory *inv, const char *path)
{
	const struct entry *e;
	SCOPED_LOCK(&inv->lock);

	e = find(inv, path);
	return e && e->r.foreign;
}

/* ---- locks ---- */

/* Lock held. A descriptor of this process on the holders' file; -1: there is no directory. */
static int holders(struct inventory *inv)
{
	pid_t me = getpid();

	if (inv->holders >= 0 && inv->holders_pid == me)
		return inv->holders;
	if (inv->holders >= 0)
		sys_close(inv->holders); /* the parent's, whose locks stay: it has it open as well */
	inv->holders = directory(inv) ? inventory_open_holders(inv->dir) : -1;
	inv->holders_pid = me;
	return inv->holders;
}

static int range_lock(int fd, int command, short type, off_t at, struct flock *ret)
{
	*ret = (struct flock){ .l_type = type, .l_whence = SEEK_SET, .l_start = at, .l_len = 1 };
	return fcntl(fd, command, ret) ? -errno : 0;
}

/* Lock held. Index + 1 among what this process has; 0: it is not there. */
static size_t find_taken(const struct inventory *inv, off_t byte)
{
	for (size_t i = 0; i < inv->num_taken; i++)
		if (inv->taken[i].byte == byte)
			return i + 1;
	return 0;
}

static int add_taken(struct inventory *inv, off_t byte, int fd)
{
	if (inv->num_taken == inv->room_taken) {
		size_t room = inv->room_taken * 2 + 16;
		struct taken *grown = reallocarray(inv->taken, room, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		inv->taken = grown;
		inv->room_taken = room;
	}
	inv->taken[inv->num_taken++] = (struct taken){ byte, fd };
	return 0;
}

/* Not with the lock: whoever is asked may have to find something out first. */
static int borrow(struct inventory *inv, const char *path, enum inventory_lock which)
{
	off_t byte = inventory_lock_byte(path, which);
	CLEANUP_CLOSE int fd = -1;
	size_t mine;
	int rc;

	pthread_mutex_lock(&inv->lock);
	mine = find_taken(inv, byte);
	pthread_mutex_unlock(&inv->lock);
	if (mine)
		return which == INVENTORY_LOOK ? -EBUSY : 0;
	fd = sys_lock_device(path, (int)which);
	if (fd < 0)
		return fd == -ENOLCK ? 0 : fd;
	SCOPED_LOCK(&inv->lock);
	rc = add_taken(inv, byte, fd);
	if (!rc)
		fd_steal(&fd);
	return rc;
}

int inventory_lock(struct inventory *inv, const char *path, enum inventory_lock which)
{
	off_t byte = inventory_lock_byte(path, which);
	struct flock l;
	int fd, rc;

	if (sys_is_guest())
		return borrow(inv, path, which);
	SCOPED_LOCK(&inv->lock);
	if (which == INVENTORY_LOOK && find_taken(inv, byte))
		return -EBUSY;
	fd = holders(inv);
	rc = fd < 0 ? 0 : range_lock(fd, F_OFD_SETLK, F_WRLCK, byte, &l);
	if (rc == -EAGAIN || rc == -EACCES)
		return -EBUSY;
	if (which == INVENTORY_LOOK)
		add_taken(inv, byte, -1); /* without memory threads may meet, and wait a little */
	return 0;
}

void inventory_unlock(struct inventory *inv, const char *path, enum inventory_lock which)
{
	off_t byte = inventory_lock_byte(path, which);
	struct flock l;
	size_t at;
	int fd = -1;
	SCOPED_LOCK(&inv->lock);

	at = find_taken(inv, byte);
	if (at) {
		fd = inv->taken[at - 1].fd;
		inv->taken[at - 1] = inv->taken[--inv->num_taken];
	}
	if (fd >= 0)
		sys_close(fd);
	fd = sys_is_guest() ? -1 : holders(inv);
	if (fd >= 0)
		range_lock(fd, F_OFD_SETLK, F_UNLCK, byte, &l);
}

bool inventory_has_locks(struct inventory *inv)
{
	SCOPED_LOCK(&inv->lock);

	return holders(inv) >= 0;
}

bool inventory_locked(struct inventory *inv, const char *path, enum inventory_lock which)
{
	off_t byte = inventory_lock_byte(path, which);
	struct flock l;
	int fd;
	SCOPED_LOCK(&inv->lock);

	fd = find_taken(inv, byte) ? -1 : holders(inv);
	return fd >= 0 && !range_lock(fd, F_OFD_GETLK, F_WRLCK, byte, &l) && l.l_type != F_UNLCK;
}

bool inventory_holder(struct inventory *inv, const char *path, char name[PROCESS_NAME_MAX])
{
	char dir[INVENTORY_DIR_MAX] = "";

	pthread_mutex_lock(&inv->lock);
	if (holders(inv) >= 0)
		memcpy(dir, inv->dir, sizeof(dir));
	pthread_mutex_unlock(&inv->lock); /* the search takes its time */
	return *dir && !sys_device_holder(dir, path, clock_deadline(HOLDER_NS), name, PROCESS_NAME_MAX);
}

/* ---- the file ---- */

static bool any_dirty(const struct inventory *inv)
{
	for (size_t i = 0; i < inv->num; i++)
		if (inv->entries[i].dirty)
			return true;
	return false;
}

/* One writer at a time, or a change of another would be lost. */
static bool become_writer(int fd)
{
	int64_t end = clock_deadline(WRITER_NS);
	struct flock l;

	while (range_lock(fd, F_OFD_SETLK, F_WRLCK, WRITER_BYTE, &l)) {
		if (clock_now_ns() >= end)
			return false;
		clock_sleep_ns(NS_PER_MS);
	}
	return true;
}

/* What has gone is not written again. */
static bool still_there(const struct entry *e)
{
	struct inventory_identity now;

	return inventory_identify(e->r.path, &now);
}

static void write_all(struct inventory *inv)
{
	const struct inventory_record **list = calloc(inv->num + 1, sizeof(*list));
	size_t n = 0;

	for (size_t i = 0; list && i < inv->num; i++)
		if (still_there(&inv->entries[i]))
			list[n++] = &inv->entries[i].r;
	if (list && !inventory_file_write(inv->dir, list, n, &inv->version))
		for (size_t i = 0; i < inv->num; i++)
			inv->entries[i].dirty = false;
	free(list);
}

void inventory_save(struct inventory *inv)
{
	struct flock l;
	int fd;
	SCOPED_LOCK(&inv->lock);

	fd = holders(inv);
	if (fd < 0 || !any_dirty(inv) || !become_writer(fd)) /* nothing of a guest's is dirty */
		return;
	inventory_file_read(inv->dir, &inv->version, take_record, inv);
	write_all(inv);
	range_lock(fd, F_OFD_SETLK, F_UNLCK, WRITER_BYTE, &l);
}
