/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/sandbox/attacker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static long run_in(const struct attack *list, const char *name, const char *arg, int *found)
{
	for (; list->name; list++)
		if (!strcmp(list->name, name)) {
			*found = 1;
			return list->run(arg);
		}
	return 0;
}

static long run(const char *name, const char *arg)
{
	int found = 0;
	long rc = run_in(attacks, name, arg, &found);

	if (!found)
		rc = run_in(attacks_on_files, name, arg, &found);
	if (!found)
		rc = run_in(attacks_by_messages, name, arg, &found);
	if (!strcmp(name, "ask"))
		return ask_as_told(arg);
	if (!strcmp(name, "again"))
		return ask_again_and_again(arg);
	if (!strcmp(name, "abuse"))
		return abuse(arg);
	if (!strcmp(name, "flood"))
		return ask_flood(arg);
	if (!found) {
		fprintf(stderr, "there is no attack \"%s\"\n", name);
		_exit(2);
	}
	return rc;
}

static int read_line(int fd, char *line, size_t room)
{
	size_t n = 0;

	while (n < room - 1 && read(fd, line + n, 1) == 1)
		if (line[n++] == '\n') {
			line[n - 1] = 0;
			return 0;
		}
	return -1;
}

static int put_result(char *out, size_t room, long rc)
{
	return snprintf(out, room, "%s %ld\n", rc < 0 ? "refused" : "done", rc < 0 ? -rc : rc);
}

void attacker_obey(int fd)
{
	char line[2048], answer[64];

	while (!read_line(fd, line, sizeof(line))) {
		char *arg = strchr(line, ' ');
		int n;

		if (arg)
			*arg++ = 0;
		n = put_result(answer, sizeof(answer), run(line, arg ? arg : ""));
		if (write(fd, answer, (size_t)n) != n)
			return;
	}
}

void attacker_show(const char *name, const char *arg)
{
	char answer[64];

	put_result(answer, sizeof(answer), run(name, arg));
	fputs(answer, stdout);
}
