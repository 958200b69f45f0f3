/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/credentials.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/sys.h"
#include "transport/tls-config.h"

#define LOOK_NS (NS_PER_S / 2) /* between two looks at the files */
#define TRIES 3		       /* while somebody is replacing them */
#define PIECE 4096u
#define MODE 0600 /* of a copy: nobody needs to be able to open it */

struct credentials *credentials_ref(struct credentials *c)
{
	if (c)
		c->refs++;
	return c;
}

static void close_all(int fd[CREDENTIALS])
{
	for (int i = 0; i < CREDENTIALS; i++)
		if (fd[i] >= 0)
			sys_close(fd[i]);
}

void credentials_unref(struct credentials *c)
{
	if (!c || --c->refs)
		return;
	close_all(c->fd);
	free(c->files);
	free(c);
}

/* ---- reading ---- */

/* Whole: who replaces a file makes another, or its length or time changes. */
static void look_at(const struct credentials *c, char seen[CREDENTIALS][64])
{
	struct stat st;

	for (int i = 0; i < CREDENTIALS; i++) {
		CLEANUP_CLOSE int fd = c->name[i] ? sys_open(c->name[i], O_PATH, 0) : -1;

		memset(seen[i], 0, sizeof(seen[i]));
		if (fd >= 0 && !sys_fstat(fd, &st))
			snprintf(seen[i], sizeof(seen[i]), "%llx:%llx:%llx:%llx.%lx", (long long)st.st_dev,
				 (long long)st.st_ino, (long long)st.st_size, (long long)st.st_mtim.tv_sec,
				 st.st_mtim.tv_nsec);
	}
}

/* A copy in memory that is the worker's to read. */
static int copy(const char *path)
{
	CLEANUP_CLOSE int from = sys_open(path, O_RDONLY | O_NONBLOCK, 0);
	CLEANUP_CLOSE int to = from < 0 ? from : sys_memfd("opaed-tls", MFD_ALLOW_SEALING);
	char piece[PIECE];
	off_t at = 0;
	ssize_t n;

	if (to < 0)
		return to;
	while ((n = sys_pread(from, piece, sizeof(piece), at)) > 0) {
		ssize_t put = sys_pwrite(to, piece, (size_t)n, at);

		if (put != n)
			n = put < 0 ? put : -ENOSPC;
		if (n < 0)
			break;
		at += n;
	}
	explicit_bzero(piece, sizeof(piece));
	if (!n)
		n = sys_fchmod(to, MODE);
	if (!n && fcntl(to, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL))
		n = -errno;
	return n < 0 ? (int)n : fd_steal(&to);
}

static int copy_all(const struct credentials *c, int fd[CREDENTIALS], char *why)
{
	int rc = 0;

	for (int i = 0; i < CREDENTIALS; i++)
		fd[i] = -1;
	for (int i = 0; i < CREDENTIALS && !rc; i++) {
		if (!c->name[i])
			continue;
		fd[i] = copy(c->name[i]);
		rc = fd[i] < 0 ? fd[i] : 0;
		if (rc)
			snprintf(why, TLS_WHY_MAX, "%s: %s", c->name[i], strerror(-rc));
	}
	if (rc)
		close_all(fd);
	return rc;
}

/* What was judged is what was copied when nothing has changed from before the one to behind the other. */
static int read_all(struct credentials *c, char *why)
{
	char before[CREDENTIALS][64], after[CREDENTIALS][64];
	struct tls_context *tls;
	int fd[CREDENTIALS], rc = 0;

	for (int i = 0; i < TRIES; i++) {
		look_at(c, before);
		rc = tls_context_new(c->files, TLS_SERVER, &tls, why);
		if (rc)
			break;
		tls_context_unref(tls);
		rc = copy_all(c, fd, why);
		if (rc)
			break;
		look_at(c, after);
		if (!memcmp(before, after, sizeof(before))) {
			close_all(c->fd);
			memcpy(c->fd, fd, sizeof(fd));
			break;
		}
		close_all(fd);
		rc = -EAGAIN;
		snprintf(why, TLS_WHY_MAX, "%s: the files change all the time", c->name[CREDENTIAL_CERT]);
	}
	memcpy(c->seen, before, sizeof(before));
	return rc;
}

static struct tls_config *copy_config(const struct tls_config *from)
{
	const struct {
		const char *key, *text;
	} members[] = { { "ca", from->ca }, { "cert", from->cert }, { "key", from->key },
			{ "crl", from->crl }, { "name", from->name } };
	struct tls_config *to = tls_config_new();
	const char *must_be;

	for (size_t i = 0; to && i < sizeof(members) / sizeof(members[0]); i++)
		if (members[i].text)
			tls_config_put(to, members[i].key, members[i].text, &must_be);
	return to;
}

int credentials_new(const struct tls_config *files, struct credentials **ret, char *why)
{
	struct credentials *c = calloc(1, sizeof(*c));
	int rc;

	if (c)
		c->files = copy_config(files);
	if (!c || !c->files) {
		free(c);
		snprintf(why, TLS_WHY_MAX, "there is no memory for \"tls\"");
		return -ENOMEM;
	}
	c->refs = 1;
	for (int i = 0; i < CREDENTIALS; i++)
		c->fd[i] = -1;
	c->name[CREDENTIAL_CA] = c->files->ca;
	c->name[CREDENTIAL_CERT] = c->files->cert;
	c->name[CREDENTIAL_KEY] = c->files->key;
	c->name[CREDENTIAL_CRL] = c->files->crl;
	rc = read_all(c, why);
	c->look_at = clock_deadline(LOOK_NS);
	if (rc)
		credentials_unref(c);
	else
		*ret = c;
	return rc;
}

int credentials_look(struct credentials *c, char *why)
{
	char now[CREDENTIALS][64];
	bool was_bad = c->bad;
	int rc;

	if (clock_now_ns() < c->look_at)
		return 0;
	c->look_at = clock_deadline(LOOK_NS);
	look_at(c, now);
	if (!memcmp(now, c->seen, sizeof(now)))
		return 0;
	rc = read_all(c, why);
	c->bad = rc;
	if (rc)
		return was_bad ? 0 : rc;
	return 1;
}
