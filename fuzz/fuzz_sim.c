/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The host of a simulation between an AFU and a client that both do anything: each operation is a byte that
 * says which, and bytes that it takes from what follows. Whatever comes: each line and each write that was
 * accepted is answered once, `last` is told at the last piece, nothing passes a fence, and the clock gets
 * on. A part of the client's memory is reached by messages: where the host waits for an answer, the input
 * says what the client does, who may also reset the device, leave or say nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/sys.h"
#include "fuzz/target.h"
#include "sim/host/control.h"
#include "sim/host/host-internal.h"
#include "vfio-user/message.h"

#define IOVA UINT64_C(0x10000)
#define BYTES 0x4000u
#define FAR (IOVA + BYTES) /* reached by messages */
#define FAR_BYTES 0x2000u
#define FENCE_COOKIE UINT64_C(0x100000000)

struct input {
	const uint8_t *at;
	size_t left;
};

/* What is expected of the host. It is forgotten at a reset. */
struct expected {
	uint64_t lines, writes;	 /* accepted and not answered */
	uint64_t next, fences;	 /* next: cookie of the next write; fences: those that were answered */
	uint64_t fence_at[4096]; /* the cookie that was next when the fence was asked for */
	uint64_t asked_fences;
};

static struct host h;
static struct expected want;
static int peer = -1, memory = -1;
static struct input *rest; /* of the input, for who is called by the host */
static bool has_reset;	   /* and the AFU has not seen it yet */
static char dir[] = "/tmp/opae-fuzz-sim.XXXXXX";

static uint64_t take(struct input *in, unsigned int bytes)
{
	uint64_t v = 0;

	for (unsigned int i = 0; i < bytes && in->left; i++, in->left--)
		v |= (uint64_t)*in->at++ << 8 * i;
	return v;
}

static bool tick(void *self, struct host_port *p)
{
	(void)self;
	if (p->reset) {
		memset(&want, 0, sizeof(want));
		has_reset = false;
	}
	return true;
}

static const struct sim_model model = { .size = sizeof(model), .name = "fuzz", .tick = tick };

/* ---- the AFU ---- */

/* Near the memory that is mapped, in most cases. */
static uint64_t address(struct input *in)
{
	uint64_t where = take(in, 2);

	return where & 0x8000 ? take(in, 8) : IOVA - 0x1000 + where;
}

static void read_memory(struct input *in)
{
	struct host_read r = { .iova = address(in), .bytes = (uint32_t)take(in, 2) % 600,
			       .ordered = take(in, 1) & 1 };

	if (host_read(&h.port, &r) && !h.port.reset)
		want.lines += (r.bytes + HOST_LINE - 1) / HOST_LINE;
}

static void write_memory(struct input *in)
{
	static const uint8_t data[HOST_LINE] = "written";
	struct host_write w = { .cookie = want.next,
				.iova = address(in),
				.bytes = (uint32_t)take(in, 1) % 66,
				.enables = take(in, 1) & 1 ? UINT64_MAX : take(in, 8),
				.ordered = take(in, 1) & 1, .data = data };

	if (!host_write(&h.port, &w) || h.port.reset)
		return;
	want.writes++;
	want.next++;
}

static void fence(void)
{
	if (want.asked_fences == 4096 || !host_fence(&h.port, FENCE_COOKIE + want.asked_fences, 0) ||
	    h.port.reset)
		return;
	want.fence_at[want.asked_fences++] = want.next;
	want.writes++;
}

static void interrupt(struct input *in)
{
	uint32_t vector = (uint32_t)take(in, 1);

	if (!host_interrupt(&h.port, want.next, vector >> 1 & 3, vector, vector & 1) || h.port.reset)
		return;
	want.next++;
	want.writes++;
}

static void take_line(void)
{
	struct host_read_line l;

	if (!host_take_read(&h.port, &l))
		return;
	if (!want.lines-- || !l.bytes || l.bytes > HOST_LINE || (l.last && want.lines > 4096))
		abort();
}

