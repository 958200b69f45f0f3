/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/listeners.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/emu-dir.h"
#include "base/opaed-socket.h"
#include "base/sys.h"
#include "daemon/log.h"

/* ---- one ---- */

/* The folder of this user's own socket is made; any other is for who names it. */
static int make_own_folder(const char *path)
{
	char own[ADDRESS_PATH_MAX], *slash;

	if (!opaed_socket_path(own, sizeof(own)) || strcmp(path, own) != 0)
		return 0;
	slash = strrchr(own, '/');
	*slash = 0;
	mkdir(own, geteuid() ? 0700 : 0755);
	if (emu_dir_trusted(own))
		return 0;
	log_error("%s is not a directory that only this user can write to; remove it", own);
	return -EPERM;
}

/* Remembers which file is ours. */
static int note_file(struct listener *l)
{
	struct stat st;

	if (lstat(l->config.address.path, &st))
		return -errno;
	if (!S_ISSOCK(st.st_mode))
		return -ESTALE;
	l->dev = st.st_dev;
	l->ino = st.st_ino;
	return 0;
}

/* The file that was noted, for fstat() and /proc/self/fd alone; -ESTALE: another is in its place, or none. */
static int open_file(const struct listener *l)
{
	CLEANUP_CLOSE int fd = sys_open(l->config.address.path, O_PATH | O_NOFOLLOW, 0);
	struct stat st;

	if (fd < 0 || sys_fstat(fd, &st) || !S_ISSOCK(st.st_mode) || st.st_dev != l->dev ||
	    st.st_ino != l->ino)
		return -ESTALE;
	return fd_steal(&fd);
}

/* Is its file there? A listener that has none is always there. */
static bool is_there(const struct listener *l)
{
	bool has_file = !l->given && l->config.address.kind == ADDRESS_UNIX;
	CLEANUP_CLOSE int fd = has_file ? open_file(l) : -1;

	return !has_file || fd >= 0;
}

/* By the descriptor of the very file: a path could lead elsewhere by now. */
static int set_mode(const struct listener *l, mode_t mode)
{
	CLEANUP_CLOSE int fd = l->given ? -1 : open_file(l);
	char name[32];

	if (fd < 0)
		return l->given ? 0 : fd;
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	return chmod(name, mode) ? -errno : 0;
}

static void name_it(struct listener *l)
{
	struct address real;

	snprintf(l->text, sizeof(l->text), "%s", l->config.text);
	if (l->config.address.kind == ADDRESS_TCP && !address_of_socket(l->fd, &real))
		address_text(&real, l->text, sizeof(l->text));
}

static void listener_close(struct listener *l)
{
	if (l->fd >= 0 && !l->given && l->config.address.kind == ADDRESS_UNIX && is_there(l))
		unlink(l->config.address.path);
	if (l->fd >= 0 && !l->given) /* else systemd goes on listening */
		sys_close(l->fd);
	l->fd = -1;
	credentials_unref(l->credentials);
	l->credentials = NULL;
}

#define LEFT_NS NS_PER_S
#define LEFT_NAP_NS (20 * NS_PER_MS)

/*
 * A monitor that was killed may have left a child on its way to be a worker, which has the socket until then.
 * Who is starting waits for that; who listens already has nothing of the kind.
 */
static int listen_there(struct listener *l, bool starting)
{
	int64_t until = clock_deadline(starting ? LEFT_NS : 0);
	int rc;

	while ((rc = listen_open_mode(&l->config.address, l->config.mode, &l->fd)) == -EADDRINUSE &&
	       clock_now_ns() < until)
		clock_sleep_ns(LEFT_NAP_NS);
	return rc;
}

