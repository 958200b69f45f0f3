/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The index of opae cert: what was issued. A line is
 *
 *	SERIAL UNTIL STATE SINCE NAME SANS
 *
 * with one blank between two; times are of UTC; the names are DNS:, IP: and URI:, with commas between.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "cert.h"

#define INDEX "index"
#define FIELDS 6
#define TIME_FORMAT "%Y-%m-%dT%H:%M:%SZ"
#define HEAD "# serial, until, state, since, name, names in the certificate\n"

static const char *const state_names[] = { "valid", "replaced", "revoked" };

const char *cert_state_name(enum cert_state s)
{
	return state_names[s];
}

void cert_time_text(time_t t, char out[CERT_TIME_MAX])
{
	struct tm tm;

	if (!gmtime_r(&t, &tm) || !strftime(out, CERT_TIME_MAX, TIME_FORMAT, &tm))
		snprintf(out, CERT_TIME_MAX, "?");
}

static bool read_time(const char *text, time_t *ret)
{
	struct tm tm = { 0 };
	const char *end = strptime(text, TIME_FORMAT, &tm);

	if (!end || *end)
		return false;
	*ret = timegm(&tm);
	return true;
}

static bool read_state(const char *text, enum cert_state *ret)
{
	for (size_t i = 0; i < sizeof(state_names) / sizeof(state_names[0]); i++)
		if (!strcmp(text, state_names[i])) {
			*ret = (enum cert_state)i;
			return true;
		}
	return false;
}

static bool is_serial(const char *text)
{
	size_t len = strlen(text);

	return len && len <= 40 && strspn(text, "0123456789ABCDEF") == len;
}

/* Cuts the line, which the entry takes over. */
static bool read_line(char *line, struct cert_entry *e)
{
	char *field[FIELDS], *rest = line;

	for (size_t i = 0; i < FIELDS; i++) {
		field[i] = strsep(&rest, " ");
		if (!field[i] || !*field[i])
			return false;
	}
	e->line = line;
	e->serial = field[0];
	e->name = field[4];
	e->sans = field[5];
	return !rest && is_serial(field[0]) && read_time(field[1], &e->until) &&
	       read_state(field[2], &e->state) && read_time(field[3], &e->since);
}

/* Takes the line over. */
static bool add_line(struct cert_index *index, char *line)
{
	struct cert_entry e = { 0 };
	struct cert_entry *more;

	if (!line || !read_line(line, &e)) {
		free(line);
		return false;
	}
	more = reallocarray(index->entries, index->num + 1, sizeof(*more));
	if (!more) {
		free(line);
		return false;
	}
	index->entries = more;
	index->entries[index->num++] = e;
	return true;
}

bool cert_index_read(const struct cert_folder *f, struct cert_index *ret)
{
	CLEANUP_FREE char *text = NULL;
	char *rest, *line;
	size_t len, number = 0;

	memset(ret, 0, sizeof(*ret));
	if (!cert_file_read(f, INDEX, &text, &len))
		return false;
	if (strlen(text) != len || *text != '#' || text[len - 1] != '\n')
		return cert_refuse("%s/" INDEX ": it is not whole; put back what it was, from a copy",
				   f->path);
	rest = text;
	while ((line = strsep(&rest, "\n"))) {
		number++;
		if ((!*line && !rest) || *line == '#')
			continue;
		if (!add_line(ret, strdup(line))) {
			cert_index_done(ret);
			return cert_refuse("%s/" INDEX ": line %zu is none of opae cert's; put back what it "
					   "was, from a copy", f->path, number);
		}
	}
	return true;
}

bool cert_index_write(const struct cert_folder *f, const struct cert_index *index)
{
	CLEANUP_FREE char *text = NULL;
	char until[CERT_TIME_MAX], since[CERT_TIME_MAX];
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return cert_refuse("there is no memory left");
	fputs(HEAD, out);
	for (size_t i = 0; i < index->num; i++) {
		const struct cert_entry *e = &index->entries[i];

		cert_time_text(e->until, until);
		cert_time_text(e->since, since);
		fprintf(out, "%s %s %s %s %s %s\n", e->serial, until, cert_state_name(e->state), since,
			e->name, e->sans);
	}
	if (fclose(out))
		return cert_refuse("there is no memory left");
	return cert_file_write(f, INDEX, 0600, text, len);
}

bool cert_index_add(struct cert_index *index, const char *serial, time_t until, const char *name,
		    const char *sans)
{
	char until_text[CERT_TIME_MAX], now[CERT_TIME_MAX], *line;

	cert_time_text(until, until_text);
	cert_time_text(time(NULL), now);
	if (asprintf(&line, "%s %s %s %s %s %s", serial, until_text, cert_state_name(CERT_VALID), now, name,
		     sans) < 0)
		line = NULL;
	return add_line(index, line) || cert_refuse("there is no memory left");
}

struct cert_entry *cert_index_find(const struct cert_index *index, const char *serial)
{
	for (size_t i = 0; i < index->num; i++)
		if (!strcasecmp(index->entries[i].serial, serial))
			return &index->entries[i];
	return NULL;
}

void cert_index_done(struct cert_index *index)
{
	for (size_t i = 0; i < index->num; i++)
		free(index->entries[i].line);
	free(index->entries);
	memset(index, 0, sizeof(*index));
}
