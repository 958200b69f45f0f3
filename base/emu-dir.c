/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/emu-dir.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/sys.h"

#define FIRST_SEGMENT 0x8000u /* no machine has so many */
#define SEGMENTS 0x4000u
#define NAMED 0x2000u /* the upper half is for names without a number */

bool emu_dir_path(char *out, size_t len)
{
	const char *dir = secure_getenv("OPAEX_EMU_DIR"), *run = secure_getenv("XDG_RUNTIME_DIR");
	int n;

	if (dir && *dir)
		n = snprintf(out, len, "%s", dir);
	else if (run && *run)
		n = snprintf(out, len, "%s/opae/emu", run);
	else
		n = snprintf(out, len, "/tmp/opae-%u/emu", geteuid());
	return n > 0 && (size_t)n < len;
}

bool emu_dir_trusted(const char *dir)
{
	char parent[PATH_MAX];
	struct stat st;
	int n = snprintf(parent, sizeof(parent), "%s/..", dir);

	if (n < 0 || (size_t)n >= sizeof(parent) || sys_lstat(dir, &st) || !S_ISDIR(st.st_mode) ||
	    st.st_uid != geteuid() || (st.st_mode & 022))
		return false;
	return !sys_lstat(parent, &st) && (!st.st_uid || st.st_uid == geteuid()) &&
	       (!(st.st_mode & 022) || (st.st_mode & S_ISVTX));
}

static bool taken(const struct emu_card *list, size_t n, unsigned int segment)
{
	for (size_t i = 0; i < n; i++)
		if (list[i].segment == FIRST_SEGMENT + segment)
			return true;
	return false;
}

/* Where the number begins that the name ends in, before its last dot; NULL: there is none. */
static const char *number_in(const char *file)
{
	const char *end = strrchr(file, '.'), *at = end;

	while (at > file && at[-1] >= '0' && at[-1] <= '9')
		at--;
	return at < end ? at : NULL;
}

/* FNV-1a. It decides addresses that scripts hold on to: it must not change. */
static unsigned int hash_of(const char *file)
{
	uint32_t h = 0x811c9dc5;

	for (const char *end = strrchr(file, '.'); file < end; file++)
		h = (h ^ (unsigned char)*file) * 0x01000193u;
	return h;
}

static uint16_t choose_segment(const struct emu_card *list, size_t n, const char *file)
{
	const char *digits = number_in(file);
	unsigned int segment = digits ? (unsigned int)(strtoul(digits, NULL, 10) % SEGMENTS) :
					NAMED + hash_of(file) % (SEGMENTS - NAMED);

	while (taken(list, n, segment))
		segment = (segment + 1) % SEGMENTS;
	return (uint16_t)(FIRST_SEGMENT + segment);
}

/* Those with numbers first, so that a name's hash never takes a number's place. */
static void give_segments(struct emu_card *list, size_t n)
{
	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < n; i++) {
			const char *file = strrchr(list[i].path, '/') + 1;
			bool second = !number_in(file);

			if (second == pass)
				list[i].segment = choose_segment(list, n, file);
		}
}

static bool is_socket(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot && dot != name && !strcmp(dot, ".sock");
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct emu_card *)a)->path, ((const struct emu_card *)b)->path);
}

int emu_dir_list(const char *dir, struct emu_card **ret, size_t *n)
{
	CLEANUP_FREE char *names = NULL;
	struct emu_card *list;
	size_t found = 1, used = 0;
	int rc = sys_list(dir, &names);

	if (rc)
		return rc;
	for (const char *at = names; *at; at += strlen(at) + 1)
		found++;
	list = calloc(found, sizeof(*list));
	if (!list)
		return -ENOMEM;
	for (const char *at = names; *at && used < SEGMENTS; at += strlen(at) + 1)
		if (is_socket(at) && snprintf(list[used].path, sizeof(list[used].path), "%s/%s", dir, at) <
					     (int)sizeof(list[used].path))
			used++;
	qsort(list, used, sizeof(*list), by_name);
	give_segments(list, used);
	*ret = list;
	*n = used;
	return 0;
}