static int listener_open(const struct activation *given, struct listener *l, bool starting)
{
	bool is_unix = l->config.address.kind == ADDRESS_UNIX;
	int rc;

	l->fd = given ? activation_find(given, &l->config.address) : -1;
	l->given = l->fd >= 0;
	if (l->given) {
		name_it(l);
		return 0;
	}
	rc = is_unix ? make_own_folder(l->config.address.path) : 0;
	if (!rc)
		rc = listen_there(l, starting);
	if (!rc && is_unix)
		rc = note_file(l);
	if (!rc) {
		name_it(l);
		return 0;
	}
	log_error("cannot listen on %s: %s", l->config.text,
		 rc == -EADDRINUSE ? "somebody else does, maybe another opaed" :
		 rc == -ENOENT	   ? "its folder is not there; make it" :
		 rc == -EAFNOSUPPORT && given && given->num ?
				     "this service may not; name it in the socket unit, as ListenStream=" :
				     strerror(-rc));
	listener_close(l);
	return rc;
}

/* ---- all ---- */

static struct listener *find(struct listeners *l, const char *text)
{
	for (size_t i = 0; i < l->num; i++)
		if (l->all[i].fd >= 0 && !strcmp(l->all[i].config.text, text))
			return &l->all[i];
	return NULL;
}

static int change_mode(struct listener *had, mode_t mode)
{
	int rc = 0;

	if (had && had->config.address.kind == ADDRESS_UNIX && had->config.mode != mode) {
		rc = set_mode(had, mode);
		if (rc)
			log_error("the mode of %s cannot be changed: %s", had->text, strerror(-rc));
	}
	return rc;
}

static void change_mode_back(const struct listener *had)
{
	if (had->config.address.kind == ADDRESS_UNIX)
		set_mode(had, had->config.mode);
}

static void undo(struct listeners *old, const struct daemon_config *config, struct listener *all)
{
	for (size_t i = 0; i < config->num_listen; i++) {
		struct listener *had = all[i].fd < 0 ? find(old, all[i].config.text) : NULL;

		if (had)
			change_mode_back(had);
		listener_close(&all[i]);
		credentials_unref(all[i].credentials); /* of one that was not open */
		all[i].credentials = NULL;
	}
}

/* Anew for all: who has the configuration read again may have renewed them. */
static int load_credentials(struct listener *all, size_t num)
{
	char why[TLS_WHY_MAX];

	for (size_t i = 0; i < num; i++) {
		int rc = all[i].config.tls ?
				 credentials_new(all[i].config.tls, &all[i].credentials, why) :
				 0;

		if (rc) {
			log_error("cannot listen on %s: \"tls\": %s", all[i].config.text, why);
			return rc;
		}
	}
	return 0;
}

/*
 * Opens what is new, or has lost its file; what was there is taken out of `old` only when all of it is well.
 */
static int open_new(struct listeners *old, const struct daemon_config *config, struct listener *all)
{
	int rc = 0;

	for (size_t i = 0; i < config->num_listen; i++)
		all[i] = (struct listener){ .fd = -1, .config = config->listen[i] };
	rc = load_credentials(all, config->num_listen);
	for (size_t i = 0; i < config->num_listen && !rc; i++) {
		const struct listener *had = find(old, all[i].config.text);

		if (all[i].config.rdma) /* daemon/doors.h */
			continue;
		if (!had || !is_there(had))
			rc = listener_open(old->given, &all[i], !old->num);
	}
	for (size_t i = 0; i < config->num_listen && !rc; i++)
		if (all[i].fd < 0)
			rc = change_mode(find(old, all[i].config.text), all[i].config.mode);
	if (rc)
		undo(old, config, all);
	return rc;
}

static void keep(struct listener *had, struct listener *now)
{
	struct config_listen config = now->config;
	struct credentials *credentials = now->credentials;

	credentials_unref(had->credentials);
	*now = *had;
	now->config = config;
	now->credentials = credentials;
	had->fd = -1;
	had->credentials = NULL;
}

int listeners_prepare(struct listeners *l, const struct daemon_config *config, struct listener **ret)
{
	struct listener *all = calloc(config->num_listen + 1, sizeof(*all));
	int rc = all ? open_new(l, config, all) : -ENOMEM;

	if (rc)
		free(all);
	else
		*ret = all;
	return rc;
}

void listeners_abandon(struct listeners *l, const struct daemon_config *config, struct listener *prepared)
{
	undo(l, config, prepared);
	free(prepared);
}