static void take_write(void)
{
	struct host_write_done d;

	if (!host_take_write(&h.port, &d))
		return;
	if (!want.writes--)
		abort();
	if (d.kind == HOST_FENCE) {
		if (d.cookie != FENCE_COOKIE + want.fences++)
			abort(); /* fences pass each other */
	} else if ((want.fences < want.asked_fences && d.cookie >= want.fence_at[want.fences]) ||
		   (want.fences && d.cookie < want.fence_at[want.fences - 1])) {
		abort(); /* it has passed a fence */
	}
}

static void take_register(struct input *in)
{
	struct host_mmio m;

	if (!host_take_mmio(&h.port, &m))
		return;
	if (m.address % m.bytes || m.address + m.bytes > HOST_MMIO_BYTES || m.tag >= HOST_MMIO_TAGS ||
	    (m.bytes != 4 && m.bytes != 8 && !(m.write && m.bytes == 64)))
		abort();
	if (!m.write && take(in, 1) & 3)
		host_mmio_done(&h.port, m.tag, take(in, 4));
}

/* ---- the client ---- */

static void drain(void)
{
	uint8_t junk[65536];

	while (recv(peer, junk, sizeof(junk), MSG_DONTWAIT) > 0)
		;
}

static void put(const struct vu_header *as, const void *body, size_t len, int fd)
{
	struct vu_header head = *as;
	uint8_t message[sizeof(head) + 512];
	struct iovec iov = { message, sizeof(head) + len };

	head.size = (uint32_t)iov.iov_len;
	memcpy(message, &head, sizeof(head));
	if (len)
		memcpy(message + sizeof(head), body, len);
	vu_send_some(peer, &iov, 1, &fd, fd >= 0);
}

static void send_message(uint16_t command, uint32_t flags, const void *body, size_t len, int fd)
{
	put(&(struct vu_header){ .command = command, .flags = flags }, body, len, fd);
	vu_server_glance(h.server, 8);
	drain();
}

static void access_register(struct input *in, bool write)
{
	uint8_t body[sizeof(struct vu_access) + 128] = { 0 };
	uint32_t len = (uint32_t)take(in, 1) % 129;
	struct vu_access a = { take(in, 2) << 1, take(in, 1) & 7, len };

	memcpy(body, &a, sizeof(a));
	if (write)
		send_message(VU_REGION_WRITE, VU_FLAG_NO_REPLY, body, sizeof(a) + len, -1);
	else
		send_message(VU_REGION_READ, 0, body, sizeof(a), -1);
}

static const struct {
	struct vu_access a;
	uint16_t command;
} enabling = { { 4, VU_CONFIG, 2 }, 6 };

static void enable(void)
{
	send_message(VU_REGION_WRITE, 0, &enabling, sizeof(enabling.a) + 2, -1);
}

static void join(void)
{
	struct vu_version v = { VU_VERSION_MAJOR, VU_VERSION_MINOR };
	struct vu_dma_map m = { sizeof(m), VU_DMA_CAN_READ | VU_DMA_CAN_WRITE, 0, IOVA, BYTES };
	struct vu_dma_map far = { sizeof(m), VU_DMA_CAN_READ | VU_DMA_CAN_WRITE, 0, FAR, FAR_BYTES };
	int pair[2];

	if (peer >= 0) {
		close(peer);
		for (int i = 0; i < 1000 && vu_server_connected(h.server); i++)
			vu_server_glance(h.server, 64);
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) || vu_server_adopt(h.server, pair[0]))
		abort();
	peer = pair[1];
	send_message(VU_VERSION, 0, &v, sizeof(v), -1);
	send_message(VU_DMA_MAP, 0, &m, sizeof(m), memory);
	send_message(VU_DMA_MAP, 0, &far, sizeof(far), -1);
	enable();
}

