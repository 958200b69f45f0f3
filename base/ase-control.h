/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A simulation's control socket, as who asks has it (sim/host/control.h has the other side): one line is
 * asked, one line is the answer.
 */
#ifndef BASE_ASE_CONTROL_H
#define BASE_ASE_CONTROL_H

#include <stddef.h>
#include <stdint.h>

#define ASE_ANSWER_MAX 8192

/* A connected descriptor, or a negative errno. */
int ase_control_connect(const char *path, int64_t deadline);
/*
 * 0, and what stands behind "ok"; -EPROTO, and what stands behind "error": what is wrong in words. Another
 * negative errno, -ETIMEDOUT among them: there is no answer.
 */
int ase_control_ask(int fd, const char *line, int64_t deadline, char answer[ASE_ANSWER_MAX]);

#endif
