/* SPDX-License-Identifier: BSD-3-Clause */
#include "lib/ask.h"

#include <stdlib.h>

#include "lib/host.h"

#define TOKENS_FIRST 64u    /* room in the first call of a plugin's enumerate */
#define TOKENS_MAX 65536u   /* a plugin that counts more is not believed */
#define TOKENS_CANARY 8u    /* slots after the array that must stay as they were */

/*
 * One call of the plugin with room for cap tokens. The slots behind the array tell whether it
 * wrote too far; its answer is then worth nothing, and its tokens are not touched.
 */
static fpga_result ask_once(const struct adapter *a, const fpga_properties *hints, uint32_t num_hints,
			    uint32_t cap, fpga_token **ret, uint32_t *n)
{
	static char canary;
	fpga_token *list = calloc((size_t)cap + TOKENS_CANARY, sizeof(*list));
	fpga_result r;
	uint32_t i;

	if (!list)
		return FPGA_NO_MEMORY;
	for (i = 0; i < TOKENS_CANARY; i++)
		list[cap + i] = &canary;
	*n = 0;
	r = a->table->enumerate(a->table->instance, hints, num_hints, list, cap, n);
	for (i = 0; i < TOKENS_CANARY; i++)
		if (list[cap + i] != &canary) {
			detail_set("plugin %s wrote past the %u tokens it was given room for",
				   a->name, cap);
			r = FPGA_EXCEPTION;
		}
	if (r == FPGA_OK && *n > TOKENS_MAX) {
		detail_set("plugin %s counts %u devices, more than the %u that are believed",
			   a->name, *n, TOKENS_MAX);
		r = FPGA_EXCEPTION;
	}
	for (i = 0; r == FPGA_OK && i < *n && i < cap; i++)
		if (!list[i]) {
			detail_set("plugin %s counts %u devices but token %u is NULL", a->name, *n,
				   i);
			r = FPGA_EXCEPTION;
		}
	if (r != FPGA_OK) {
		free(list);
		return r;
	}
	*ret = list;
	return FPGA_OK;
}

fpga_result ask_tokens(const struct adapter *a, const fpga_properties *hints, uint32_t num_hints,
		       fpga_token **ret, uint32_t *n)
{
	uint32_t cap = TOKENS_FIRST;
	fpga_result r = ask_once(a, hints, num_hints, cap, ret, n);

	if (r != FPGA_OK || *n <= cap)
		return r;
	for (uint32_t i = 0; i < cap; i++)
		a->table->fpgaDestroyToken(&(*ret)[i]);
	free(*ret);
	cap = *n + TOKENS_FIRST;
	r = ask_once(a, hints, num_hints, cap, ret, n);
	if (r == FPGA_OK && *n > cap)
		*n = cap;
	return r;
}