/* The server lets go of who speaks nonsense; another one comes. */
static void nonsense(struct input *in)
{
	uint8_t junk[32];
	size_t len = take(in, 1) % sizeof(junk);

	for (size_t i = 0; i < len; i++)
		junk[i] = (uint8_t)take(in, 1);
	if (send(peer, junk, len, MSG_NOSIGNAL | MSG_DONTWAIT) > 0)
		vu_server_glance(h.server, 8);
	join();
}

static void control(struct input *in)
{
	static const char *const verbs[] = { "", "run ", "step ", "wave ", "status", "rules" };
	char line[64], answer[2048];
	size_t len = (size_t)snprintf(line, sizeof(line), "%s", verbs[take(in, 1) % 6]);
	const char *problem;
	uint64_t until;

	for (size_t more = take(in, 1) % 40; more; more--)
		line[len++] = (char)take(in, 1);
	line[len] = 0;
	control_line(&h, line, answer, sizeof(answer), &until);
	if (*answer && (strlen(answer) >= sizeof(answer) || answer[strlen(answer) - 1] != '\n'))
		abort();
	settings_config_line(&h.set, line, &problem);
}

/* ---- the client, while he is asked for his memory ---- */

/* The next command of the device's; false: none is here. Replies are nothing to him. */
static bool asked(struct vu_header *head, struct vu_dma_access *a)
{
	uint8_t body[4096];

	while (recv(peer, head, sizeof(*head), MSG_DONTWAIT) == sizeof(*head)) {
		size_t len = head->size - sizeof(*head);

		if (len > sizeof(body) || (len && recv(peer, body, len, MSG_DONTWAIT) != (ssize_t)len))
			abort();
		if ((head->flags & VU_FLAG_TYPE) == VU_FLAG_REPLY)
			continue;
		if (len < sizeof(*a))
			abort();
		memcpy(a, body, sizeof(*a));
		return true;
	}
	return false;
}

static void answer(const struct vu_header *to, const struct vu_dma_access *a, uint16_t id, uint32_t error)
{
	struct vu_header head = { .id = id, .command = to->command, .error = error,
				  .flags = VU_FLAG_REPLY | (error ? VU_FLAG_ERROR : 0) };
	uint8_t body[sizeof(*a) + HOST_LINE] = { 0 };
	size_t len = sizeof(*a) + (head.command == VU_DMA_READ ? a->count : 0);

	memcpy(body, a, sizeof(*a));
	put(&head, body, error ? 0 : len, -1);
}

static void reset_meanwhile(void)
{
	struct vu_access read = { 8, VU_BAR0, 8 };

	put(&(struct vu_header){ .command = VU_DEVICE_RESET }, NULL, 0, -1);
	put(&(struct vu_header){ .command = VU_REGION_WRITE }, &enabling, sizeof(enabling.a) + 2, -1);
	put(&(struct vu_header){ .command = VU_REGION_READ }, &read, sizeof(read), -1);
	has_reset = true;
}

static void serve_memory(void)
{
	struct vu_dma_unmap u = { sizeof(u), 0, FAR, FAR_BYTES };
	struct vu_dma_access a;
	struct vu_header head;

	if (!asked(&head, &a))
		return;
	if (a.count > HOST_LINE || a.address < FAR || a.address + a.count > FAR + FAR_BYTES || has_reset)
		abort(); /* what it must not ask for, or from before the reset */
	switch (take(rest, 1) % 9) {
	case 3: answer(&head, &a, head.id, EFAULT); break;
	case 4: answer(&head, &a, (uint16_t)(head.id + 1), 0); break;
	case 5:
		reset_meanwhile();
		answer(&head, &a, head.id, 0);
		break;
	case 6: shutdown(peer, SHUT_RDWR); break;
	case 7: break; /* he says nothing */
	case 8:
		put(&(struct vu_header){ .command = VU_DMA_UNMAP }, &u, sizeof(u), -1);
		answer(&head, &a, head.id, 0);
		break;
	default: answer(&head, &a, head.id, 0);
	}
}

