/* SPDX-License-Identifier: BSD-3-Clause */
/* What the sample programs have in common: an accelerator that is open, and buffers that it can reach. */
#ifndef SAMPLES_AFU_AFU_H
#define SAMPLES_AFU_AFU_H

#include <opae/fpga.h>
#include <stdbool.h>
#include <stdint.h>

struct afu {
	fpga_handle handle;
	fpga_event_handle event; /* of interrupt 0; NULL where there are none */
};

struct afu_buffer {
	void *data;
	uint64_t size, wsid, io_address;
};

/* Says on stderr what went wrong. */
bool afu_ok(fpga_result r, const char *what);
/* Opens the first accelerator with this GUID, resets it and registers for its interrupt if it has one. */
bool afu_open(struct afu *a, const char *guid);
bool afu_close(struct afu *a);
bool afu_buffer(struct afu *a, uint64_t size, struct afu_buffer *ret);
void afu_release(struct afu *a, const struct afu_buffer *b);
bool afu_write(struct afu *a, uint64_t offset, uint64_t value);
bool afu_read(struct afu *a, uint64_t offset, uint64_t *ret);
/* Until the bits of `mask` in a register are `value`; a minute at most. With an event, it wakes for that. */
bool afu_wait(struct afu *a, uint64_t offset, uint64_t mask, uint64_t value);
/* A number of the command line within bounds. */
bool afu_number(const char *text, uint64_t min, uint64_t max, uint64_t *ret);
/* Prints the result; the program's exit status. */
int afu_finish(bool good);

#endif
