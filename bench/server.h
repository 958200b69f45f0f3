/* SPDX-License-Identifier: BSD-3-Clause */
/* An opaed of the benchmark's own with emulated cards behind it, and the configurations that lead there. */
#ifndef BENCH_SERVER_H
#define BENCH_SERVER_H

#include "bench/cards.h"
#include "bench/run.h"

enum way { WAY_UNIX, WAY_TCP, WAY_TLS, WAY_RDMA, NUM_WAYS };

extern const char *const way_names[NUM_WAYS]; /* "unix", "tcp", "tls", "rdma" */

#define CONFIG_MAX (CARDS_DIR_MAX + 48)

struct server {
	struct cards cards;
	struct program opaed;
	char log[CARDS_DIR_MAX + 24]; /* what the daemon says */
	char unix_path[CARDS_DIR_MAX + 24];
	unsigned int port, rdma_port; /* on 127.0.0.1 */
	unsigned int tls_port;	      /* on SITE_ADDRESS, where the run has certificates */
};

/* Pinned: cards and opaed on cpu[1] alone. On failure server_end() is still due. */
bool server_start(struct run *r, struct server *s, const struct cards_kind *kind, unsigned int num,
		  bool pinned);
/* The same with no cards: the worker itself has a device in its memory, of bench/device/. */
bool server_start_device(struct run *r, struct server *s);
bool server_end(struct server *s);
/* Where it listens, as transport/address.h reads it. */
void server_address(const struct server *s, enum way way, char *text, size_t len);

/* The daemon's processes; more than max are not told. Number 0 is the monitor. */
unsigned int server_processes(const struct server *s, pid_t *pids, unsigned int max);

/*
 * A client's configuration with one plugin: writes the file, and LIBOPAE_CFGFILE=... for a side. more:
 * further members of the plugin's configuration, or "". hosts: the members of its list.
 */
bool client_config(struct run *r, const char *hosts, const char *more, char *setting, size_t len);
/* The one that leads to the server. */
bool server_client_config(struct run *r, const struct server *s, enum way way, const char *more,
			  char *setting, size_t len);

#endif
