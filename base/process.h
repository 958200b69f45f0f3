/* SPDX-License-Identifier: BSD-3-Clause */
/* Other processes, as /proc tells of them: for messages that name who has something. */
#ifndef BASE_PROCESS_H
#define BASE_PROCESS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PROCESS_NAME_MAX 48

/* "process 4711 (hello_fpga)"; "(?)" where its name cannot be had. */
void process_name(const char *pid, char out[PROCESS_NAME_MAX]);

/*
 * Who has locked the byte of a file, by an OFD lock, but this process: as process_name() has it.
 * `out` has PROCESS_NAME_MAX bytes at least. It looks at every descriptor of every process that this user may
 * look at, which takes milliseconds, or seconds where there are many. 0; -ENOENT: nobody who can be seen from
 * here; -ETIMEDOUT: nobody was found by the deadline. What may run in a sandbox asks sys_device_holder().
 */
int process_with_lock(const char *file, off_t byte, int64_t deadline, char *out, size_t len);

#endif