int listeners_apply(struct listeners *l, const struct daemon_config *config)
{
	struct listener *all;
	int rc = listeners_prepare(l, config, &all);

	if (!rc)
		listeners_commit(l, config, all);
	return rc;
}

void listeners_commit(struct listeners *l, const struct daemon_config *config, struct listener *all)
{
	const char *says = l->says ? l->says : "listening on";

	listeners_watch(l, false); /* their places change */
	for (size_t i = 0; i < config->num_listen; i++) {
		struct listener *had = all[i].fd < 0 ? find(l, all[i].config.text) : NULL;

		if (all[i].config.rdma)
			continue;
		if (had)
			keep(had, &all[i]);
		else
			log_line("%s %s", says, all[i].text);
		if (!had && !address_is_loopback(&all[i].config.address) &&
		    all[i].config.address.kind == ADDRESS_TCP && !all[i].config.tls)
			log_warning("%s is reached from other machines, in clear text: whoever is on the way "
				 "can "
				 "read and change all of it", all[i].text);
	}
	for (size_t i = 0; i < l->num; i++) {
		if (l->all[i].fd >= 0)
			log_line("no longer %s %s%s", says, l->all[i].text,
				 l->all[i].given ? "; systemd is: stop its socket unit" : "");
		listener_close(&l->all[i]);
	}
	free(l->all);
	l->all = all;
	l->num = config->num_listen;
	listeners_watch(l, true);
}

static bool uses(const struct listeners *l, int fd)
{
	for (size_t i = 0; i < l->num; i++)
		if (l->all[i].fd == fd)
			return true;
	return false;
}

bool listeners_know_given(const struct listeners *l, const struct listeners *also)
{
	bool all = true;
	char text[ADDRESS_TEXT_MAX];

	for (size_t i = 0; l->given && i < l->given->num; i++) {
		const struct activation_socket *s = &l->given->all[i];

		if (uses(l, s->fd) || uses(also, s->fd))
			continue;
		all = false;
		address_text(&s->address, text, sizeof(text));
		log_error("systemd passed a socket that listens on %s (\"%s\"), and no entry of "
			  "\"listen\" is for it, nor \"metrics\"; add one, or take it out of the unit",
			  text, s->name);
	}
	return all;
}

void listeners_close(struct listeners *l)
{
	for (size_t i = 0; i < l->num; i++)
		listener_close(&l->all[i]);
	free(l->all);
	l->all = NULL;
	l->num = 0;
}

void listeners_watch(struct listeners *l, bool on)
{
	for (size_t i = 0; i < l->num; i++) {
		struct epoll_event e = { .events = EPOLLIN, .data.u64 = LISTENERS_TAG | i };

		epoll_ctl(l->poll, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, l->all[i].fd, &e);
	}
}

/* ---- who comes ---- */

int listeners_principal(const struct peer *peer, char out[POLICY_PRINCIPAL_MAX])
{
	const size_t len = POLICY_PRINCIPAL_MAX;
	const char *why;
	struct address a;

	if (peer->kind == ADDRESS_UNIX)
		snprintf(out, len, "unix:%u", peer->uid);
	else if (peer->kind == ADDRESS_VSOCK)
		snprintf(out, len, "vsock:%u", peer->cid);
	else if (address_parse(peer->text, &a, &why))
		return -EPROTO;
	else
		snprintf(out, len, "tcp:%.100s", a.host);
	return 0;
}

int listeners_accept(struct listeners *l, uint64_t tag, int *fd, struct peer *peer, char *principal,
		     struct credentials **credentials)
{
	size_t i = listeners_index(tag);
	const struct listener *at = i < l->num ? &l->all[i] : NULL;
	int rc = at ? listen_accept(at->fd, fd, peer) : -EAGAIN;

	if (rc)
		return rc;
	*credentials = at->credentials;
	if (at->credentials) {
		*principal = 0;
		return 0;
	}
	if (*at->config.principal) {
		snprintf(principal, POLICY_PRINCIPAL_MAX, "%s", at->config.principal);
		return 0;
	}
	rc = listeners_principal(peer, principal);
	if (rc)
		sys_close(*fd);
	return rc;
}
