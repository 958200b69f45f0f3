/* SPDX-License-Identifier: BSD-3-Clause */
/* The logs, under the names that OPAE's own simulation gives them, and what is counted. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "sim/host/folder.h"
#include "sim/host/host-internal.h"

#define SHOWN 10u /* of each rule, on the terminal; the file has LOG_LINES */

static void cannot_write(const struct host *h, const char *name)
{
	fprintf(stderr, "%s: %s/%s: %s; --workdir gives another folder\n", h->model->name, h->set.workdir,
		name, strerror(errno));
}

/* A log is made anew at each start. */
static FILE *create(struct host *h, const char *name)
{
	char path[sizeof(h->set.workdir) + 64];
	FILE *f;

	folder_path(&h->set, name, path, sizeof(path));
	f = fopen(path, "we");
	if (!f)
		cannot_write(h, name);
	return f;
}

static int write_seed(struct host *h)
{
	static const char name[] = "ase_seed.txt";
	FILE *f = create(h, name);

	if (!f)
		return -EIO;
	fprintf(f, "%" PRIu64 "\n", h->set.seed);
	if (!fclose(f))
		return 0;
	cannot_write(h, name);
	return -EIO;
}

int log_open(struct host *h)
{
	struct logs *l = &h->log;

	l->transactions = create(h, h->model->tlp ? "log_ase_events.tsv" : "ccip_transactions.tsv");
	l->workspaces = l->transactions ? create(h, "workspace_info.log") : NULL;
	l->problems = l->workspaces ? create(h, "ccip_warning_and_errors.txt") : NULL;
	l->memory = l->problems ? create(h, "ase_memory_error.log") : NULL;
	if (!l->memory || write_seed(h))
		return -EIO;
	setvbuf(l->problems, NULL, _IOLBF, 0);
	setvbuf(l->workspaces, NULL, _IOLBF, 0);
	setvbuf(l->memory, NULL, _IOLBF, 0);
	fprintf(l->transactions, "cycle\twhat\taddress\tbytes\tid\tdata\n");
	return 0;
}

void log_close(struct host *h)
{
	FILE *all[] = { h->log.transactions, h->log.workspaces, h->log.problems, h->log.memory };
	bool lost = false;

	for (unsigned int i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i]) {
			lost |= ferror(all[i]) != 0;
			lost |= fclose(all[i]) != 0;
		}
	if (lost)
		fprintf(stderr, "%s: %s: the logs are not whole, for they could not be written\n",
			h->model->name, h->set.workdir);
	h->log.transactions = h->log.workspaces = h->log.problems = h->log.memory = NULL;
}

void log_say(const struct host *h, const char *fmt, ...)
{
	va_list args;

	if (h->set.quiet)
		return;
	printf("[SIM]  ");
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
}

void log_write(struct host *h, const char *what, uint64_t address, uint32_t bytes, uint64_t id,
	       const void *data)
{
	const uint8_t *at = data;
	char hex[2 * HOST_LINE + 1] = "";
	static const char digits[] = "0123456789abcdef";

	for (uint32_t i = 0; data && i < bytes; i++) { /* the highest byte first, as a number is written */
		hex[2 * i] = digits[at[bytes - 1 - i] >> 4];
		hex[2 * i + 1] = digits[at[bytes - 1 - i] & 15];
	}
	if (data)
		hex[2 * bytes] = 0;
	fprintf(h->log.transactions, "%" PRIu64 "\t%s\t0x%" PRIx64 "\t%" PRIu32 "\t0x%" PRIx64 "\t%s\n",
		h->port.cycle, what, address, bytes, id, hex);
}

void log_workspace(struct host *h, const char *fmt, ...)
{
	va_list args;

	fprintf(h->log.workspaces, "%" PRIu64 "\t", h->port.cycle);
	va_start(args, fmt);
	vfprintf(h->log.workspaces, fmt, args);
	va_end(args);
	fprintf(h->log.workspaces, "\n");
}

/* ---- rules ---- */

/* More rules than there is room for are counted together. */
static struct rule_count *rule(struct logs *l, const char *name)
{
	struct rule_count *r;

	for (unsigned int i = 0; i < l->num_rules; i++)
		if (!strcmp(l->rules[i].name, name))
			return &l->rules[i];
	if (l->num_rules == HOST_RULES)
		return &l->rules[HOST_RULES - 1];
	r = &l->rules[l->num_rules++];
	snprintf(r->name, sizeof(r->name), "%s", name);
	return r;
}

/* A line of a log, if there is room for one more of its rule; `kind` says of what the line is. */
static void log_line(struct host *h, FILE *f, uint64_t count, const char *kind, const char *text)
{
	if (count <= LOG_LINES)
		fprintf(f, "%" PRIu64 "\t%s%s\n", h->port.cycle, kind, text);
	if (count == LOG_LINES)
		fprintf(f, "%" PRIu64 "\t%sthere were %u; more are only counted\n", h->port.cycle, kind,
			LOG_LINES);
}

static void report(struct host *h, bool error, const char *name, const char *fmt, va_list args)
{
	struct rule_count *r = rule(&h->log, name);
	uint64_t count = error ? ++r->errors : ++r->warnings;
	const char *kind = error ? "error" : "warning";
	char text[512], what[64];

	if (error)
		h->log.errors++;
	else
		h->log.warnings++;
	vsnprintf(text, sizeof(text), fmt, args);
	snprintf(what, sizeof(what), "%s\t%s\t", kind, name);
	log_line(h, h->log.problems, count, what, text);
	if (count <= SHOWN)
		fprintf(stderr, "[SIM]  cycle %" PRIu64 ": %s: %s: %s%s\n", h->port.cycle, kind, name,
			text, count == SHOWN ? " (more only in ccip_warning_and_errors.txt)" : "");
	if (error && h->set.strict_rules)
		host_end(h, "a rule was broken, and --strict was given");
}

void host_error(struct host_port *p, const char *name, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	report(host_of(p), true, name, fmt, args);
	va_end(args);
}

void host_warning(struct host_port *p, const char *name, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	report(host_of(p), false, name, fmt, args);
	va_end(args);
}

void log_fault(struct host *h, bool write, uint64_t iova, uint32_t bytes, const char *why)
{
	const char *name = write ? "memory-write" : "memory-read";
	char text[160];

	snprintf(text, sizeof(text), "of %" PRIu32 " bytes at 0x%" PRIx64 ": %s", bytes, iova, why);
	host_error(&h->port, name, "%s %s", write ? "write" : "read", text);
	log_line(h, h->log.memory, rule(&h->log, name)->errors, write ? "write " : "read ", text);
}

void log_summary(const struct host *h)
{
	const struct logs *l = &h->log;

	log_say(h, "%" PRIu64 " cycles, %" PRIu64 " clients, %" PRIu64 " errors, %" PRIu64 " warnings",
		h->port.cycle, h->sessions, l->errors, l->warnings);
	for (unsigned int i = 0; i < l->num_rules; i++)
		fprintf(stderr, "[SIM]  %s: %" PRIu64 " errors, %" PRIu64 " warnings\n", l->rules[i].name,
			l->rules[i].errors, l->rules[i].warnings);
}
