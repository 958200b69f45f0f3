/* SPDX-License-Identifier: BSD-3-Clause */
/* Where a server is: a TCP host and port, a vsock CID and port, or the path of a unix socket. */
#ifndef TRANSPORT_ADDRESS_H
#define TRANSPORT_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ADDRESS_HOST_MAX 256  /* with the NUL */
#define ADDRESS_PATH_MAX 108  /* with the NUL: a socket's address has no more */
#define ADDRESS_TEXT_MAX 288
#define ADDRESS_PORT 8447u /* opaed's, on tcp and vsock */

enum address_kind { ADDRESS_TCP, ADDRESS_UNIX, ADDRESS_VSOCK };

struct address {
	enum address_kind kind;
	char host[ADDRESS_HOST_MAX]; /* tcp: a name, or an IPv4 or IPv6 address without brackets */
	uint32_t port;		     /* tcp, vsock */
	uint32_t cid;		     /* vsock */
	char path[ADDRESS_PATH_MAX]; /* unix */
};

/*
 * "a:8447", "[::1]:8447", "10.0.0.1:8447"; "unix:/run/x.sock", or an absolute path; "vsock:3:8447".
 * Without a port: ADDRESS_PORT. 0; -EINVAL, and *why is one line that names what is wrong.
 */
int address_parse(const char *text, struct address *ret, const char **why);
/* The same, of which another port is the usual one. */
int address_parse_near(const char *text, uint32_t port, struct address *ret, const char **why);
/* For people, and readable by address_parse(). */
void address_text(const struct address *a, char *out, size_t len);
/* What a host is called that has no other name: the same, but of tcp without the usual port. */
void address_name(const struct address *a, uint32_t usual, char *out, size_t len);
/* Is it this machine's alone: unix, a literal address of the loopback, or vsock's local CID. */
bool address_is_loopback(const struct address *a);

#endif