/* Where the host waits for the client. */
static int his_turn(struct pollfd *fds, nfds_t n, int timeout_ms)
{
	if (n == VU_SERVER_FDS)
		serve_memory();
	return sys_kernel.poll(fds, n, timeout_ms);
}

/* ---- one input ---- */

static void one(struct input *in)
{
	switch (take(in, 1) % 15) {
	case 0: read_memory(in); break;
	case 1: write_memory(in); break;
	case 2: fence(); break;
	case 3: interrupt(in); break;
	case 4: take_line(); break;
	case 5: take_write(); break;
	case 6: take_register(in); break;
	case 7: host_mmio_done(&h.port, (uint32_t)take(in, 1), take(in, 8)); break;
	case 8: access_register(in, false); break;
	case 9: access_register(in, true); break;
	case 10:
		for (uint64_t n = take(in, 1); n; n--)
			host_cycle(&h);
		break;
	case 11: send_message(VU_DEVICE_RESET, 0, NULL, 0, -1); enable(); break;
	case 12: nonsense(in); break;
	case 13: control(in); break;
	case 14: /* in one cycle, as an adapter does */
		take_line();
		take_write();
		take_register(in);
		break;
	}
	host_cycle(&h);
	if (!vu_server_has_client(h.server))
		join();
}

/* Everything that was accepted is answered in the end. */
static void finish(void)
{
	static struct input none;

	rest = &none;
	for (unsigned int i = 0; i < 3 * HOST_MMIO_TIMEOUT && !host_quiet(&h); i++) {
		host_cycle(&h);
		take_line();
		take_write();
		take_register(&none);
	}
	if (want.lines || want.writes || h.reads.due.num || h.writes.due.num || h.mmio.num ||
	    h.mmio.outstanding)
		abort();
}

static void make(uint8_t first)
{
	static const char *const noisy[] = { "memory-read", "memory-write", "mmio-timeout",
					     "mmio-unsolicited", "mmio-narrow", "interrupt-vector",
					     "interrupt-unbound", "client-silent", "mmio-crowd" };
	struct settings set;

	settings_default(&set);
	set.quiet = true;
	set.log = LOG_ALL;
	set.shuffle = first & 1;
	set.mmio_gap = first & 2 ? 1 : 16;
	set.outstanding = first & 4 ? 8 : 256;
	memcpy(set.workdir, dir, sizeof(dir));
	memset(&want, 0, sizeof(want));
	has_reset = false;
	if (host_init(&h, &model, &set))
		abort();
	h.answer_ms = 1;
	if (log_open(&h) || device_new(&h))
		abort();
	for (unsigned int i = 0; i < sizeof(noisy) / sizeof(noisy[0]); i++) { /* nobody reads them here */
		memcpy(h.log.rules[i].name, noisy[i], strlen(noisy[i]) + 1);
		h.log.rules[i].errors = h.log.rules[i].warnings = 1000;
		h.log.num_rules++;
	}
	peer = -1;
	join();
}

static void tidy(void)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -rf %s", dir);
	if (system(command))
		return;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct input in = { data, len };
	static struct sys_ops ops;

	if (memory < 0) {
		ops = sys_kernel;
		ops.poll = his_turn;
		sys_set(&ops);
		memory = sys_memfd("fuzz", MFD_ALLOW_SEALING);
		if (memory < 0 || sys_ftruncate(memory, BYTES) ||
		    fcntl(memory, F_ADD_SEALS, F_SEAL_SHRINK) || !mkdtemp(dir))
			abort();
		atexit(tidy);
	}
	rest = &in;
	make((uint8_t)take(&in, 1));
	while (in.left)
		one(&in);
	finish();
	close(peer);
	host_done(&h);
	log_close(&h);
	return 0;
}
