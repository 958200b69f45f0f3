/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/policy.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uuid/uuid.h>

#include "wire/ops.h"

void policy_done(struct policy *p)
{
	for (size_t i = 0; i < p->num_rules; i++)
		policy_rule_done(&p->rules[i]);
	free(p->rules);
	memset(p, 0, sizeof(*p));
}

/* ---- principals ---- */

/* Whoever is on this machine, or is the host of this one: no virtual machine, and no beginning means them. */
static bool is_no_guest(const char *principal)
{
	return !strcmp(principal, "vsock:1") || !strcmp(principal, "vsock:2");
}

static bool is_for(const struct policy_rule *rule, const char *principal)
{
	size_t len = strlen(rule->principal);

	if (len > 1 && rule->principal[len - 1] == '*' && is_no_guest(principal))
		return false;
	if (len && rule->principal[len - 1] == '*')
		return !strncmp(rule->principal, principal, len - 1);
	return !strcmp(rule->principal, principal);
}

const struct policy_rule *policy_find(const struct policy *p, const char *principal)
{
	for (size_t i = 0; i < p->num_rules; i++)
		if (is_for(&p->rules[i], principal))
			return &p->rules[i];
	return NULL;
}

bool policy_rule_for_kind(const struct policy_rule *rule, const char *kind)
{
	size_t len = strlen(kind), fixed = strcspn(rule->principal, "*");

	if (fixed <= len)
		return rule->principal[fixed] == '*' && !strncmp(rule->principal, kind, fixed);
	return !strncmp(rule->principal, kind, len) && rule->principal[len] == ':';
}

/* "unix:01000" is "unix:1000": the kernel's numbers are told without zeros in front. */
static bool read_number(const char *kind, const char *text, char *out)
{
	unsigned long value = strtoul(text, NULL, 10);

	if (!*text || strspn(text, "0123456789") != strlen(text) || value > UINT32_MAX)
		return false;
	snprintf(out, POLICY_PRINCIPAL_MAX, "%s:%lu", kind, value);
	return true;
}

/* "tcp:2001:DB8::1" is "tcp:2001:db8::1": as a peer's address is told. */
static const char *read_address(const char *text, char *out)
{
	char plain[INET6_ADDRSTRLEN];
	struct in6_addr v6;
	struct in_addr v4;

	if (inet_pton(AF_INET, text, &v4) == 1)
		inet_ntop(AF_INET, &v4, plain, sizeof(plain));
	else if (inet_pton(AF_INET6, text, &v6) != 1)
		return "behind tcp: is an IPv4 or IPv6 address, without port and brackets";
	else if (IN6_IS_ADDR_V4MAPPED(&v6))
		return "no peer comes from an IPv4 address in IPv6; name the IPv4 address, as tcp:10.0.0.7";
	else
		inet_ntop(AF_INET6, &v6, plain, sizeof(plain));
	snprintf(out, POLICY_PRINCIPAL_MAX, "tcp:%s", plain);
	return NULL;
}

bool policy_address_ok(const char *text)
{
	unsigned char at[16];

	return inet_pton(AF_INET, text, at) == 1 || inet_pton(AF_INET6, text, at) == 1;
}

/* Of which principals a beginning is to be one: else "t*" would be for an address and a certificate alike. */
static bool begins_with_a_kind(const char *text)
{
	static const char *const kinds[] = { "unix:", "vsock:", "tcp:", "tls:" };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strncmp(text, kinds[i], strlen(kinds[i])))
			return true;
	return false;
}

static const char *read_beginning(const char *text, char *out)
{
	if (strcmp(text, "*") != 0 && !begins_with_a_kind(text))
		return "a beginning says of which kind it is: \"unix:*\", \"vsock:*\", \"tcp:10.0.0.*\", "
		       "\"tls:opae:*\"; \"*\" alone is everybody";
	memcpy(out, text, strlen(text) + 1);
	return NULL;
}

/* Names are compared byte by byte, as the certificate has them. */
static const char *read_name(const char *text, char *out)
{
	if (!*text)
		return "behind tls: is the name that `opae cert show` tells of the client's certificate, as "
		       "tls:opae:alice";
	snprintf(out, POLICY_PRINCIPAL_MAX, "tls:%s", text);
	return NULL;
}

const char *policy_principal_read(const char *text, char *out)
{
	size_t len = strlen(text), star = strcspn(text, "*");

	if (!len || len >= POLICY_PRINCIPAL_MAX)
		return "a principal has 1 to 127 bytes";
	for (const char *c = text; *c; c++)
		if (*c <= ' ' || *c >= 0x7f)
			return "a principal is of printable characters without blanks";
	if (star != len && star != len - 1)
		return "'*' may only be its last character";
	if (star != len)
		return read_beginning(text, out);
	if (!strncmp(text, "unix:", 5))
		return read_number("unix", text + 5, out) ? NULL :
			       "behind unix: is the number that `id -u NAME` prints";
	if (!strncmp(text, "vsock:", 6))
		return read_number("vsock", text + 6, out) ? NULL : "behind vsock: is the number of a CID";
	if (!strncmp(text, "tcp:", 4))
		return read_address(text + 4, out);
	if (!strncmp(text, "tls:", 4))
		return read_name(text + 4, out);
	return "it is \"unix:UID\", \"vsock:CID\", \"tcp:ADDRESS\", \"tls:NAME\", a beginning of one with "
	       "'*' behind, or \"*\"";
}

