/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * GBS files: any bytes are refused with a reason, or what is told of them lies within them and is the
 * same when a GBS is made of it again. Each input is taken as it is, and once more with its head put
 * right and all but four bytes for its metadata, which few changed files would get to.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/target.h"
#include "gbs/gbs.h"

static void expect(bool good)
{
	if (!good)
		abort();
}

static bool same_text(const char *a, const char *b)
{
	return !strcmp(a, b);
}

/* Makes one of the first accelerator's, and reads it. What is longer when it is written anew may not fit. */
static void again(const struct gbs *g)
{
	struct gbs_recipe r = { .name = g->accelerators[0].name, .platform = g->platform,
				.clock_high = g->clock_high.mhz, .clock_low = g->clock_low.mhz,
				.power = g->power };
	char why[GBS_WHY_MAX];
	struct gbs second;
	uint8_t *head;
	size_t len;
	int rc;

	memcpy(r.interface_id, g->interface_id, 16);
	memcpy(r.accelerator, g->accelerators[0].guid, 16);
	rc = gbs_head(&r, &head, &len, why);
	expect(!rc || strstr(why, "are the most"));
	if (rc)
		return;
	head = realloc(head, len + 1);
	expect(head);
	head[len] = 0;
	expect(!gbs_parse(head, len + 1, &second, why));
	expect(!memcmp(second.interface_id, g->interface_id, 16) && second.num_accelerators == 1 &&
	       !memcmp(second.accelerators[0].guid, g->accelerators[0].guid, 16) &&
	       same_text(second.accelerators[0].name, r.name) && same_text(second.platform, r.platform) &&
	       second.clock_high.mhz == r.clock_high && second.clock_low.mhz == r.clock_low &&
	       second.power == r.power && second.payload == head + len && second.payload_len == 1);
	gbs_done(&second);
	free(head);
}

static void read_one(const uint8_t *data, size_t len)
{
	char why[GBS_WHY_MAX] = "";
	struct gbs g;
	int rc = gbs_parse(data, len, &g, why);

	expect(!rc || (rc == -EINVAL && *why && memchr(why, 0, sizeof(why))));
	if (rc)
		return;
	expect(g.payload_len && g.payload > data && g.payload + g.payload_len == data + len);
	expect(g.has_metadata == (g.metadata != NULL) && (g.has_metadata || !g.num_accelerators));
	if (g.num_accelerators)
		again(&g);
	gbs_done(&g);
}

static void read_with_a_good_head(const uint8_t *data, size_t len)
{
	size_t n = len - GBS_HEAD_BYTES - 4;
	uint8_t *copy = malloc(len);

	expect(copy);
	memcpy(copy, data, len);
	memcpy(copy, "XeonFPGA\xb7GBSv001", 16);
	copy[16] = (uint8_t)n;
	copy[17] = (uint8_t)(n >> 8);
	copy[18] = copy[19] = 0;
	read_one(copy, len);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	read_one(data, len);
	if (len > GBS_HEAD_BYTES + 4)
		read_with_a_good_head(data, len);
	return 0;
}
