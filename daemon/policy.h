/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The policy: a list of rules, of which the first that is for a principal decides. What it may see is told by
 * patterns, what it may do with that by classes, which are the bits of enum wire_right. No rule: nothing is
 * seen. Pure data; the monitor chooses the rule, and a copy of it judges in the worker.
 */
#ifndef DAEMON_POLICY_H
#define DAEMON_POLICY_H

#include <opae/plugin.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define POLICY_PRINCIPAL_MAX 128 /* with the NUL */
#define POLICY_SEE_MAX 256	 /* patterns of a rule */
#define POLICY_PATTERN_MAX 44	 /* bytes of one, with the NUL: "guid:" and a GUID */
#define POLICY_RULES_MAX 1024

enum policy_see_kind { POLICY_SEE_ALL, POLICY_SEE_ADDRESS, POLICY_SEE_GUID };

/* What a rule shows. Plain data, so that it can be handed to another process as it is. */
struct policy_see {
	uint32_t kind; /* enum policy_see_kind */
	uint16_t segment;
	uint8_t bus, device, function;
	uint8_t any_function; /* "0000:b1:00.*" */
	uint8_t guid[16];
};

/* What a rule may look like that lets somebody use one device, for messages: what is behind its principal. */
#define POLICY_EXAMPLE_SEE "\"see\": [\"0000:b1:00.0\"]"
#define POLICY_EXAMPLE_ALLOW "\"allow\": [\"mmio-read\", \"mmio-write\", \"dma\", \"event\"]"

struct policy_rule {
	char principal[POLICY_PRINCIPAL_MAX]; /* a principal; or a beginning, with '*' behind */
	uint32_t num_see;
	struct policy_see *see;
	uint32_t allow; /* bits of enum wire_right, less SEE */
};

struct policy {
	struct policy_rule *rules;
	size_t num_rules;
};

void policy_done(struct policy *p);
/*
 * The first rule for the principal, or NULL. "vsock:1" (a process of this machine) and "vsock:2" (the host)
 * are meant by rules that name them and by "*" alone, not by a beginning as "vsock:*".
 */
const struct policy_rule *policy_find(const struct policy *p, const char *principal);
/* May the rule be for some principal of this kind: "unix", "tcp", "tls", "vsock"? */
bool policy_rule_for_kind(const struct policy_rule *rule, const char *kind);

/* Is "*" among what it shows? */
bool policy_rule_shows_all(const struct policy_rule *rule);
/* Is a GUID? */
bool policy_rule_shows_guids(const struct policy_rule *rule);
/* One of its own, for who outlives the policy that it is of; false: no memory. */
bool policy_rule_copy(const struct policy_rule *rule, struct policy_rule *ret);
void policy_rule_done(struct policy_rule *rule);

/* "*", "0000:b1:00.0", "b1:00.0", "0000:b1:00.*" or "guid:..."; false: none of these. */
bool policy_see_parse(const char *text, struct policy_see *ret);
/* The one form of it. */
void policy_see_text(const struct policy_see *see, char out[POLICY_PATTERN_MAX]);
/*
 * "*", "unix:UID", "vsock:CID", "tcp:ADDRESS", "tls:NAME", or a beginning of one with '*' behind it, which
 * names its kind: a rule for addresses is for no certificate, and the reverse. NULL when it is good:
 * out, of POLICY_PRINCIPAL_MAX bytes, is the one form of it that peers are told in, or the beginning as it
 * stands. Else what is wrong with it, to stand behind the text itself.
 */
const char *policy_principal_read(const char *text, char *out);
/* Is it a literal IPv4 or IPv6 address, as behind "tcp:"? */
bool policy_address_ok(const char *text);

/* The first pattern that shows it; -1: none does. */
int policy_which_shows(const struct policy_see *see, uint32_t num_see, const struct opae_props *props);
/* Bits of enum wire_right: WIRE_RIGHT_SEE and what is allowed, or 0 when the patterns do not show it. */
uint32_t policy_rights(const struct policy_see *see, uint32_t num_see, uint32_t allow,
		       const struct opae_props *props);

#endif
