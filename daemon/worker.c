/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A worker: one process serves one peer. It is an ordinary program on libopae-c whose plugins open nothing
 * themselves, and knows nothing but what the monitor's first message tells it: who the peer is, and what it
 * may.
 *
 * Two threads at first: this one serves, and that of ask.c hears the monitor.
 */
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <opae/ext.h>
#include <opae/init.h>
#include <opae/seam.h>

#include "base/clock.h"
#include "base/sys.h"
#include "daemon/ask.h"
#include "daemon/counts-page.h"
#include "daemon/denied.h"
#include "daemon/log.h"
#include "daemon/lookout.h"
#include "daemon/policy.h"
#include "daemon/refuse.h"
#include "daemon/sandbox.h"
#include "daemon/seam.h"
#include "daemon/served.h"
#include "daemon/spawn.h"
#include "daemon/worker-fabric.h"
#include "daemon/worker-spare.h"
#include "daemon/worker-tls.h"
#include "transport/fabric.h"
#include "transport/listen.h"
#include "transport/stream.h"

#define START_NS (5 * NS_PER_S) /* for the monitor's first message */
/* For devices to be stopped and closed. A worker that hangs there dies of SIGALRM; the kernel closes them. */
#define END_S 30
#define STACK (1u << 20) /* of a thread, bytes */
#define PLUGINS_FILE "/proc/self/fd/5"
_Static_assert(WORKER_PLUGINS == 5, "the name of the file says it");

static struct channel_start start; /* constant once it is read */
static char lacks[CHANNEL_WHY_MAX]; /* of the sandbox, and without it nobody is served; "": nothing */
static bool unfit; /* a spare that has no fabric */
static const struct rpc_exposer *fabric; /* NULL: content goes by the connection */
static struct rpc_counts *counts; /* what the monitor reads; NULL: it does not */

/* ---- what the session asks ---- */

static uint32_t rights(void *ctx, const struct opae_props *props)
{
	(void)ctx;
	return policy_rights(start.see, start.num_see, start.allow, props);
}

static uint32_t rights_here(void *ctx)
{
	(void)ctx;
	return start.allow;
}

static void changed(void *ctx, uint64_t object_id)
{
	(void)ctx;
	(void)object_id;
	ask_changed();
}

static fpga_result sessions(void *ctx, void (*each)(void *arg, const struct rpc_session_info *info),
			    void *arg)
{
	(void)ctx;
	return ask_sessions(each, arg);
}

static void refused(void *ctx, const struct rpc_refusal *r)
{
	(void)ctx;
	denied_tell(start.principal, r);
}

static fpga_result kick(void *ctx, uint32_t id)
{
	(void)ctx;
	return ask_kick(id);
}

/* ---- the session ---- */

/* Of a session's ids; without random numbers it may guess, and is refused all the same. */
static uint32_t random_id(void)
{
	uint32_t id;

	if (getrandom(&id, sizeof(id), GRND_NONBLOCK) != sizeof(id))
		return 0;
	return id & INT32_MAX; /* so that counting on does not come back to 0 */
}

static int serve(struct transport *t, struct channel_end *end)
{
	const struct rpc_session_options options = {
		.spin_ns = start.spin_ns,
		.hello_ns = start.hello_ns,
		.max_handles = start.max_handles,
		.max_objects = start.max_objects,
		.max_calls = start.max_calls,
		.max_pinned = start.max_pinned,
		.max_watched = start.max_watched,
		.max_events = (uint32_t)start.max_events,
		.host = start.host,
		.principal = start.principal,
		.counts = counts,
		.exposer = fabric,
		.rights = rights,
		.rights_here = rights_here,
		.changed = changed,
		.sessions = sessions,
		.kick = kick,
		.refused = refused,
		.first_id = random_id(),
	};
	struct rpc_session *s;
	int rc = rpc_session_new(t, daemon_served(), &options, &s);

	if (rc)
		return rc;
	ask_serves(s);
	rc = rpc_session_run(s);
	if (counts)
		atomic_store(&counts->ended, (uint64_t)clock_now_ns());
	snprintf(end->why, sizeof(end->why), "%s", rpc_session_why(s));
	rpc_session_info(s, &end->info);
	ask_serves(NULL);
	alarm(END_S);
	denied_done(start.principal);
	rpc_session_free(s); /* stops the devices: what takes time is here */
	worker_fabric_close();
	return rc;
}

/* All that is loaded is loaded here: from the sandbox no file can be read. "": all is well; else why not. */
static const char *load(void)
{
	if (opaex_set_seam(start.scout ? seam_of_worker() : seam_of_guest(), SYS_OPS_VERSION) != FPGA_OK ||
	    fpgaInitialize(PLUGINS_FILE) != FPGA_OK)
		return opaex_error_detail();
	if (*opaex_config_problem())
		log_line("\"plugins\": %s", opaex_config_problem());
	sys_close(WORKER_PLUGINS);
	return "";
}

static void run(struct transport *t, const char *why)
{
	struct channel_end end = { .rc = 0 };

	snprintf(end.why, sizeof(end.why), "%s", why);
	if (*why) {
		transport_free(t);
		end.rc = -ENOMEM;
	} else {
		end.rc = serve(t, &end);
		fpgaFinalize();
	}
	if (!*end.why)
		snprintf(end.why, sizeof(end.why), "%s", end.rc ? strerror(-end.rc) : "its peer has gone");
	ask_end(&end);
}

