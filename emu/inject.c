/* SPDX-License-Identifier: BSD-3-Clause */
#include "emu/inject.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char inject_help[] =
	"  delay=MS          every answer comes MS milliseconds late (at most 10000)\n"
	"  dma-fail=N        every N-th DMA of an accelerator fails\n"
	"  pr-error=BITS     partial reconfiguration ends with these error bits\n"
	"  reset-stuck       ports do not acknowledge a reset\n"
	"  no-interrupts     no interrupt arrives\n"
	"  temperature=C     what the thermal feature reads, in degrees Celsius (at most 127)\n"
	"  power=W           what the power feature reads, in watts (at most 262143)\n"
	"  heat=C            at SIGUSR1: the temperature is this, at the next as before (at most 127)\n"
	"  surge=W           at SIGUSR1: the power is this, at the next as before (at most 262143)\n"
	"  fme-error=BITS    at SIGUSR1: an error of the management engine\n"
	"  port-error=BITS   at SIGUSR1: an error of every port\n"
	"  gone              at SIGUSR1: the card falls off the bus; reads are all-ones\n";

/* A flag has limit 0. */
static bool set(struct inject *i, const char *key, uint64_t v, bool has_value, uint64_t *limit)
{
	struct {
		const char *key;
		uint64_t limit;
		unsigned int *narrow;
		uint64_t *wide;
		bool *flag;
	} keys[] = { { "delay", 10000, &i->delay_ms, NULL, NULL },
		     { "dma-fail", UINT32_MAX, &i->dma_fail, NULL, NULL },
		     { "pr-error", 0x1f, &i->pr_error, NULL, NULL },
		     { "temperature", 127, NULL, &i->temperature, NULL },
		     { "power", 0x3ffff, NULL, &i->power, NULL },
		     { "heat", 127, NULL, &i->heat, NULL },
		     { "surge", 0x3ffff, NULL, &i->surge, NULL },
		     { "fme-error", UINT64_MAX, NULL, &i->fme_error, NULL },
		     { "port-error", UINT64_MAX, NULL, &i->port_error, NULL },
		     { "reset-stuck", 0, NULL, NULL, &i->reset_stuck },
		     { "no-interrupts", 0, NULL, NULL, &i->no_interrupts },
		     { "gone", 0, NULL, NULL, &i->gone } };

	for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++) {
		if (strcmp(keys[k].key, key))
			continue;
		*limit = keys[k].limit;
		if (has_value != !keys[k].flag || (has_value && (!v || v > keys[k].limit)))
			return false;
		if (keys[k].narrow)
			*keys[k].narrow = (unsigned int)v;
		if (keys[k].wide)
			*keys[k].wide = v;
		if (keys[k].flag)
			*keys[k].flag = true;
		return true;
	}
	return false;
}

static bool one(const char *text, struct inject *ret, char *why, size_t why_len)
{
	uint64_t v = 0, limit = UINT64_MAX;
	char key[24] = "", *end;
	size_t len = strcspn(text, "=");

	if (len < sizeof(key))
		memcpy(key, text, len);
	errno = 0;
	if (text[len] == '=') {
		v = strtoull(text + len + 1, &end, 0);
		if (errno || !text[len + 1] || *end || text[len + 1] == '-')
			v = 0;
	}
	if (set(ret, key, v, text[len] == '=', &limit))
		return true;
	if (limit == UINT64_MAX && strcmp(key, "fme-error") && strcmp(key, "port-error"))
		snprintf(why, why_len, "there is no fault '%s'", text);
	else if (!limit)
		snprintf(why, why_len, "'%s' takes no value", key);
	else if (strstr(key, "-error"))
		snprintf(why, why_len, "'%s': %s needs bits, from 1 to 0x%" PRIx64, text, key, limit);
	else
		snprintf(why, why_len, "'%s': %s needs a number from 1 to %" PRIu64, text, key, limit);
	return false;
}

bool inject_parse(const char *spec, struct inject *ret, char *why, size_t why_len)
{
	memset(ret, 0, sizeof(*ret));
	for (const char *at = spec; *at;) {
		size_t len = strcspn(at, ",");
		char text[64];

		if (!len || len >= sizeof(text)) {
			snprintf(why, why_len, "'%s': faults are names with commas between", spec);
			return false;
		}
		memcpy(text, at, len);
		text[len] = 0;
		if (!one(text, ret, why, why_len))
			return false;
		at += len + (at[len] == ',');
	}
	return true;
}
