/* SPDX-License-Identifier: BSD-3-Clause */
#include "plugins/vfio/listeners.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/sys.h"

#define LIST "/proc/net/unix"
#define ACCEPTS 0x10000u /* __SO_ACCEPTCON of the kernel: listen() was called */
#define PIECE 16384u
#define LINE_MAX_BYTES 256u

static void add(struct listeners *l, uint64_t hash)
{
	uint64_t *grown;

	if (l->num == l->room) {
		grown = reallocarray(l->hashes, l->room * 2 + 64, sizeof(*grown));
		if (!grown)
			return; /* a socket that is not in the list is asked */
		l->hashes = grown;
		l->room = l->room * 2 + 64;
	}
	l->hashes[l->num++] = hash;
}

/* "Num: RefCount Protocol Flags Type St Inode Path"; the numbers but the inode are hexadecimal. sscanf
 * would take longer than all else that an enumeration does with a card that is known. */
void listeners_line(struct listeners *l, const char *line)
{
	const char *at = line, *path = strchr(line, '/');

	for (int field = 0; field < 3 && *at; field++) {
		at += strcspn(at, " ");
		at += strspn(at, " ");
	}
	if (path && at < path && (strtoul(at, NULL, 16) & ACCEPTS))
		add(l, hash_text(HASH_START, path));
}

/* Whole lines of the text; returns the bytes that were used. */
static size_t take_lines(struct listeners *l, char *text)
{
	char *at = text, *end;

	while ((end = strchr(at, '\n'))) {
		*end = 0;
		listeners_line(l, at);
		at = end + 1;
	}
	return (size_t)(at - text);
}

void listeners_read(struct listeners *l)
{
	char text[PIECE + LINE_MAX_BYTES + 1];
	size_t have = 0, used;
	off_t at = 0;
	ssize_t n;
	int fd = sys_open(LIST, O_RDONLY, 0);

	*l = (struct listeners){ 0 };
	while (fd >= 0 && (n = sys_pread(fd, text + have, PIECE, at)) > 0) {
		at += n;
		have += (size_t)n;
		text[have] = 0;
		used = take_lines(l, text);
		have -= used;
		if (have > LINE_MAX_BYTES)
			have = 0; /* no path is so long */
		memmove(text, text + used, have);
	}
	if (fd >= 0)
		sys_close(fd);
}

bool listeners_has(const struct listeners *l, const char *path)
{
	uint64_t h = hash_text(HASH_START, path);

	for (size_t i = 0; i < l->num; i++)
		if (l->hashes[i] == h)
			return true;
	return false;
}

void listeners_done(struct listeners *l)
{
	free(l->hashes);
	*l = (struct listeners){ 0 };
}
