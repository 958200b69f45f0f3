/* SPDX-License-Identifier: BSD-3-Clause */
/* Addresses as text. A tcp host is not looked at here beyond its form: who connects looks it up. */
#include "transport/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/vm_sockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int refuse(const char **why, const char *text)
{
	*why = text;
	return -EINVAL;
}

/* A whole decimal number, and nothing beside it. */
static bool number(const char *text, uint32_t max, uint32_t *ret)
{
	uint64_t v = 0;

	if (!*text)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		v = v * 10 + (uint64_t)(*text - '0');
		if (v > max)
			return false;
	}
	*ret = (uint32_t)v;
	return true;
}

static int parse_unix(const char *path, struct address *a, const char **why)
{
	size_t len = strlen(path);

	if (!len)
		return refuse(why, "there is no path behind \"unix:\"");
	if (len >= sizeof(a->path))
		return refuse(why, "the path is too long for a socket: 107 bytes at most");
	a->kind = ADDRESS_UNIX;
	memcpy(a->path, path, len + 1);
	return 0;
}

static int parse_vsock(const char *text, struct address *a, const char **why)
{
	const char *colon = strchr(text, ':');
	size_t len = colon ? (size_t)(colon - text) : strlen(text);
	char cid[12];

	a->kind = ADDRESS_VSOCK;
	if (len >= sizeof(cid))
		return refuse(why, "the CID is not a number: write vsock:3:8447");
	memcpy(cid, text, len);
	cid[len] = '\0';
	if (!strcmp(cid, "any"))
		a->cid = VMADDR_CID_ANY;
	else if (!number(cid, UINT32_MAX, &a->cid))
		return refuse(why, "the CID is not a number: write vsock:3:8447");
	if (colon && !number(colon + 1, UINT32_MAX - 1, &a->port))
		return refuse(why, "the vsock port is not a number: write vsock:3:8447");
	return 0;
}

/* Where the host ends and what is behind it: "" or ":port". */
static int split_host(const char **text, size_t *len, const char **rest, const char **why)
{
	const char *end;

	if (**text == '[') {
		end = strchr(++*text, ']');
		if (!end)
			return refuse(why, "the bracket before an IPv6 address is not closed");
		*rest = end + 1;
	} else {
		end = strchr(*text, ':');
		if (end && strchr(end + 1, ':')) /* an IPv6 address alone; with a port it needs brackets */
			end = NULL;
		if (!end)
			end = *text + strlen(*text);
		*rest = end;
	}
	*len = (size_t)(end - *text);
	return 0;
}

static bool is_ipv6(const char *host)
{
	char bare[ADDRESS_HOST_MAX];
	struct in6_addr in6;
	size_t len = strcspn(host, "%"); /* a zone: fe80::1%eth0 */

	memcpy(bare, host, len);
	bare[len] = '\0';
	return inet_pton(AF_INET6, bare, &in6) == 1;
}

static int parse_tcp(const char *text, struct address *a, const char **why)
{
	bool bracket = *text == '[';
	const char *rest;
	size_t len;
	int rc = split_host(&text, &len, &rest, why);

	if (rc)
		return rc;
	a->kind = ADDRESS_TCP;
	if (!len)
		return refuse(why, "there is no host");
	if (len >= sizeof(a->host))
		return refuse(why, "the host's name is too long: 255 bytes at most");
	memcpy(a->host, text, len);
	a->host[len] = '\0';
	if (strpbrk(a->host, " \t\r\n/"))
		return refuse(why, "a host's name has no blanks and no slashes");
	if ((bracket || strchr(a->host, ':')) && !is_ipv6(a->host))
		return refuse(why, "that is no IPv6 address; with a port write [::1]:8447");
	if (*rest && (*rest != ':' || !number(rest + 1, UINT16_MAX, &a->port)))
		return refuse(why, "the port is not a number from 0 to 65535");
	return 0;
}

int address_parse(const char *text, struct address *ret, const char **why)
{
	return address_parse_near(text, ADDRESS_PORT, ret, why);
}

int address_parse_near(const char *text, uint32_t port, struct address *ret, const char **why)
{
	struct address a = { .port = port };
	int rc;

	if (!strncmp(text, "unix:", 5))
		rc = parse_unix(text + 5, &a, why);
	else if (!strncmp(text, "vsock:", 6))
		rc = parse_vsock(text + 6, &a, why);
	else if (*text == '/')
		rc = parse_unix(text, &a, why);
	else
		rc = parse_tcp(text, &a, why);
	if (!rc)
		*ret = a;
	return rc;
}

void address_text(const struct address *a, char *out, size_t len)
{
	bool colon = strchr(a->host, ':');

	if (a->kind == ADDRESS_UNIX)
		snprintf(out, len, "unix:%s", a->path);
	else if (a->kind == ADDRESS_TCP)
		snprintf(out, len, "%s%s%s:%u", colon ? "[" : "", a->host, colon ? "]" : "", a->port);
	else if (a->cid == VMADDR_CID_ANY)
		snprintf(out, len, "vsock:any:%u", a->port);
	else
		snprintf(out, len, "vsock:%u:%u", a->cid, a->port);
}

bool address_is_loopback(const struct address *a)
{
	struct in6_addr in6;
	struct in_addr in;

	if (a->kind == ADDRESS_UNIX)
		return true;
	if (a->kind == ADDRESS_VSOCK)
		return a->cid == VMADDR_CID_LOCAL;
	if (inet_pton(AF_INET, a->host, &in) == 1)
		return ntohl(in.s_addr) >> 24 == 127;
	if (inet_pton(AF_INET6, a->host, &in6) != 1)
		return false;
	return IN6_IS_ADDR_LOOPBACK(&in6) || (IN6_IS_ADDR_V4MAPPED(&in6) && in6.s6_addr[12] == 127);
}

void address_name(const struct address *a, uint32_t usual, char *out, size_t len)
{
	char text[ADDRESS_TEXT_MAX];

	address_text(a, text, sizeof(text));
	snprintf(out, len, "%.*s", (int)len - 1,
		 a->kind == ADDRESS_TCP && a->port == usual ? a->host : text);
}
