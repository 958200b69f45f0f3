/* SPDX-License-Identifier: BSD-3-Clause */
/* What a fuzz target provides; the name is libFuzzer's. */
#ifndef FUZZ_TARGET_H
#define FUZZ_TARGET_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#endif
