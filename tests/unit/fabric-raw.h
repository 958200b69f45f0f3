/* SPDX-License-Identifier: BSD-3-Clause */
/* A client that says by libfabric's own calls what ours never would. */
#ifndef TESTS_UNIT_FABRIC_RAW_H
#define TESTS_UNIT_FABRIC_RAW_H

#include <stddef.h>
#include <stdint.h>

#include "transport/address.h"

struct raw;

/* Asks for a connection; somebody must accept it, and raw_connected() then waits for that. */
struct raw *raw_connect(const struct address *to);
void raw_connected(struct raw *r);
/* A message of this length, with or without immediate data. */
void raw_send(struct raw *r, size_t len, const uint64_t *data);
void raw_free(struct raw *r);

#endif
