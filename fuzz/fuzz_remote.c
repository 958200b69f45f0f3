/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A hostile server against the remote client, over the loop-back: enumeration, properties, a handle with
 * all that can be called on it, and its close. Whenever the client waits, the next pieces of the input are
 * what the server says, up to and with an answer to each request; when there are none left it hangs up. A
 * piece is a kind, a length (2) and bytes:
 *
 *     0 the body of an answer        1 an answer that is a failure: its result, then the body
 *     2 the body of a part of one    3 a push: message, object (2), then its body
 *     4 bytes as they are
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "fuzz/target.h"
#include "rpc/client/client.h"
#include "rpc/client/conn.h"
#include "rpc/client/host.h"
#include "transport/loop.h"
#include "wire/bytes.h"
#include "wire/ops.h"

#define ROOM (1u << 20)
#define IDLE_MAX 256 /* looks without a request: what was said so far is half a frame */
#define WAIT_NS (20 * NS_PER_MS)
#define PAGE 4096u

/* ---- the server ---- */

struct server {
	struct rpc_link link;
	bool gone;
	const uint8_t *at;
	size_t len;
	unsigned int idle;
};

static void hang_up(struct server *s)
{
	if (!s->gone)
		rpc_link_done(&s->link);
	s->gone = true;
}

static void send_bytes(struct server *s, const uint8_t *data, size_t len)
{
	struct iovec iov = { .iov_len = len };

	memcpy(&iov.iov_base, &data, sizeof(data));
	rpc_link_send_iov(&s->link, &iov, 1, 0);
}

/* One piece. True: it was an answer. */
static bool say_piece(struct server *s, const struct wire_head *to, uint8_t kind, const uint8_t *data,
		      size_t len)
{
	struct wire_head head = { .op = to->op, .flags = WIRE_REPLY, .id = to->id, .object = to->object };
	size_t skip = 0;

	switch (kind % 5) {
	case 1:
		head.budget = len ? data[0] : 1;
		skip = 1;
		break;
	case 2:
		head.flags |= WIRE_MORE;
		break;
	case 3:
		if (len < 3)
			return false;
		head = (struct wire_head){ .op = data[0],
					   .flags = WIRE_ONE_WAY,
					   .object = bytes_get16(data + 1) };
		skip = 3;
		break;
	case 4:
		send_bytes(s, data, len);
		return false;
	default:
		break;
	}
	skip = skip < len ? skip : len;
	rpc_link_send(&s->link, &head, data + skip, len - skip, NULL, 0, 0);
	return kind % 5 < 2;
}

static void answer(struct server *s, const struct wire_head *to)
{
	bool done = false;

	while (!done && s->len >= 3) {
		size_t len = bytes_get16(s->at + 1);

		len = len < s->len - 3 ? len : s->len - 3;
		done = say_piece(s, to, s->at[0], s->at + 3, len);
		s->at += 3 + len;
		s->len -= 3 + len;
	}
	if (!done)
		hang_up(s);
}

static void pump(void *ctx)
{
	struct server *s = ctx;
	struct rpc_frame f;
	int rc = 0;

	if (s->gone)
		return;
	while (!s->gone && (rc = rpc_link_read(&s->link, &f)) == 1)
		if (f.head.id) {
			s->idle = 0;
			answer(s, &f.head);
		}
	if (rc < 0 || ++s->idle > IDLE_MAX)
		hang_up(s);
}

/* ---- the host of the plugin ---- */

static void vlog(int level, const char *plugin, const char *fmt, va_list ap)
{
	char line[512];

	(void)level;
	(void)plugin;
	vsnprintf(line, sizeof(line), fmt, ap);
}

static void vdetail(const char *fmt, va_list ap)
{
	vlog(0, "", fmt, ap);
}

static fpga_result props_new(fpga_properties *ret)
{
	*ret = calloc(1, sizeof(struct opae_props));
	return *ret ? FPGA_OK : FPGA_NO_MEMORY;
}

static fpga_result props_write(fpga_properties prop, const struct opae_props *values)
{
	memcpy(prop, values, sizeof(*values));
	return FPGA_OK;
}

static fpga_result props_read(fpga_properties prop, struct opae_props *values)
{
	memcpy(values, prop, sizeof(*values));
	return FPGA_OK;
}

static fpga_result props_unset(fpga_properties prop, uint32_t bits, const char *why)
{
	(void)bits;
	return prop && strlen(why) < OPAE_PROPS_REASON_MAX ? FPGA_OK : FPGA_INVALID_PARAM;
}

static const struct opae_host host = { .size = sizeof(host),
				       .vlog = vlog,
				       .vdetail = vdetail,
				       .props_new = props_new,
				       .props_write = props_write,
				       .props_read = props_read,
				       .props_unset = props_unset };

/* ---- the client ---- */

static void must(bool fine)
{
	if (!fine)
		abort();
}

static void use_registers(const opae_api_adapter_table *t, fpga_handle h)
{
	uint64_t v, block[16];
	uint32_t w;

	t->fpgaReadMMIO64(h, 0, 8, &v);
	t->fpgaReadMMIO32(h, 0, 8, &w);
	t->fpgaWriteMMIO64(h, 0, 16, 1);
	t->fpgaWriteMMIO512(h, 0, 64, block);
	t->read_mmio_block(h, 0, 0, block, sizeof(block));
	t->poll_mmio(h, 0, 8, 1, 1, 0, 1000, &v);
	t->fpgaReset(h);
}

