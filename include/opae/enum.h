/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef OPAE_ENUM_H
#define OPAE_ENUM_H

#include <opae/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Finds devices and accelerators.
 *
 * One matches when it matches any of the filters; it matches a filter when every property set in
 * it, the parent included, is equal. Without filters everything matches.
 *
 * @param filters     properties objects; NULL if and only if num_filters is 0
 * @param num_filters how many
 * @param tokens      receives min(max_tokens, *num_matches) tokens, each to be given back to
 *                    fpgaDestroyToken(); may be NULL when max_tokens is 0
 * @param max_tokens  room in tokens; 0 only counts
 * @param num_matches receives the number of all matches; it may exceed max_tokens
 * @return FPGA_OK, also for no match; FPGA_INVALID_PARAM; FPGA_NO_MEMORY. A plugin that fails
 *         contributes nothing and costs the others nothing.
 */
fpga_result fpgaEnumerate(const fpga_properties *filters, uint32_t num_filters, fpga_token *tokens,
			  uint32_t max_tokens, uint32_t *num_matches);

/**
 * Makes a second, independent token for the same object.
 * @return FPGA_OK; FPGA_INVALID_PARAM: src is not a token or dst is NULL; FPGA_NO_MEMORY
 */
fpga_result fpgaCloneToken(fpga_token src, fpga_token *dst);

/**
 * Destroys a token. Open handles and properties that came from it stay good. The variable keeps
 * its value, which is no token any more.
 * @return FPGA_OK; FPGA_INVALID_PARAM: NULL, or not a token (any more)
 */
fpga_result fpgaDestroyToken(fpga_token *token);

#ifdef __cplusplus
}
#endif

#endif