/* ---- what is seen ---- */

static bool address_parse_see(const char *text, struct policy_see *ret)
{
	unsigned int s = 0, b, d, f = 0;
	size_t len = strlen(text);
	char last;
	int used = 0;

	if (len < 7 || strspn(text, "0123456789abcdefABCDEF:.*") != len)
		return false;
	last = text[len - 1];
	if (sscanf(text, "%4x:%2x:%2x.%n", &s, &b, &d, &used) != 3 || !used) {
		s = 0;
		used = 0;
		if (sscanf(text, "%2x:%2x.%n", &b, &d, &used) != 2 || !used)
			return false;
	}
	if ((size_t)used != len - 1 || d > 31 || (last != '*' && (last < '0' || last > '7')))
		return false;
	if (last != '*')
		f = (unsigned int)(last - '0');
	ret->segment = (uint16_t)s;
	ret->bus = (uint8_t)b;
	ret->device = (uint8_t)d;
	ret->function = (uint8_t)f;
	ret->any_function = last == '*';
	return true;
}

bool policy_see_parse(const char *text, struct policy_see *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (!strcmp(text, "*")) {
		ret->kind = POLICY_SEE_ALL;
		return true;
	}
	if (!strncmp(text, "guid:", 5)) {
		ret->kind = POLICY_SEE_GUID;
		return !uuid_parse(text + 5, ret->guid);
	}
	ret->kind = POLICY_SEE_ADDRESS;
	return address_parse_see(text, ret);
}

static bool rule_has(const struct policy_rule *rule, enum policy_see_kind kind)
{
	for (uint32_t i = 0; i < rule->num_see; i++)
		if (rule->see[i].kind == kind)
			return true;
	return false;
}

bool policy_rule_shows_all(const struct policy_rule *rule)
{
	return rule_has(rule, POLICY_SEE_ALL);
}

bool policy_rule_shows_guids(const struct policy_rule *rule)
{
	return rule_has(rule, POLICY_SEE_GUID);
}

bool policy_rule_copy(const struct policy_rule *rule, struct policy_rule *ret)
{
	struct policy_see *see = calloc(rule->num_see + 1, sizeof(*see));

	if (!see)
		return false;
	if (rule->num_see)
		memcpy(see, rule->see, rule->num_see * sizeof(*see));
	*ret = *rule;
	ret->see = see;
	return true;
}

void policy_rule_done(struct policy_rule *rule)
{
	free(rule->see);
	memset(rule, 0, sizeof(*rule));
}

void policy_see_text(const struct policy_see *see, char out[POLICY_PATTERN_MAX])
{
	char guid[UUID_STR_LEN];

	switch (see->kind) {
	case POLICY_SEE_ALL:
		snprintf(out, POLICY_PATTERN_MAX, "*");
		break;
	case POLICY_SEE_GUID:
		uuid_unparse_lower(see->guid, guid);
		snprintf(out, POLICY_PATTERN_MAX, "guid:%s", guid);
		break;
	default:
		snprintf(out, POLICY_PATTERN_MAX, "%04x:%02x:%02x.%c", see->segment, see->bus, see->device,
			 see->any_function ? '*' : (char)('0' + (see->function & 7)));
		break;
	}
}

static bool shows(const struct policy_see *see, const struct opae_props *p)
{
	const uint32_t place = OPAE_PROP_SEGMENT | OPAE_PROP_BUS | OPAE_PROP_DEVICE | OPAE_PROP_FUNCTION;

	if (see->kind == POLICY_SEE_ALL)
		return true;
	if (see->kind == POLICY_SEE_GUID)
		return (p->valid & OPAE_PROP_GUID) && !memcmp(p->guid, see->guid, sizeof(see->guid));
	return see->kind == POLICY_SEE_ADDRESS && (p->valid & place) == place &&
	       p->segment == see->segment && p->bus == see->bus && p->device == see->device &&
	       (see->any_function || p->function == see->function);
}

int policy_which_shows(const struct policy_see *see, uint32_t num_see, const struct opae_props *props)
{
	for (uint32_t i = 0; i < num_see; i++)
		if (shows(&see[i], props))
			return (int)i;
	return -1;
}

uint32_t policy_rights(const struct policy_see *see, uint32_t num_see, uint32_t allow,
		       const struct opae_props *props)
{
	if (policy_which_shows(see, num_see, props) < 0)
		return 0;
	return WIRE_RIGHT_SEE | (allow & WIRE_RIGHTS_ALL);
}
