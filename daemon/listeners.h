/* SPDX-License-Identifier: BSD-3-Clause */
/* The sockets that the daemon listens on, as its configuration names them. */
#ifndef DAEMON_LISTENERS_H
#define DAEMON_LISTENERS_H

#include "daemon/activation.h"
#include "daemon/config.h"
#include "daemon/credentials.h"
#include "transport/listen.h"

struct listener {
	int fd;
	bool given; /* by systemd: its file, mode and end are not ours */
	struct config_listen config;
	char text[ADDRESS_TEXT_MAX]; /* where it really listens: with the port that was chosen */
	dev_t dev;		     /* of a unix socket's file: only our own is removed */
	ino_t ino;
	struct credentials *credentials; /* of "tls"; NULL: in clear */
};

struct listeners {
	int poll; /* an epoll descriptor: a listener is there as LISTENERS_TAG and its index */
	const struct activation *given;
	struct listener *all;
	size_t num;
	const char *says; /* in the log, instead of "listening on"; NULL: as it is */
};

#define LISTENERS_TAG (UINT64_C(1) << 32)

static inline size_t listeners_index(uint64_t tag)
{
	return (size_t)(tag & ~LISTENERS_TAG);
}

/*
 * Listens where the configuration says, and nowhere else any more; what stays stays open. 0, or a negative
 * errno, which is logged; then everything is as it was.
 */
int listeners_apply(struct listeners *l, const struct daemon_config *config);
/* Is each socket that systemd gave one that the configuration names? Which is not is logged. */
bool listeners_know_given(const struct listeners *l, const struct listeners *also);
/* All of it that can fail; then one of the two that follow is to be called. */
int listeners_prepare(struct listeners *l, const struct daemon_config *config, struct listener **ret);
void listeners_commit(struct listeners *l, const struct daemon_config *config, struct listener *prepared);
void listeners_abandon(struct listeners *l, const struct daemon_config *config, struct listener *prepared);
/* Takes no more connections; unix sockets are removed. */
void listeners_close(struct listeners *l);
/*
 * The next connection of the one with this tag: 0, and who it is; -EAGAIN: none waits; else a negative errno.
 * principal has POLICY_PRINCIPAL_MAX bytes. Of *credentials (the listener's) a peer whose principal is "" has
 * to show who it is.
 */
int listeners_accept(struct listeners *l, uint64_t tag, int *fd, struct peer *peer, char *principal,
		     struct credentials **credentials);
/* Who that is, as the kernel says; over tcp, as his address says. -EPROTO: it says nothing. */
int listeners_principal(const struct peer *peer, char out[POLICY_PRINCIPAL_MAX]);
/* Stops looking at them, and looks again: where descriptors have run out. */
void listeners_watch(struct listeners *l, bool on);

#endif