static void use_buffer(const opae_api_adapter_table *t, fpga_handle h)
{
	uint64_t wsid, io;
	void *at = NULL;

	if (t->fpgaPrepareBuffer(h, PAGE, &at, &wsid, 0) != FPGA_OK)
		return;
	memset(at, 1, 100);
	t->fpgaGetIOAddress(h, wsid, &io);
	use_registers(t, h);
	memset(at, 2, PAGE);
	t->push_buffer(h, wsid, 0, PAGE);
	t->pull_buffer(h, wsid, 0, PAGE);
	t->fpgaReleaseBuffer(h, wsid);
}

static void use_object(const opae_api_adapter_table *t, fpga_object o)
{
	uint8_t bytes[64];
	uint64_t v;
	uint32_t n;

	t->fpgaObjectGetSize(o, &n, 0);
	t->fpgaObjectRead(o, bytes, 0, sizeof(bytes), 0);
	t->fpgaObjectRead64(o, &v, 0);
	t->fpgaDestroyObject(&o);
}

static void use_handle(const opae_api_adapter_table *t, fpga_handle h)
{
	fpga_metric_info info[8];
	fpga_metric metrics[2];
	fpga_event_handle event = NULL;
	fpga_properties p = NULL;
	fpga_object o = NULL;
	uint64_t n = 8, which[2] = { 0, 1 }, low;

	use_registers(t, h);
	use_buffer(t, h);
	if (t->fpgaGetPropertiesFromHandle(h, &p) == FPGA_OK)
		free(p);
	if (t->create_event(t->instance, &event) == FPGA_OK) {
		t->fpgaRegisterEvent(h, FPGA_EVENT_INTERRUPT, event, 0);
		t->fpgaUnregisterEvent(h, FPGA_EVENT_INTERRUPT, event);
		t->fpgaDestroyEventHandle(&event);
	}
	t->fpgaGetMetricsInfo(h, info, &n);
	t->fpgaGetMetricsByIndex(h, which, 2, metrics);
	t->fpgaGetUserClock(h, &n, &low, 0);
	if (t->fpgaHandleGetObject(h, "a", &o, 0) == FPGA_OK)
		use_object(t, o);
	t->fpgaReconfigureSlot(h, 0, (const uint8_t *)"bits", 4, 0);
}

static void use_token(const opae_api_adapter_table *t, fpga_token token)
{
	struct fpga_error_info info;
	struct opae_props p = { 0 };
	fpga_token parent;
	fpga_handle h;
	uint64_t v;

	t->known_properties(token, &p);
	must(!memchr(p.hostname, 0, sizeof(p.hostname)) == false);
	t->fpgaUpdateProperties(token, &p);
	t->fpgaReadError(token, 0, &v);
	t->fpgaGetErrorInfo(token, 0, &info);
	if (t->parent_of(token, &parent) == FPGA_OK)
		t->fpgaDestroyToken(&parent);
	if (t->fpgaOpen(token, &h, 0) != FPGA_OK)
		return;
	use_handle(t, h);
	t->fpgaClose(h);
}

static void use(const opae_api_adapter_table *t)
{
	fpga_token tokens[4];
	uint32_t n = 0;

	must(t->enumerate(t->instance, NULL, 0, tokens, 4, &n) == FPGA_OK);
	for (uint32_t i = 0; i < n && i < 4; i++) {
		if (!i)
			use_token(t, tokens[i]);
		t->fpgaDestroyToken(&tokens[i]);
	}
}

static bool greet(struct rpc_client *client, struct transport *t)
{
	struct conn *n = conn_new(&client->hosts[0], t);
	struct call c;
	fpga_result r;

	must(n != NULL);
	host_greet_begin(&c, n);
	r = host_greet_end(&c, call_run(&c));
	if (r == FPGA_OK)
		host_set_conn(&client->hosts[0], n);
	conn_put(n);
	return r == FPGA_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct rpc_client_config config = { .plugin = "fuzz",
					    .hosts = calloc(1, sizeof(*config.hosts)),
					    .num_hosts = 1,
					    .spin_ns = WAIT_NS,
					    .timeout_ns = WAIT_NS,
					    .connect_ns = NS_PER_MS / 5 };
	struct server s = { .at = data, .len = len };
	opae_api_adapter_table t = { .size = sizeof(t), .host = &host };
	struct transport *ours, *theirs;
	struct rpc_client *client;

	must(config.hosts != NULL);
	config.hosts[0].address.kind = ADDRESS_UNIX;
	snprintf(config.hosts[0].address.path, ADDRESS_PATH_MAX, "/nowhere/fuzz.sock");
	snprintf(config.hosts[0].name, sizeof(config.hosts[0].name), "fuzz");
	must(!rpc_client_new(&host, &config, &client) && !loop_pair(ROOM, &ours, &theirs));
	rpc_client_fill(&t, client);
	must(!rpc_link_init(&s.link, theirs));
	s.link.peer_max = WIRE_FRAME_MAX;
	loop_set_pump(ours, pump, &s);
	if (greet(client, ours))
		use(&t);
	rpc_client_free(client);
	hang_up(&s);
	return 0;
}
