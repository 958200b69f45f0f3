/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/card-memory.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/program.h"

/* Maps a file of the process if it is a memfd; m->at is NULL otherwise. */
static void map_file(struct card_memory *m, int dir, const char *name)
{
	char to[256] = "";
	struct stat st;
	int fd;

	*m = (struct card_memory){ 0 };
	if (readlinkat(dir, name, to, sizeof(to) - 1) < 0 || strncmp(to, "/memfd:", 7))
		return;
	fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (!fstat(fd, &st) && st.st_size > 0) {
		m->len = (size_t)st.st_size;
		m->at = mmap(NULL, m->len, PROT_READ, MAP_SHARED, fd, 0);
		if (m->at == MAP_FAILED)
			m->at = NULL;
	}
	close(fd);
}

static const volatile uint64_t *find_mark(const struct card_memory *m, uint64_t mark)
{
	const volatile uint64_t *words = m->at;

	for (size_t i = 0; words && i < m->len / sizeof(*words); i++)
		if (words[i] == mark)
			return &words[i];
	return NULL;
}

const volatile uint64_t *card_memory_find(struct card_memory *m, pid_t card, uint64_t mark)
{
	const volatile uint64_t *found = NULL;
	struct dirent *e;
	char path[40];
	DIR *fds;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)card);
	fds = opendir(path);
	while (fds && !found && (e = readdir(fds))) {
		map_file(m, dirfd(fds), e->d_name);
		found = find_mark(m, mark);
		if (!found)
			card_memory_free(m);
	}
	if (fds)
		closedir(fds);
	if (!found)
		bench_fail("the registers of the card cannot be seen in %s", path);
	return found;
}

void card_memory_free(struct card_memory *m)
{
	if (m->at)
		munmap(m->at, m->len);
	m->at = NULL;
}
