/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Any client against a session that serves what opaed's worker does: the library and v-opae in this
 * process, on an emulated card with a device and an accelerator, which plays on a thread; see session-peer.h.
 * After each input the accelerator can be opened for oneself, so nobody has kept it.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <opae/fpga.h>

#include "daemon/served.h"
#include "emu/board.h"
#include "emu/card.h"
#include "emu/inject.h"
#include "fuzz/session-peer.h"
#include "fuzz/target.h"

static char dir[] = "/tmp/opae-fuzz-card.XXXXXX";
static char socket_path[64], config_path[64];
static struct card *card;
static pthread_t thread;
static fpga_token accelerator;

static void *play(void *arg)
{
	(void)arg;
	card_run(card);
	return NULL;
}

static void stop(void)
{
	static const char *const files[] = { "inventory", "holders" };
	char path[64];

	fpgaDestroyToken(&accelerator);
	fpgaFinalize();
	card_stop(card);
	pthread_join(thread, NULL);
	card_free(card);
	for (unsigned int i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
		unlink(path);
	}
	unlink(config_path);
	rmdir(dir);
}

static void write_config(void)
{
	FILE *f = fopen(config_path, "w");

	if (!f)
		abort();
	fprintf(f,
		"{\"configurations\": {\"vfio\": {\"enabled\": true, \"plugin\": \"libv-opae.so\",\n"
		"  \"configuration\": {\"sockets\": [\"%s\"], \"devices\": []}}}, \"plugins\": [\"vfio\"]}\n",
		socket_path);
	fclose(f);
}

static void find_accelerator(void)
{
	fpga_properties filter;
	uint32_t num;

	if (fpgaGetProperties(NULL, &filter) || fpgaPropertiesSetObjectType(filter, FPGA_ACCELERATOR) ||
	    fpgaEnumerate(&filter, 1, &accelerator, 1, &num) || num != 1)
		abort();
	fpgaDestroyProperties(&filter);
}

static void start(void)
{
	static const struct inject inject;

	if (!getenv("OPAE_EXPLICIT_INITIALIZE")) {
		fprintf(stderr, "OPAE_EXPLICIT_INITIALIZE must be set: another configuration is in force\n");
		exit(2);
	}
	if (!mkdtemp(dir))
		abort();
	snprintf(socket_path, sizeof(socket_path), "%s/card.sock", dir);
	snprintf(config_path, sizeof(config_path), "%s/opae.cfg", dir);
	setenv("OPAEX_INVENTORY_DIR", dir, 1);
	write_config();
	if (card_new(board_find("a10"), socket_path, false, &inject, &card) ||
	    pthread_create(&thread, NULL, play, NULL) || fpgaInitialize(config_path))
		abort();
	find_accelerator();
	atexit(stop);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct rpc_session_options options = { .max_handles = 4,
					       .max_objects = 8,
					       .max_calls = 8,
					       .max_pinned = 1u << 20 };
	fpga_handle h;

	if (!card)
		start();
	session_peer_run(daemon_served(), &options, NULL, data, len);
	if (fpgaOpen(accelerator, &h, 0) || fpgaClose(h))
		abort();
	return 0;
}
