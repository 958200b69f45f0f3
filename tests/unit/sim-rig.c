/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/sim-rig.h"

#include <fcntl.h>
#include <linux/pci_regs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/sys.h"
#include "tests/unit/check.h"
#include "vfio-user/message.h"

#define MOST 1000000u /* cycles that anything may take */

static const char *const logs[] = { "ccip_transactions.tsv", "workspace_info.log",
				    "ccip_warning_and_errors.txt", "ase_memory_error.log", "ase_seed.txt" };

/* ---- messages ---- */

static void put(struct sim_rig *r, const struct vu_header *h, const void *body, size_t len, int fd)
{
	struct vu_header head = *h;
	struct iovec iov[2] = { { &head, sizeof(head) }, { 0 } };

	head.size = (uint32_t)(sizeof(head) + len);
	memcpy(&iov[1].iov_base, &body, sizeof(body)); /* only read from */
	iov[1].iov_len = len;
	assert_int_equal(vu_send_all(r->peer, iov, len ? 2 : 1, &fd, fd >= 0, INT64_MAX), 0);
}

/* The body of the next message, which is the reply to the last command. */
static void take_reply(struct sim_rig *r, void *body, size_t len, uint16_t id)
{
	struct vu_header h;
	uint8_t rest[8192];

	assert_int_equal(recv(r->peer, &h, sizeof(h), MSG_DONTWAIT), sizeof(h));
	assert_int_equal(h.id, id);
	assert_int_equal(h.error, 0);
	assert_true(h.size - sizeof(h) <= sizeof(rest) && h.size - sizeof(h) >= len);
	if (h.size > sizeof(h))
		assert_int_equal(recv(r->peer, rest, h.size - sizeof(h), MSG_DONTWAIT), h.size - sizeof(h));
	if (len)
		memcpy(body, rest + (h.size - sizeof(h) - len), len);
}

void sim_rig_command(struct sim_rig *r, uint16_t command, const void *body, size_t len, int fd)
{
	put(r, &(struct vu_header){ .id = ++r->id, .command = command }, body, len, fd);
	vu_server_glance(r->h.server, 1);
	take_reply(r, NULL, 0, r->id);
}

void sim_rig_send_body(struct sim_rig *r, uint16_t command, const void *body, size_t len)
{
	put(r, &(struct vu_header){ .id = ++r->id, .command = command }, body, len, -1);
}

void sim_rig_send(struct sim_rig *r, uint16_t command)
{
	sim_rig_send_body(r, command, NULL, 0);
}

void sim_rig_reply(struct sim_rig *r, uint16_t id, uint16_t command, const void *body, size_t len)
{
	put(r, &(struct vu_header){ .id = id, .command = command, .flags = VU_FLAG_REPLY }, body, len, -1);
}

/* ---- registers ---- */

void sim_rig_write(struct sim_rig *r, uint32_t region, uint64_t offset, const void *data, uint32_t len)
{
	struct vu_access a = { offset, region, len };
	uint8_t body[sizeof(a) + 512];

	assert_true(len <= 512);
	memcpy(body, &a, sizeof(a));
	memcpy(body + sizeof(a), data, len);
	put(r,
	    &(struct vu_header){ .id = ++r->id, .command = VU_REGION_WRITE, .flags = VU_FLAG_NO_REPLY },
	    body, sizeof(a) + len, -1);
	vu_server_glance(r->h.server, 1);
}

void sim_rig_set(struct sim_rig *r, uint64_t offset, uint64_t value)
{
	sim_rig_write(r, VU_BAR0, offset, &value, sizeof(value));
}

void sim_rig_ask(struct sim_rig *r, uint32_t region, uint64_t offset, uint32_t len)
{
	struct vu_access a = { offset, region, len };

	put(r, &(struct vu_header){ .id = ++r->id, .command = VU_REGION_READ }, &a, sizeof(a), -1);
	vu_server_glance(r->h.server, 1);
}

