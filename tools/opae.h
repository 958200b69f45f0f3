/* SPDX-License-Identifier: BSD-3-Clause */
/* The `opae` tool: one file a command, and what they share. */
#ifndef TOOLS_OPAE_H
#define TOOLS_OPAE_H

#include <json-c/json.h>
#include <opae/ext.h>
#include <opae/fpga.h>
#include <stdbool.h>
#include <stdint.h>
#include <uuid/uuid.h>

/* Version of the JSON that --json prints; grows when a field changes its meaning or goes. */
#define OPAE_JSON_SCHEMA 1

/* Exit codes of every command. */
enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_NOTHING_FOUND = 3 };

struct command {
	const char *name;
	const char *usage; /* after the name */
	const char *help;  /* one line */
	int (*run)(int argc, char *argv[]);
};

/* What a person may name a device by; all that is given must fit. */
struct selector {
	const char *address; /* [ssss:]bb:dd.f */
	const char *guid, *object; /* the object id: 0x... */
	uint64_t object_id;
	int type; /* fpga_objtype, or -1 */
};

/* What a line tells of a token. */
struct token_row {
	uint64_t object_id; /* 0: it has none */
	char address[24], guid[UUID_STR_LEN], name[24]; /* "-": it has none */
	fpga_objtype type;
	const char *state, *interface;
	char host[OPAEX_HOSTNAME_MAX]; /* "": this machine */
	/* Of an accelerator: why its state, or its GUID, is not known; "": it is, or nobody says. */
	char why[128], guid_why[128];
};

void token_row_read(fpga_properties p, struct token_row *row);
const char *type_name(fpga_objtype t);

bool ok(fpga_result r, const char *what); /* prints what failed and why */
/* The same of a device, where another way to it could do what this one does not. */
bool ok_at(fpga_result r, const char *what, const struct token_row *row);
const char *driver_hint(fpga_result r, const struct token_row *row); /* "; ...", or "" */
/* Why the last call failed, without its name, which is for programs that print the reason alone. */
const char *error_reason(void);
void usage_is_of(const char *command); /* whose help a usage error names */
int usage_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Takes one more word that a person names a device by: EXIT_OK, or what usage_error returns. */
int selector_add(struct selector *sel, const char *text);
/* The address in the form ssss:bb:dd.f; false: it is none. */
bool address_normal(const char *text, char *out, size_t len);
/* All matching tokens, by address, a device before its accelerators; the caller frees with tokens_free. */
bool tokens_find(const struct selector *sel, fpga_token **list, uint32_t *n);
void tokens_free(fpga_token *list, uint32_t n);
/* Prints {"schema": 1, key: value}; takes value over. */
int print_json(const char *key, struct json_object *value);
struct json_object *json_u64(uint64_t v);
/* "object_id" as a number, and as text, for readers of JSON whose numbers are doubles. */
void json_add_object_id(struct json_object *o, uint64_t id);
bool parse_u64(const char *text, uint64_t *ret);
/* What people call the AFU with this GUID (lower case); "" when it is not known. */
const char *afu_name(const char *guid);

int cmd_ase(int argc, char *argv[]);
int cmd_list(int argc, char *argv[]);
int cmd_info(int argc, char *argv[]);
int cmd_mmio(int argc, char *argv[]);
int cmd_plugins(int argc, char *argv[]);
int cmd_emu(int argc, char *argv[]);
int cmd_doctor(int argc, char *argv[]);
int cmd_bind(int argc, char *argv[]);
int cmd_release(int argc, char *argv[]);
int cmd_bench(int argc, char *argv[]);
int cmd_errors(int argc, char *argv[]);
int cmd_clock(int argc, char *argv[]);
int cmd_temp(int argc, char *argv[]);
int cmd_power(int argc, char *argv[]);
int cmd_gbs(int argc, char *argv[]);
int cmd_load(int argc, char *argv[]);
int cmd_sessions(int argc, char *argv[]);
int cmd_kick(int argc, char *argv[]);
int cmd_policy(int argc, char *argv[]);
int cmd_cert(int argc, char *argv[]);

#endif
