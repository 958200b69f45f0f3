/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What an accelerator counts: a basic building block (feature type 2) in its feature list, with a GUID
 * of its own. Behind the header groups follow, each a register that describes it and one register for
 * each counter.
 *
 *     group    units 35:28, number 43:36, bytes to the next group 60:45 (0: the last)
 *     counter  last of its group 7, number 15:8, value 63:16
 *
 * The numbers mean what the accelerator's author says, so they are the names.
 */
#include <errno.h>
#include <string.h>

#include "base/guid.h"
#include "plugins/local/local.h"

#define BLOCK_GUID_HIGH UINT64_C(0x87816958c1484cd0)
#define BLOCK_GUID_LOW UINT64_C(0x9d73e8f258e9e3d7)
#define FIRST_GROUP 0x20u

#define HEADER_TYPE(v) ((v) >> 60)
#define HEADER_IS_LAST(v) ((v) >> 40 & 1)
#define HEADER_NEXT(v) ((v) >> 16 & 0xffffff)
#define TYPE_BLOCK 2u

#define GROUP_UNITS(v) ((unsigned int)((v) >> 28 & 0xff))
#define GROUP_NUMBER(v) ((unsigned int)((v) >> 36 & 0xff))
#define GROUP_NEXT(v) ((v) >> 45 & 0xffff)
#define COUNTER_IS_LAST(v) ((v) >> 7 & 1)
#define COUNTER_NUMBER(v) ((unsigned int)((v) >> 8 & 0xff))
#define COUNTER_VALUE(v) ((v) >> 16)

/* Of a list that lies there is an end too. */
#define MAX_HEADERS 256u
#define MAX_COUNTERS 1024u

/* A register of the accelerator; false: it is none. */
static bool get(const struct handle *h, uint64_t offset, uint64_t *ret)
{
	const struct mmio *m = &h->mmio[0];

	if (!h->num_mmio || !m->at || !m->read || offset % 8 || m->size < 8 || offset > m->size - 8)
		return false;
	*ret = *(const volatile uint64_t *)(const void *)(m->at + offset);
	return *ret != UINT64_MAX;
}

static int read_counter(struct handle *h, const struct metric *m, metric_value *ret)
{
	uint64_t v;

	if (!get(h, m->offset, &v))
		return -EIO;
	ret->ivalue = COUNTER_VALUE(v);
	return 0;
}

static const struct metric_source source = { .read = read_counter };

static bool find_block(const struct handle *h, uint64_t *ret)
{
	uint64_t at = 0, head, low, high;

	for (unsigned int i = 0; i < MAX_HEADERS && get(h, at, &head); i++) {
		if (HEADER_TYPE(head) == TYPE_BLOCK && get(h, at + 0x08, &low) && get(h, at + 0x10, &high) &&
		    low == BLOCK_GUID_LOW && high == BLOCK_GUID_HIGH) {
			*ret = at;
			return true;
		}
		if (HEADER_IS_LAST(head) || !HEADER_NEXT(head))
			return false;
		at += HEADER_NEXT(head);
	}
	return false;
}

static int add(struct metrics *m, uint64_t group, uint64_t counter, uint64_t offset)
{
	struct metric *at = metric_add(m);

	if (!at)
		return -ENOMEM;
	at->source = &source;
	at->offset = offset;
	guid_from_halves(BLOCK_GUID_HIGH, BLOCK_GUID_LOW, at->info.metric_guid);
	metric_text(at->info.group_name, "%x", GROUP_NUMBER(group));
	metric_text(at->info.metric_name, "%x", COUNTER_NUMBER(counter));
	metric_text(at->info.qualifier_name, "AFU:%x", GROUP_NUMBER(group));
	metric_text(at->info.metric_units, "%x", GROUP_UNITS(group));
	at->info.metric_datatype = FPGA_METRIC_DATATYPE_INT;
	at->info.metric_type = FPGA_METRIC_TYPE_AFU;
	return 0;
}

/* The counters of the group at an offset. */
static int add_group(struct handle *h, uint64_t at, uint64_t group)
{
	uint64_t counter;
	int rc = 0;

	while (!rc && h->metrics.num < MAX_COUNTERS && get(h, at += 8, &counter) && COUNTER_NUMBER(counter)) {
		rc = add(&h->metrics, group, counter, at);
		if (COUNTER_IS_LAST(counter))
			break;
	}
	return rc;
}

int metrics_add_afu(struct handle *h)
{
	uint64_t at, group;
	int rc = 0;

	if (!find_block(h, &at))
		return 0;
	at += FIRST_GROUP;
	while (!rc && h->metrics.num < MAX_COUNTERS && get(h, at, &group) && GROUP_NUMBER(group)) {
		rc = add_group(h, at, group);
		if (!GROUP_NEXT(group))
			break;
		at += GROUP_NEXT(group);
	}
	return rc;
}
