/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/client-rig.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "rpc/client/conn.h"
#include "tests/unit/fake-fabric.h"
#include "transport/listen.h"
#include "transport/stream.h"
#include "wire/ops.h"
#include "wire/props.h"

#define SOON clock_deadline(20 * NS_PER_S)

struct client_rig rig;

static _Thread_local char last_detail[512];

static void vdetail(const char *fmt, va_list ap)
{
	vsnprintf(last_detail, sizeof(last_detail), fmt, ap);
}

const char *detail(void)
{
	return last_detail;
}

static const struct opae_host *host(void)
{
	static struct opae_host h;

	h = *props_host(&sys_kernel);
	h.vdetail = vdetail;
	return &h;
}

/* ---- servers ---- */

static void *run_script(void *arg)
{
	struct rig_session *e = arg;

	e->server->script(&e->link);
	rpc_link_break(&e->link, -ECANCELED);
	return NULL;
}

static void *run_session(void *arg)
{
	struct rig_session *e = arg;

	rpc_session_run(e->session);
	rpc_session_stop(e->session);
	return NULL;
}

static void session_end(struct rig_session *e)
{
	if (!e->used)
		return;
	shutdown(e->fd, SHUT_RDWR);
	pthread_join(e->thread, NULL);
	if (e->session)
		rpc_session_free(e->session);
	else
		rpc_link_done(&e->link);
	*e = (struct rig_session){ .used = false };
}

static void session_begin(struct rig_server *s, int fd)
{
	static const struct rpc_session_options options = { .host = "model", .principal = "test",
							    .exposer = &fake_exposer };
	struct rig_session *e = s->sessions;
	struct transport *t;
	SCOPED_LOCK(&s->lock);

	while (e->used)
		e++;
	assert_true(e < s->sessions + RIG_SESSIONS);
	assert_int_equal(stream_new(fd, "client", &t), 0);
	*e = (struct rig_session){ .server = s, .used = true, .fd = fd };
	atomic_fetch_add(&s->accepted, 1); /* before the peer can have an answer */
	if (s->script) {
		assert_int_equal(rpc_link_init(&e->link, t), 0);
		e->link.peer_max = WIRE_FRAME_MAX;
		assert_int_equal(pthread_create(&e->thread, NULL, run_script, e), 0);
	} else {
		assert_int_equal(rpc_session_new(t, &fake.served, &options, &e->session), 0);
		assert_int_equal(pthread_create(&e->thread, NULL, run_session, e), 0);
	}
}

static void *accept_all(void *arg)
{
	struct rig_server *s = arg;
	struct pollfd p[2] = { { .fd = s->stop, .events = POLLIN }, { .fd = s->listener, .events = POLLIN } };
	struct peer peer;
	int fd;

	for (;;) {
		poll(p, 2, -1);
		if (p[0].revents)
			return NULL;
		if (!listen_accept(s->listener, &fd, &peer))
			session_begin(s, fd);
	}
}

void server_start(struct rig_server *s)
{
	struct address a = { .kind = ADDRESS_UNIX };

	snprintf(a.path, sizeof(a.path), "%s", s->path);
	assert_int_equal(listen_open(&a, &s->listener), 0);
	s->running = true;
	if (s->silent)
		return;
	s->stop = eventfd(0, EFD_CLOEXEC);
	assert_int_equal(pthread_create(&s->acceptor, NULL, accept_all, s), 0);
}

void server_kick(struct rig_server *s)
{
	SCOPED_LOCK(&s->lock);

	for (unsigned int i = 0; i < RIG_SESSIONS; i++)
		session_end(&s->sessions[i]);
}

void server_stop(struct rig_server *s)
{
	if (!s->running)
		return;
	if (!s->silent) {
		eventfd_write(s->stop, 1);
		pthread_join(s->acceptor, NULL);
		close(s->stop);
	}
	close(s->listener);
	unlink(s->path);
	server_kick(s);
	s->running = false;
}

/* ---- the client ---- */

void rig_up(unsigned int hosts, void (*change)(struct rpc_client_config *c))
{
	struct rpc_client_config config = { .plugin = "tcp",
					    .num_hosts = hosts,
					    .hosts = calloc(hosts + 1, sizeof(*config.hosts)),
					    .spin_ns = 20 * NS_PER_US,
					    .timeout_ns = 10 * NS_PER_S,
					    .connect_ns = 10 * NS_PER_S,
					    .rdma_least = 32 * 1024 };

	fake_up();
	memset(&rig, 0, sizeof(rig));
	snprintf(rig.dir, sizeof(rig.dir), "/tmp/opae-client.XXXXXX");
	assert_non_null(mkdtemp(rig.dir));
	for (unsigned int i = 0; i < RIG_SERVERS; i++) {
		snprintf(rig.servers[i].path, sizeof(rig.servers[i].path), "%s/%u", rig.dir, i);
		pthread_mutex_init(&rig.servers[i].lock, NULL);
	}
	for (unsigned int i = 0; i < hosts; i++) {
		config.hosts[i].address.kind = ADDRESS_UNIX;
		snprintf(config.hosts[i].address.path, ADDRESS_PATH_MAX, "%s", rig.servers[i].path);
		snprintf(config.hosts[i].name, sizeof(config.hosts[i].name), "host%u", i);
		config.hosts[i].segment = (uint16_t)(i * 4096);
	}
	if (change)
		change(&config);
	assert_int_equal(rpc_client_new(host(), &config, &rig.client), 0);
	rpc_client_fill(&rig.t, rig.client);
	assert_int_equal(rig.t.initialize(rig.client), 0);
}

