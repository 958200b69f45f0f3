/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The same tests with an opaed between: the library has one remote plugin alone, and the opaed that the test
 * starts has what the library would have. The environment tells of it: OPAE_TEST_REMOTE is "unix", "tcp",
 * "tls" (over tcp) or "vsock" (the loopback's), OPAE_TEST_OPAED the daemon's program, OPAE_TEST_PKI for tls a
 * folder of `opae cert` with certificates for localhost and alice, and OPAE_TEST_TRACKER what the client's
 * configuration says of it ("auto").
 */
#ifndef TESTS_CARD_REMOTE_H
#define TESTS_CARD_REMOTE_H

#include <stdbool.h>
#include <stdio.h>

/* Is there one between? If not, nothing else of this is called. */
bool remote_is(void);
/* There is, and the eager tracker is asked for. */
bool remote_is_eager(void);
/* Its content goes by soft RoCE on an emulated processor. */
bool remote_is_slow(void);
/* All goes by a fabric, whose connections are made by a thread each. */
bool remote_is_fabric(void);
/* Starts the opaed, with the configuration of a library in the file `local`; ends the one before. */
void remote_start(const char *dir, const char *local);
/* The configuration by which the library reaches it. */
void remote_configure(FILE *f);
/* Ends it; what is wrong with its end is a failure of the test, unless it comes after one. */
void remote_stop(bool after_failure);

#endif
