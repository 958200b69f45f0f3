/* SPDX-License-Identifier: BSD-3-Clause */
/* opae sessions, opae kick: who uses this machine's accelerators through opaed, and ending one of them. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "daemon-client.h"
#include "opae.h"
#include "wire/utf8.h"

struct row {
	uint32_t id, handles;
	char principal[128], peer[128], program[128];
	uint64_t seconds, frames, pinned;
};

static void read_row(struct wire_reader *r, struct row *row)
{
	row->id = wire_get_u32(r);
	wire_get_string(r, row->principal, sizeof(row->principal));
	wire_get_string(r, row->peer, sizeof(row->peer));
	wire_get_string(r, row->program, sizeof(row->program));
	row->seconds = wire_get_u64(r);
	row->frames = wire_get_u64(r);
	row->handles = wire_get_u32(r);
	row->pinned = wire_get_u64(r);
}

static struct json_object *row_json(const struct row *row)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "id", json_u64(row->id));
	json_object_object_add(o, "principal", json_object_new_string(row->principal));
	json_object_object_add(o, "peer", json_object_new_string(row->peer));
	json_object_object_add(o, "program", json_object_new_string(row->program));
	json_object_object_add(o, "seconds", json_u64(row->seconds));
	json_object_object_add(o, "frames", json_u64(row->frames));
	json_object_object_add(o, "handles", json_u64(row->handles));
	json_object_object_add(o, "buffer_bytes", json_u64(row->pinned));
	return o;
}

struct unit {
	uint64_t from, size; /* for values from there on, so many */
	const char *name;
};

static const struct unit times[] = { { 0, 1, "s" }, { 120, 60, "min" }, { 7200, 3600, "h" },
				     { 172800, 86400, "d" } };
static const struct unit sizes[] = { { 0, 1 << 10, "KiB" }, { 10 << 20, 1 << 20, "MiB" },
				     { UINT64_C(10) << 30, 1 << 30, "GiB" } };

#define IN_UNIT_MAX 32

/* Whole ones of the largest unit that the value is for. */
static void in_unit(uint64_t value, const struct unit *units, size_t n, char out[IN_UNIT_MAX])
{
	while (n > 1 && value < units[n - 1].from)
		n--;
	snprintf(out, IN_UNIT_MAX, "%" PRIu64 " %s", value / units[n - 1].size, units[n - 1].name);
}

/* What a peer calls itself must not steer the terminal. */
static void print_row(const struct row *row)
{
	char principal[160], peer[160], program[160], since[IN_UNIT_MAX], buffers[IN_UNIT_MAX];

	utf8_escape(row->principal, principal, sizeof(principal));
	utf8_escape(row->peer, peer, sizeof(peer));
	utf8_escape(row->program, program, sizeof(program));
	in_unit(row->seconds, times, sizeof(times) / sizeof(times[0]), since);
	in_unit(row->pinned, sizes, sizeof(sizes) / sizeof(sizes[0]), buffers);
	printf("%-5u %-16s %-21s %7s %9" PRIu64 " %4u %9s  %s\n", row->id, principal, peer, since,
	       row->frames, row->handles, buffers, program);
}

static void print_head(void)
{
	printf("%-5s %-16s %-21s %7s %9s %4s %9s  %s\n", "ID", "PRINCIPAL", "PEER", "TIME", "REQUESTS",
	       "OPEN", "BUFFERS", "PROGRAM");
}

struct table {
	struct json_object *array; /* NULL: for people */
	bool begun;
};

static void take_rows(void *ctx, struct wire_reader *reply)
{
	struct table *t = ctx;
	struct row row;

	if (!t->begun && !t->array)
		print_head();
	t->begun = true;
	while (wire_more(reply)) {
		read_row(reply, &row);
		if (reply->bad)
			return;
		if (t->array)
			json_object_array_add(t->array, row_json(&row));
		else
			print_row(&row);
	}
}

/* The arguments of both: --to ADDRESS, --json where it is known, and a word where one is wanted. */
struct wanted {
	const char *to, *word;
	bool json;
};

static int read_arguments(int argc, char *argv[], bool json_known, struct wanted *w)
{
	memset(w, 0, sizeof(*w));
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--to") && i + 1 == argc)
			return usage_error("--to needs an address");
		if (!strcmp(argv[i], "--to"))
			w->to = argv[++i];
		else if (json_known && !strcmp(argv[i], "--json"))
			w->json = true;
		else if (argv[i][0] == '-')
			return usage_error("%s has no option '%s'", argv[0], argv[i]);
		else if (json_known || w->word)
			return usage_error("%s has no argument '%s'", argv[0], argv[i]);
		else
			w->word = argv[i];
	}
	return EXIT_OK;
}

int cmd_sessions(int argc, char *argv[])
{
	struct daemon_client c;
	struct table table = { 0 };
	struct wanted w;
	fpga_result r;
	int rc = read_arguments(argc, argv, true, &w);

	if (rc != EXIT_OK)
		return rc;
	rc = daemon_connect(&c, w.to);
	if (rc != EXIT_OK)
		return rc;
	table.array = w.json ? json_object_new_array() : NULL;
	r = daemon_call(&c, WIRE_SESSIONS, NULL, take_rows, &table);
	daemon_leave(&c);
	if (r == FPGA_OK)
		return w.json ? print_json("sessions", table.array) : EXIT_OK;
	json_object_put(table.array);
	return EXIT_FAILED;
}

int cmd_kick(int argc, char *argv[])
{
	unsigned char room[8];
	struct wire_writer body;
	struct daemon_client c;
	struct wanted w;
	fpga_result r;
	uint64_t id;
	int rc = read_arguments(argc, argv, false, &w);

	if (rc != EXIT_OK)
		return rc;
	if (!w.word)
		return usage_error("kick needs the ID of a session, as `opae sessions` shows it");
	if (!parse_u64(w.word, &id) || !id || id > UINT32_MAX)
		return usage_error("'%s' is no ID of a session", w.word);
	rc = daemon_connect(&c, w.to);
	if (rc != EXIT_OK)
		return rc;
	wire_writer_init(&body, room, sizeof(room), wire_op_info(WIRE_KICK)->request);
	wire_put_u32(&body, (uint32_t)id);
	r = daemon_call(&c, WIRE_KICK, &body, NULL, NULL);
	daemon_leave(&c);
	if (r == FPGA_OK)
		printf("session %u is ended\n", (uint32_t)id);
	return r == FPGA_OK ? EXIT_OK : r == FPGA_NOT_FOUND ? EXIT_NOTHING_FOUND : EXIT_FAILED;
}
