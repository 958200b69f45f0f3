/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/host/control.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/sys.h"

#define LINE 4200u
#define ANSWER 8192u
#define CLIENTS (CONTROL_FDS - 1)
#define BACKLOG 16

struct control_client {
	int fd; /* -1: none */
	bool waits; /* for a step, */
	uint64_t until; /* that ends in this cycle */
	size_t len;
	char line[LINE];
};

struct control {
	char path[108];
	int listener;
	struct control_client clients[CLIENTS];
};

/* ---- what is asked ---- */

static void say(char *answer, size_t room, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* What does not fit is cut at the end of a line. */
static void say(char *answer, size_t room, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(answer, room - 1, fmt, args);
	va_end(args);
	if (n < 0 || (size_t)n > room - 2)
		n = (int)room - 2;
	answer[n] = '\n';
	answer[n + 1] = 0;
}

static void status(struct host *h, char *answer, size_t room)
{
	char name[128];

	snprintf(name, sizeof(name), "%s", h->model->name);
	for (char *c = name; *c; c++)
		if (*c <= ' ') /* it is one word of the answer */
			*c = '_';
	say(answer, room,
	    "ok model=%s pid=%d cycle=%" PRIu64 " state=%s run=%s order=%s seed=%" PRIu64
	    " client=%d sessions=%" PRIu64 " errors=%" PRIu64 " warnings=%" PRIu64 " mmio=%" PRIu32
	    " reads=%" PRIu32 " writes=%" PRIu32 " wave=%s",
	    name, getpid(), h->port.cycle,
	    !h->running	    ? "stopped" :
	    h->port.reset ? "reset" :
			      "running",
	    host_run_name(h), h->set.shuffle ? "shuffle" : "strict", h->set.seed,
	    vu_server_has_client(h->server), h->sessions, h->log.errors, h->log.warnings,
	    h->mmio.num + h->mmio.outstanding, h->reads.due.num, h->writes.due.num,
	    h->wave_open ? "on" : "off");
}

static void rules(const struct host *h, char *answer, size_t room)
{
	char text[ANSWER - 16] = "";
	size_t len = 0;

	for (unsigned int i = 0; i < h->log.num_rules && len < sizeof(text) - 96; i++) {
		const struct rule_count *r = &h->log.rules[i];

		len += (size_t)snprintf(text + len, sizeof(text) - len, " %s=%" PRIu64 "/%" PRIu64, r->name,
					r->errors, r->warnings);
	}
	say(answer, room, "ok%s", text);
}

static void wave(struct host *h, const char *arg, char *answer, size_t room)
{
	int rc;

	if (!strcmp(arg, "off")) {
		wave_end(h);
		h->wave_done = true;
		say(answer, room, "ok");
		return;
	}
	if (strncmp(arg, "on ", 3) || !arg[3]) {
		say(answer, room, "error wave on PATH, or wave off");
		return;
	}
	if (h->wave_open) {
		say(answer, room, "error waves go to %s: wave off ends them", h->wave_path);
		return;
	}
	h->wave_done = true; /* the command line's window is over */
	rc = wave_begin(h, arg + 3);
	if (rc == -EOPNOTSUPP)
		say(answer, room, "error this simulation was built without traces: ase-build --trace");
	else if (rc)
		say(answer, room, "error %s: %s", arg + 3, wave_why(rc));
	else
		say(answer, room, "ok");
}

static void run(struct host *h, const char *arg, char *answer, size_t room)
{
	if (settings_run(&h->set, arg))
		say(answer, room, "ok run=%s", host_run_name(h));
	else
		say(answer, room, "error run idle-stop[:N], free, lockstep[:K] or paused");
}

static void step(const struct host *h, const char *arg, char *answer, size_t room, uint64_t *until)
{
	char *end;
	uint64_t n = strtoull(arg, &end, 10);

	if (end == arg || *end || *arg == '-' || !n || n > UINT32_MAX) {
		say(answer, room, "error step N: from 1 to 2^32-1 cycles");
		return;
	}
	*until = h->port.cycle + n;
	*answer = 0;
}

void control_line(struct host *h, const char *line, char *answer, size_t room, uint64_t *until)
{
	if (!strcmp(line, "status")) {
		status(h, answer, room);
	} else if (!strcmp(line, "rules")) {
		rules(h, answer, room);
	} else if (!strncmp(line, "wave ", 5)) {
		wave(h, line + 5, answer, room);
	} else if (!strncmp(line, "run ", 4)) {
		run(h, line + 4, answer, room);
	} else if (!strncmp(line, "step ", 5)) {
		step(h, line + 5, answer, room, until);
	} else if (!strcmp(line, "end")) {
		host_end(h, "the control socket asked for it");
		say(answer, room, "ok");
	} else {
		say(answer, room, "error there are status, rules, wave, run, step and end");
	}
}

/* ---- who asks ---- */

static void drop(struct control_client *c)
{
	sys_close(c->fd);
	c->fd = -1;
	c->waits = false;
	c->len = 0;
}

/* An answer fits any socket buffer; who does not read his answers is let go. */
static void answer_to(struct control_client *c, const char *answer)
{
	size_t len = strlen(answer);

	if (send(c->fd, answer, len, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)len)
		drop(c);
}

/* One line at a time; the next one waits until a step has been made. */
static void take_lines(struct host *h, struct control_client *c)
{
	char answer[ANSWER], *end;

	while (c->fd >= 0 && !c->waits && (end = memchr(c->line, '\n', c->len))) {
		size_t used = (size_t)(end - c->line) + 1;

		*end = 0;
		control_line(h, c->line, answer, sizeof(answer), &c->until);
		c->len -= used;
		memmove(c->line, c->line + used, c->len);
		if (*answer)
			answer_to(c, answer);
		else
			c->waits = true;
	}
	if (c->len == sizeof(c->line))
		drop(c); /* nobody has so much to say */
}

static void hear(struct host *h, struct control_client *c)
{
	ssize_t n = recv(c->fd, c->line + c->len, sizeof(c->line) - c->len, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		drop(c);
		return;
	}
	c->len += (size_t)n;
	take_lines(h, c);
}

static void greet(struct control *c)
{
	int fd = accept4(c->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	for (unsigned int i = 0; i < CLIENTS && fd >= 0; i++)
		if (c->clients[i].fd < 0) {
			c->clients[i].fd = fd;
			return;
		}
	if (fd >= 0)
		sys_close(fd);
}

void control_wants(const struct control *c, struct pollfd fds[CONTROL_FDS])
{
	fds[0] = (struct pollfd){ .fd = c ? c->listener : -1, .events = POLLIN };
	for (unsigned int i = 0; i < CLIENTS; i++) {
		const struct control_client *k = c ? &c->clients[i] : NULL;

		/* With a full line behind a step there is no room to hear more. */
		fds[i + 1] = (struct pollfd){ .fd = k && k->len < sizeof(k->line) ? k->fd : -1,
					      .events = POLLIN };
	}
}

/* The clock runs to the end of the next step, and from there to that of the one after it. */
static void find_step_end(struct host *h)
{
	h->step_end = 0;
	for (unsigned int i = 0; i < CLIENTS; i++) {
		const struct control_client *c = &h->control->clients[i];

		if (c->waits && (!h->step_end || c->until < h->step_end))
			h->step_end = c->until;
	}
}

void control_step(struct host *h, const struct pollfd fds[CONTROL_FDS])
{
	struct control *c = h->control;

	for (unsigned int i = 0; c && i < CLIENTS; i++)
		if (fds[i + 1].revents && c->clients[i].fd == fds[i + 1].fd)
			hear(h, &c->clients[i]);
	if (!c)
		return;
	if (fds[0].revents)
		greet(c);
	find_step_end(h);
}

void control_stepped(struct host *h)
{
	char answer[64];

	say(answer, sizeof(answer), "ok cycle=%" PRIu64, h->port.cycle);
	for (unsigned int i = 0; h->control && i < CLIENTS; i++) {
		struct control_client *c = &h->control->clients[i];

		if (!c->waits || c->until > h->port.cycle)
			continue;
		c->waits = false;
		answer_to(c, answer);
		take_lines(h, c);
	}
	if (h->control)
		find_step_end(h);
}

/* ---- life ---- */

int control_new(struct host *h, const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct control *c;
	int rc;

	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	memcpy(addr.sun_path, path, strlen(path) + 1);
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	for (unsigned int i = 0; i < CLIENTS; i++)
		c->clients[i].fd = -1;
	c->listener = sys_socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	unlink(path); /* the device's socket, or the folder, is ours alone: this one is a leftover */
	rc = c->listener < 0 ? c->listener : sys_bind(c->listener, (struct sockaddr *)&addr, sizeof(addr));
	if (!rc)
		rc = sys_listen(c->listener, BACKLOG);
	if (!rc) {
		memcpy(c->path, path, strlen(path) + 1);
		h->control = c;
		return 0;
	}
	control_free(c);
	return rc;
}

void control_free(struct control *c)
{
	if (!c)
		return;
	if (c->path[0])
		unlink(c->path);
	for (unsigned int i = 0; i < CLIENTS; i++)
		if (c->clients[i].fd >= 0)
			sys_close(c->clients[i].fd);
	if (c->listener >= 0)
		sys_close(c->listener);
	free(c);
}
