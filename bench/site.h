/* SPDX-License-Identifier: BSD-3-Clause */
/* The certificates of a run: an authority, opaed's and a client's, as `opae cert` makes them. */
#ifndef BENCH_SITE_H
#define BENCH_SITE_H

#include "bench/run.h"

#define SITE_TEXT_MAX 640
/* Where opaed listens with them: another one of the loopback, for two that are "any port" need two. */
#define SITE_ADDRESS "127.0.0.2"

/* Into the run's directory, and r->site. */
bool site_make(struct run *r);
/* The member "tls" with a comma in front, of a host of the tcp plugin. */
void site_client_text(const char *site, char text[SITE_TEXT_MAX]);
/* A listener on SITE_ADDRESS with it, with a comma in front. */
void site_listener_text(const char *site, char text[SITE_TEXT_MAX]);

struct tls_context;

/* For a client without the plugin; the caller unrefs. False: said. */
bool site_client_context(const char *site, struct tls_context **ret);

#endif