static bool answered(const struct sim_rig *r)
{
	char c;

	return recv(r->peer, &c, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
}

void sim_rig_answer(struct sim_rig *r, void *data, uint32_t len)
{
	for (unsigned int i = 0; i < MOST && !answered(r); i++)
		host_cycle(&r->h);
	take_reply(r, data, len, r->id);
}

uint64_t sim_rig_get(struct sim_rig *r, uint64_t offset)
{
	uint64_t value;

	sim_rig_ask(r, VU_BAR0, offset, sizeof(value));
	sim_rig_answer(r, &value, sizeof(value));
	return value;
}

void sim_rig_copy(struct sim_rig *r, uint64_t src, uint64_t dst, uint64_t lines, uint64_t ctl)
{
	sim_rig_set(r, FAKE_SRC, RIG_IOVA + src);
	sim_rig_set(r, FAKE_DST, RIG_IOVA + dst);
	sim_rig_set(r, FAKE_LINES, lines);
	sim_rig_set(r, FAKE_CTL, ctl | FAKE_START);
}

/* ---- time ---- */

void sim_rig_cycles(struct sim_rig *r, uint64_t cycles)
{
	while (cycles--)
		host_cycle(&r->h);
}

void sim_rig_settle(struct sim_rig *r)
{
	unsigned int i = 0;

	do {
		host_cycle(&r->h);
		assert_true(i++ < MOST);
	} while (!host_quiet(&r->h) || r->afu.phase != FAKE_IDLE);
}

uint64_t sim_rig_rule(const struct sim_rig *r, const char *name)
{
	for (unsigned int i = 0; i < r->h.log.num_rules; i++)
		if (!strcmp(r->h.log.rules[i].name, name))
			return r->h.log.rules[i].errors;
	return 0;
}

/* ---- life ---- */

static void map(struct sim_rig *r, uint64_t iova, uint64_t bytes, int fd)
{
	struct vu_dma_map m = { sizeof(m), VU_DMA_CAN_READ | VU_DMA_CAN_WRITE, 0, iova, bytes };

	sim_rig_command(r, VU_DMA_MAP, &m, sizeof(m), fd);
}

static void bind_vector(struct sim_rig *r)
{
	struct vu_set_irqs q = { sizeof(q), VU_IRQ_DATA_EVENTFD | VU_IRQ_TRIGGER, VU_MSIX, 3, 1 };

	sim_rig_command(r, VU_DEVICE_SET_IRQS, &q, sizeof(q), r->vector);
}

void sim_rig_join(struct sim_rig *r)
{
	struct vu_version v = { VU_VERSION_MAJOR, VU_VERSION_MINOR };
	uint16_t command = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	r->peer = pair[1];
	assert_int_equal(vu_server_adopt(r->h.server, pair[0]), 0);
	sim_rig_command(r, VU_VERSION, &v, sizeof(v), -1);
	map(r, RIG_IOVA, RIG_BYTES, r->mem_fd);
	map(r, RIG_FAR, 0x1000, -1);
	bind_vector(r);
	sim_rig_write(r, VU_CONFIG, PCI_COMMAND, &command, sizeof(command));
}

void sim_rig_leave(struct sim_rig *r)
{
	close(r->peer);
	vu_server_glance(r->h.server, 1);
}

static void make_memory(struct sim_rig *r)
{
	void *at;

	r->mem_fd = sys_memfd("sim-rig", MFD_ALLOW_SEALING);
	assert_int_equal(sys_ftruncate(r->mem_fd, RIG_BYTES), 0);
	assert_int_equal(fcntl(r->mem_fd, F_ADD_SEALS, F_SEAL_SHRINK), 0); /* as the library's buffers are */
	assert_int_equal(sys_mmap(NULL, RIG_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, r->mem_fd, 0, &at), 0);
	r->mem = at;
	for (uint32_t i = 0; i < RIG_BYTES / 2; i++)
		r->mem[i] = (uint8_t)(i * 7 + i / 251 + 1);
}

void sim_rig_up(struct sim_rig *r, const struct settings *set)
{
	struct settings *mine = malloc(sizeof(*mine));

	memset(r, 0, sizeof(*r));
	assert_non_null(mine);
	*mine = *set;
	mine->quiet = true;
	snprintf(r->dir, sizeof(r->dir), "/tmp/opae-sim.XXXXXX");
	assert_non_null(mkdtemp(r->dir));
	memcpy(mine->workdir, r->dir, sizeof(r->dir));
	fake_afu_init(&r->afu);
	r->model = fake_afu_model(&r->afu);
	assert_int_equal(host_init(&r->h, &r->model, mine), 0);
	free(mine);
	assert_int_equal(log_open(&r->h), 0);
	assert_int_equal(device_new(&r->h), 0);
	r->vector = sys_eventfd(0, EFD_NONBLOCK);
	make_memory(r);
	sim_rig_join(r);
}

void sim_rig_down(struct sim_rig *r)
{
	char path[64];

	host_done(&r->h);
	log_close(&r->h);
	close(r->peer);
	close(r->vector);
	close(r->mem_fd);
	sys_munmap(r->mem, RIG_BYTES);
	for (unsigned int i = 0; i < sizeof(logs) / sizeof(logs[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", r->dir, logs[i]);
		unlink(path);
	}
	rmdir(r->dir);
}

bool sim_rig_copied(const struct sim_rig *r, uint64_t dst, uint64_t lines)
{
	return !memcmp(r->mem, r->mem + dst, lines * HOST_LINE);
}

bool sim_rig_fired(const struct sim_rig *r)
{
	eventfd_t v;

	return !eventfd_read(r->vector, &v);
}

void sim_rig_again(struct sim_rig *r, const struct settings *set)
{
	sim_rig_down(r);
	sim_rig_up(r, set);
}

void sim_rig_up_default(struct sim_rig *r)
{
	struct settings set;

	settings_default(&set);
	sim_rig_up(r, &set);
}
