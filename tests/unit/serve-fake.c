/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Serves the model (fake-served.h) at a unix socket, to as many peers as come, until its standard input ends:
 * for tests in other languages. The model must be as it was when the last peer has gone.
 *
 *	serve-fake PATH
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/thread.h"
#include "tests/unit/check.h"
#include "tests/unit/fake-served-manage.h"
#include "tests/unit/fake-served.h"
#include "transport/listen.h"
#include "transport/stream.h"

#define SESSIONS_MAX 4096u

static pthread_t threads[SESSIONS_MAX];
static unsigned int num_sessions;

static void *serve(void *session)
{
	rpc_session_run(session);
	rpc_session_free(session);
	return NULL;
}

static int begin(int fd, const struct peer *peer)
{
	struct rpc_session_options options = { .host = "modelhost", .principal = "anybody" };
	struct rpc_session *s;
	struct transport *t;

	if (num_sessions == SESSIONS_MAX || stream_new(fd, peer->text, &t) ||
	    rpc_session_new(t, &fake.served, &options, &s))
		return -1;
	if (thread_start(&threads[num_sessions], NULL, serve, s)) {
		rpc_session_free(s);
		return -1;
	}
	num_sessions++;
	return 0;
}

static int serve_all(int listening)
{
	struct pollfd p[2] = { { .fd = listening, .events = POLLIN },
			       { .fd = STDIN_FILENO, .events = POLLIN } };

	while (poll(p, 2, -1) > 0 && !p[1].revents) {
		struct peer peer;
		int fd;

		if (!listen_accept(listening, &fd, &peer) && begin(fd, &peer))
			return 1;
	}
	return 0;
}

int main(int argc, char *argv[])
{
	struct address a;
	const char *why = "";
	int listening, rc;

	if (argc != 2 || address_parse(argv[1], &a, &why) || listen_open(&a, &listening)) {
		fprintf(stderr, "serve-fake PATH: %s\n", why);
		return 2;
	}
	fake_up();
	fake_manage_reset();
	fake_manage_fill(&fake.table);
	printf("ready\n");
	fflush(stdout);
	rc = serve_all(listening);
	for (unsigned int i = 0; i < num_sessions; i++) /* peers have gone: each ends by itself */
		pthread_join(threads[i], NULL);
	close(listening);
	unlink(a.path);
	fake_down(); /* aborts when something was not given back */
	return rc;
}