void rig_down(void)
{
	rig.t.finalize(rig.client);
	rpc_client_free(rig.client);
	for (unsigned int i = 0; i < RIG_SERVERS; i++)
		server_stop(&rig.servers[i]);
	assert_int_equal(rmdir(rig.dir), 0);
	fake_down();
}

uint32_t rig_enumerate(int objtype, fpga_token *tokens, uint32_t max)
{
	struct host_props filter = { .v = { .valid = OPAE_PROP_OBJTYPE, .objtype = (fpga_objtype)objtype } };
	fpga_properties filters[1] = { &filter };
	bool all = objtype < 0;
	uint32_t n = 0;

	assert_int_equal(rig.t.enumerate(rig.client, all ? NULL : filters, all ? 0 : 1, tokens, max, &n),
			 FPGA_OK);
	return n;
}

void rig_destroy(fpga_token *tokens, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(rig.t.fpgaDestroyToken(&tokens[i]), FPGA_OK);
}

fpga_handle rig_open(void)
{
	fpga_token tokens[8];
	fpga_handle h = NULL;
	uint32_t n = rig_enumerate(FPGA_ACCELERATOR, tokens, 8);

	assert_in_range(n, 1, 8);
	assert_int_equal(rig.t.fpgaOpen(tokens[0], &h, 0), FPGA_OK);
	rig_destroy(tokens, n);
	return h;
}

struct opae_props rig_props(fpga_token t)
{
	fpga_properties p = NULL;
	struct opae_props v;

	assert_int_equal(rig.t.fpgaGetProperties(t, &p), FPGA_OK);
	v = ((struct host_props *)p)->v;
	free(p);
	return v;
}

void rig_set_patience(fpga_handle h, int64_t ns)
{
	((struct remote_handle *)h)->conn->timeout_ns = ns;
}

/* ---- scripts ---- */

bool script_next(struct rpc_link *l, struct rpc_frame *f)
{
	return !rpc_link_next(l, f, 0, SOON);
}

void script_reply(struct rpc_link *l, const struct wire_head *to, const void *body, size_t len)
{
	struct wire_head head = { .op = to->op, .flags = WIRE_REPLY, .id = to->id, .object = to->object };

	rpc_link_send(l, &head, body, len, NULL, 0, SOON);
}

void script_fail(struct rpc_link *l, const struct wire_head *to, uint32_t result, const char *why)
{
	struct wire_head head = { .op = to->op, .flags = WIRE_REPLY, .id = to->id, .budget = result };
	unsigned char body[600];
	struct wire_writer w;

	wire_writer_init(&w, body, sizeof(body), NULL);
	wire_put_text(&w, why);
	rpc_link_send(l, &head, body, w.len, NULL, 0, SOON);
}

void script_hello(struct rpc_link *l)
{
	script_hello_with(l, 0);
}

void script_hello_with(struct rpc_link *l, uint64_t features)
{
	unsigned char body[64];
	struct wire_writer w;
	struct rpc_frame f;

	if (!script_next(l, &f))
		return;
	wire_writer_init(&w, body, sizeof(body), wire_op_info(WIRE_HELLO)->reply);
	wire_put_u16(&w, WIRE_VERSION);
	wire_put_u64(&w, features);
	wire_put_u32(&w, WIRE_FRAME_MAX);
	wire_put_u32(&w, 64);
	wire_put_text(&w, "script");
	wire_put_text(&w, "s");
	wire_put_text(&w, "p");
	script_reply(l, &f.head, body, w.len);
}

bool script_usual(struct rpc_link *l, const struct rpc_frame *f)
{
	struct opae_props p = { .valid = OPAE_PROP_OBJTYPE, .objtype = FPGA_ACCELERATOR };
	unsigned char body[1024];
	struct wire_writer w;

	if (f->head.op != WIRE_ENUMERATE && f->head.op != WIRE_OPEN)
		return false;
	wire_writer_init(&w, body, sizeof(body), wire_op_info(f->head.op)->reply);
	wire_put_u64(&w, 7);
	wire_put_u64(&w, 0);
	wire_put_props(&w, &p);
	if (f->head.op == WIRE_OPEN) {
		wire_put_u64(&w, 4096);
		wire_put_u32(&w, OPAEX_MMIO_READ | OPAEX_MMIO_WRITE);
	}
	script_reply(l, &f->head, body, w.len);
	return true;
}
