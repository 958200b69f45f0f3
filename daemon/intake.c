/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/intake.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/clock.h"
#include "base/sys.h"
#include "daemon/log.h"
#include "wire/ops.h"

#define PAUSE_NS (200 * NS_PER_MS)
#define SHED_NS (2 * NS_PER_S) /* of pauses, before who waits is let go */
#define SHED_MAX 512	       /* of a listener, at once */

/*
 * Descriptors that must be free before a connection is taken. It takes two that stay, four that do not, and
 * its worker five more while it is started. The rest is for what sessions ask for.
 */
#define ROOM 18
#define ROOM_ADMIN 12

/* Are n more to be had? Tried, as it is neither known which numbers are in use nor what the limit is now. */
static bool can_have(int fd, int n)
{
	int fds[ROOM], got = 0;

	while (got < n && (fds[got] = fcntl(fd, F_DUPFD_CLOEXEC, 0)) >= 0)
		got++;
	for (int i = 0; i < got; i++)
		sys_close(fds[i]);
	return got == n;
}

static bool has_room(const struct intake *in, int n)
{
	return can_have(in->listeners->poll, n);
}

bool intake_has_room(int fd)
{
	return can_have(fd, ROOM);
}

static void keep_spare(struct intake *in)
{
	if (in->spare < 0)
		in->spare = sys_open("/dev/null", O_RDONLY, 0);
}

int intake_init(struct intake *in, struct listeners *listeners, struct sessions *sessions,
		struct lobby *lobby)
{
	*in = (struct intake){ .listeners = listeners, .sessions = sessions, .lobby = lobby,
			       .spare = -1, .again = INT64_MAX, .since = INT64_MAX };
	keep_spare(in);
	return in->spare < 0 ? in->spare : 0;
}

void intake_done(struct intake *in)
{
	if (in->listeners)
		listeners_close(in->listeners);
	if (in->spare >= 0)
		sys_close(in->spare);
	in->spare = -1;
	in->again = INT64_MAX;
}

/* ---- pausing ---- */

static bool has_run_out(int rc)
{
	return rc == -EMFILE || rc == -ENFILE || rc == -ENOMEM || rc == -ENOBUFS;
}

static void pause_for(struct intake *in, int rc)
{
	if (in->since == INT64_MAX) { /* told once, and tried until it can be */
		log_warning("a connection cannot be taken now: %s", strerror(-rc));
		in->since = clock_now_ns();
	}
	listeners_watch(in->listeners, false);
	in->again = clock_deadline(PAUSE_NS);
}

void intake_take(struct intake *in, uint64_t tag)
{
	char principal[POLICY_PRINCIPAL_MAX];
	struct credentials *credentials;
	struct peer peer;
	int fd, rc;

	if (in->again != INT64_MAX)
		return; /* paused in this very turn */
	rc = has_room(in, ROOM) ?
		     listeners_accept(in->listeners, tag, &fd, &peer, principal, &credentials) : -EMFILE;
	if (!rc) {
		in->since = INT64_MAX;
		in->sessions->metrics.accepted[peer.kind]++;
	}
	if (!rc && credentials) {
		lobby_enter(in->lobby, fd, &peer, credentials);
	} else if (!rc) {
		sessions_begin(in->sessions, listeners_index(tag), fd, &peer, principal);
	} else if (has_run_out(rc)) {
		pause_for(in, rc);
	}
}

/* ---- shedding ---- */

static bool may_administer(const struct intake *in, const char *principal)
{
	const struct policy_rule *rule = policy_find(&in->sessions->config->policy, principal);

	return rule && (rule->allow & WIRE_RIGHT_ADMIN);
}

/* The next one that waits: false, when none does, or it cannot be had. */
static bool shed_one(struct intake *in, uint64_t tag, unsigned int *shed)
{
	char principal[POLICY_PRINCIPAL_MAX];
	struct credentials *credentials;
	struct peer peer;
	int fd, rc;

	if (in->spare >= 0)
		sys_close(in->spare);
	in->spare = -1;
	rc = listeners_accept(in->listeners, tag, &fd, &peer, principal, &credentials);
	if (!rc && !credentials && may_administer(in, principal) && has_room(in, ROOM_ADMIN)) {
		sessions_begin(in->sessions, listeners_index(tag), fd, &peer, principal);
	} else if (!rc) {
		sys_close(fd);
		in->sessions->metrics.accepted[peer.kind]++;
		++*shed;
	}
	keep_spare(in);
	return !rc;
}

static void shed(struct intake *in)
{
	unsigned int n = 0;

	for (size_t i = 0; i < in->listeners->num; i++)
		for (int k = 0; k < SHED_MAX && shed_one(in, LISTENERS_TAG | i, &n); k++)
			;
	if (n)
		log_warning("%u connections were closed: there are no descriptors for them; allow more "
			    "(ulimit -n, LimitNOFILE=)", n);
}

void intake_tick(struct intake *in)
{
	int64_t now = clock_now_ns();

	if (in->again > now)
		return;
	if (in->since != INT64_MAX && now - in->since >= SHED_NS)
		shed(in);
	in->again = INT64_MAX;
	if (has_room(in, ROOM))
		listeners_watch(in->listeners, true);
	else
		in->again = clock_deadline(PAUSE_NS);
}

int64_t intake_deadline(const struct intake *in)
{
	return in->again;
}