/* ---- the process ---- */

static bool is_channel(int fd)
{
	int type = 0;
	socklen_t len = sizeof(type);

	return !getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) && type == SOCK_SEQPACKET;
}

static int read_start(void)
{
	int fd, rc = channel_await_start(WORKER_CHANNEL, START_NS, &start, &fd);

	if (rc)
		return rc;
	counts = counts_page_map(fd);
	return 0;
}

static void missing(enum sandbox_piece piece, int error)
{
	struct channel_message m;

	m.type = CHANNEL_MISSING;
	m.id = (uint32_t)error;
	m.value = piece;
	channel_send(WORKER_CHANNEL, &m, -1);
	if (start.must & SANDBOX_BIT(piece) && !*lacks)
		snprintf(lacks, sizeof(lacks), "its worker's sandbox lacks %s: %s", sandbox_name(piece),
			 strerror(error));
}

static struct sandbox box;

/* A peer on another socket has no fabric, and his worker a sandbox without what verbs takes. */
static bool wants_verbs(void)
{
	struct address own;

	if (start.spare)
		return !strcmp(start.rdma, "verbs");
	return !*start.refuse && !start.scout && !strcmp(start.rdma, "verbs") &&
	       !address_of_socket(WORKER_PEER, &own) && own.kind == ADDRESS_TCP;
}

static void open_fabric(void)
{
	if (start.spare)
		unfit = worker_spare_open(&start, &fabric);
	else if (!*start.refuse && !start.scout && *start.rdma)
		fabric = worker_fabric_open(&start, WORKER_PEER);
}

static void open_verbs(void)
{
	open_fabric();
	box.fabric = fabric;
}

/* With libfabric, whose files are out of reach in the sandbox. */
static void prepare_fabric(void)
{
	char why[FABRIC_WHY_MAX];

	if (wants_verbs())
		fabric_load(why); /* which will be told when it is opened */
	else
		open_fabric();
}

static void enter_sandbox(void)
{
	box = (struct sandbox){
		.uid = start.uid,
		.gid = start.gid,
		.files = SANDBOX_FILES,
		.threads = SANDBOX_THREADS,
		.file = start.max_pinned + SANDBOX_FILE_SPARE,
		.data = start.data,
		.locked = start.locked,
		.fabric = fabric || start.spare,
		.locks = start.scout,
		.open_verbs = wants_verbs() ? open_verbs : NULL,
		.filter = sandbox_filter,
		.missing = missing,
	};

	seam_prepare();
	sandbox_enter(&box);
}

/* It serves nobody, and of its peer it reads no more than it takes to say so. */
static int refuse_all(void)
{
	static const char why[] = "opaed cannot shut in the process that would serve this connection, and "
				  "serves nobody without that; its log says what is missing";
	struct channel_message m = { .type = CHANNEL_END };
	struct transport *t;

	m.end.rc = -EPERM;
	memcpy(m.end.why, lacks, sizeof(m.end.why));
	channel_send(WORKER_CHANNEL, &m, -1);
	if (*start.tls[CREDENTIAL_CERT] && !start.spare)
		worker_tls_refuse();
	else if (!start.scout && !start.spare && !stream_new(WORKER_PEER, start.peer, &t))
		refuse_peer(t, start.hello_ns, *start.refuse ? start.refuse : why);
	return EXIT_SUCCESS;
}

/* Its own alarm must end it; the first process of a pid namespace is spared by what ends others. */
static void on_alarm(int sig)
{
	_exit(128 + sig);
}

static int be_scout(const char *why)
{
	if (*why || ask_start(WORKER_CHANNEL))
		return EXIT_FAILURE;
	lookout();
	ask_done();
	return EXIT_SUCCESS;
}

/* They count as its memory whether they are used or not. */
static void have_small_stacks(void)
{
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK);
	pthread_setattr_default_np(&attr);
	pthread_attr_destroy(&attr);
}

int main(void)
{
	const char *why = "";
	struct transport *t = NULL;

	if (!is_channel(WORKER_CHANNEL)) {
		fprintf(stderr, "opaed-worker: opaed starts this, one for each connection; start opaed\n");
		return 2;
	}
	prctl(PR_SET_NAME, "opaed-worker"); /* started by a descriptor it would be named after that */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGALRM, on_alarm);
	mallopt(M_ARENA_MAX, 1); /* memory is what many idle sessions cost */
	have_small_stacks();
	if (read_start())
		return EXIT_FAILURE;
	if (!*start.refuse)
		why = load();
	prepare_fabric();
	enter_sandbox();
	if (*lacks)
		return refuse_all();
	if (unfit)
		return EXIT_FAILURE;
	if (start.scout)
		return be_scout(why);
	if (start.spare && worker_spare_await(&start, &t))
		return EXIT_SUCCESS;
	if (!t && stream_new(WORKER_PEER, start.peer, &t))
		return EXIT_FAILURE;
	if (*start.tls[CREDENTIAL_CERT] && worker_tls(&start, &t))
		return EXIT_SUCCESS;
	if (*start.refuse) {
		refuse_peer(t, start.hello_ns, start.refuse);
		return EXIT_SUCCESS;
	}
	if (ask_start(WORKER_CHANNEL))
		return EXIT_FAILURE;
	run(t, why);
	ask_done();
	return EXIT_SUCCESS;
}
