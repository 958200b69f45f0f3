/* SPDX-License-Identifier: BSD-3-Clause */
/* Peers of a TLS listener of whom it is never known who they are. */
#ifndef BENCH_STRANGERS_H
#define BENCH_STRANGERS_H

#define STRANGERS_MAX 4096u

/*
 * `opae bench strangers PORT NUM silent|begun`: so many connections to SITE_ADDRESS, silent or with the first
 * bytes of a handshake behind them, in one process, until its standard input ends. One that is closed comes
 * again. Says "strangers are there" when each has been connected. 0, or 1 with the reason on standard error.
 */
int strangers_main(int argc, char *argv[]);

#endif
