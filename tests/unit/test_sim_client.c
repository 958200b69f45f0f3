/* SPDX-License-Identifier: BSD-3-Clause */
/* Our own client of a simulation, which serves memory without a descriptor on its twin socket. */
#include <linux/pci_regs.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "tests/unit/check.h"
#include "tests/unit/sim-rig.h"
#include "vfio-user/client.h"

#define FAR UINT64_C(0x40000000)
#define FAR_BYTES 0x2000u
#define MINUTE (60 * NS_PER_S)

struct end {
	struct sim_rig rig;
	pthread_t thread;
	struct vu_client *client;
	pthread_mutex_t lock; /* guards the memory, which another process would share without */
	uint8_t memory[FAR_BYTES];
};

/* On the client's watcher thread, while the simulation waits. */
static int on_dma(void *ctx, uint64_t iova, void *data, size_t len, bool write)
{
	struct end *e = ctx;

	if (iova < FAR || len > FAR_BYTES || iova - FAR > FAR_BYTES - len)
		return -1;
	SCOPED_LOCK(&e->lock);
	if (write)
		memcpy(e->memory + (iova - FAR), data, len);
	else
		memcpy(data, e->memory + (iova - FAR), len);
	return 0;
}

static void *simulate(void *arg)
{
	host_run(&((struct end *)arg)->rig.h);
	return NULL;
}

static int up(void **state)
{
	struct end *e = calloc(1, sizeof(*e));
	struct vu_client_options opt = { .connect_timeout_ns = MINUTE,
					 .call_timeout_ns = MINUTE,
					 .spin_ns = 50 * NS_PER_US,
					 .dma_access = on_dma,
					 .dma_ctx = e };
	uint16_t command = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	struct settings set;
	char why[160];

	if (!e)
		return -1;
	pthread_mutex_init(&e->lock, NULL);
	settings_default(&set);
	snprintf(set.socket, sizeof(set.socket), "/tmp/opae-sim-client.%d", getpid());
	sim_rig_up(&e->rig, &set);
	sim_rig_leave(&e->rig); /* its client makes room for ours */
	assert_int_equal(pthread_create(&e->thread, NULL, simulate, e), 0);
	assert_int_equal(vu_client_connect(set.socket, &opt, why, sizeof(why), &e->client), 0);
	assert_int_equal(vu_client_watch(e->client), 0);
	assert_int_equal(vu_client_write(e->client, VU_CONFIG, PCI_COMMAND, &command, sizeof(command)), 0);
	assert_int_equal(vu_client_dma_map(e->client, FAR, FAR_BYTES, -1, 0, true, true), 0);
	*state = e;
	return 0;
}

static int down(void **state)
{
	struct end *e = *state;

	vu_client_close(e->client);
	atomic_store(&e->rig.h.stop, true);
	vu_server_stop(e->rig.h.server);
	pthread_join(e->thread, NULL);
	e->rig.peer = dup(e->rig.mem_fd); /* its own was closed when it left */
	sim_rig_down(&e->rig);
	pthread_mutex_destroy(&e->lock);
	free(e);
	return 0;
}

static void set(struct end *e, uint64_t offset, uint64_t value)
{
	assert_int_equal(vu_client_write(e->client, VU_BAR0, offset, &value, sizeof(value)), 0);
}

static uint64_t get(struct end *e, uint64_t offset)
{
	uint64_t value = 0;

	assert_int_equal(vu_client_read(e->client, VU_BAR0, offset, &value, sizeof(value)), 0);
	return value;
}

/* The client waits in its reads of a register while it is asked for its memory. */
static void memory_is_served_while_a_register_is_read(void **state)
{
	struct end *e = *state;
	int64_t end = clock_deadline(MINUTE);

	pthread_mutex_lock(&e->lock);
	for (unsigned int i = 0; i < FAR_BYTES / 2; i++)
		e->memory[i] = (uint8_t)(i * 3 + 1);
	pthread_mutex_unlock(&e->lock);
	set(e, FAKE_SRC, FAR);
	set(e, FAKE_DST, FAR + FAR_BYTES / 2);
	set(e, FAKE_LINES, FAR_BYTES / 2 / HOST_LINE);
	set(e, FAKE_CTL, FAKE_START);
	while (get(e, FAKE_STATUS) && clock_left_ms(end))
		;
	assert_int_equal(get(e, FAKE_COPIES), 1);
	pthread_mutex_lock(&e->lock);
	assert_memory_equal(e->memory, e->memory + FAR_BYTES / 2, FAR_BYTES / 2);
	pthread_mutex_unlock(&e->lock);
}

static void a_reset_lets_the_client_go_on(void **state)
{
	struct end *e = *state;
	uint16_t command = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;

	for (unsigned int i = 0; i < 20; i++) {
		set(e, FAKE_SRC, FAR);
		set(e, FAKE_DST, FAR + FAR_BYTES / 2);
		set(e, FAKE_LINES, 64);
		set(e, FAKE_CTL, FAKE_START);
		assert_int_equal(vu_client_reset(e->client), 0);
		assert_int_equal(
			vu_client_write(e->client, VU_CONFIG, PCI_COMMAND, &command, sizeof(command)), 0);
		assert_int_equal(get(e, FAKE_LINES), 0);
	}
	assert_int_equal(get(e, 0), FAKE_DFH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(memory_is_served_while_a_register_is_read),
		RIGGED(a_reset_lets_the_client_go_on),
	};

	return RUN(tests);
}
