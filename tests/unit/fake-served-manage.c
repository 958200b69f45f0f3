/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/fake-served-manage.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "tests/unit/fake-served.h"

struct fake_manage fake_manage;

__attribute__((format(printf, 2, 3))) static fpga_result say(fpga_result r, const char *fmt, ...)
{
	char text[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return fake_say(r, text);
}

void fake_manage_reset(void)
{
	free(fake_manage.bitstream);
	memset(&fake_manage, 0, sizeof(fake_manage));
	for (uint32_t i = 0; i < FAKE_ERRORS; i++)
		fake_manage.errors[i] = 0x10 + i;
	fake_manage.num = 42;
	fake_manage.num_metrics = 10;
	fake_manage.num_limits = 3;
	fake_manage.clock_high = 312000000;
	fake_manage.clock_low = 156000000;
}

/* ---- errors ---- */

static const struct fpga_error_info error_infos[FAKE_ERRORS] = {
	{ "first", true },
	{ "second", true },
	{ "stuck", false },
};

static fpga_result check_error(uint32_t num)
{
	return num < FAKE_ERRORS ? FPGA_OK : say(FPGA_NOT_FOUND, "the model has no error %u", num);
}

static fpga_result read_error(fpga_token token, uint32_t num, uint64_t *value)
{
	fpga_result r = check_error(num);

	(void)token;
	if (r == FPGA_OK)
		*value = fake_manage.errors[num];
	return r;
}

static fpga_result clear_error(fpga_token token, uint32_t num)
{
	fpga_result r = check_error(num);

	(void)token;
	if (r == FPGA_OK && !error_infos[num].can_clear)
		r = say(FPGA_NOT_SUPPORTED, "the model cannot clear \"stuck\"");
	if (r == FPGA_OK)
		fake_manage.errors[num] = 0;
	return r;
}

static fpga_result clear_all(fpga_token token)
{
	for (uint32_t i = 0; i < FAKE_ERRORS; i++)
		if (error_infos[i].can_clear)
			clear_error(token, i);
	return FPGA_OK;
}

static fpga_result error_info(fpga_token token, uint32_t num, struct fpga_error_info *info)
{
	fpga_result r = check_error(num);

	(void)token;
	if (r == FPGA_OK)
		*info = error_infos[num];
	return r;
}

/* ---- objects ---- */

enum kind { NUM, LONG, FLAGS, BOX, A, B, KINDS };
static const char *const kinds[KINDS] = { "num", "long", "flags", "box", "a", "b" };

struct object {
	enum kind kind;
	bool writable, loaded;
};

static fpga_result make(enum kind kind, bool writable, int flags, fpga_object *ret)
{
	struct object *o = malloc(sizeof(*o));

	if (!o)
		return FPGA_NO_MEMORY;
	*o = (struct object){ kind, writable, flags & FPGA_OBJECT_RECURSE_ONE };
	atomic_fetch_add(&fake_manage.objects, 1);
	*ret = o;
	return FPGA_OK;
}

static fpga_result get(const char *name, enum kind from, enum kind to, bool writable, int flags,
		       fpga_object *ret)
{
	fake_manage.get_flags = flags;
	for (enum kind k = from; k < to; k++)
		if (!strcmp(name, kinds[k]))
			return make(k, writable, flags, ret);
	return say(FPGA_NOT_FOUND, "the model has no \"%.40s\" (%zu)", name, strlen(name));
}

static fpga_result token_object(fpga_token token, const char *name, fpga_object *object, int flags)
{
	(void)token;
	return get(name, NUM, A, false, flags, object);
}

static fpga_result handle_object(fpga_handle handle, const char *name, fpga_object *object, int flags)
{
	(void)handle;
	return get(name, NUM, A, true, flags, object);
}

static fpga_result object_object(fpga_object parent, const char *name, fpga_object *object, int flags)
{
	const struct object *o = parent;

	if (o->kind != BOX)
		return say(FPGA_INVALID_PARAM, "%s is no container", kinds[o->kind]);
	return get(name, A, KINDS, o->writable, flags, object);
}

static fpga_result object_at(fpga_object parent, size_t i, fpga_object *object)
{
	const struct object *o = parent;

	if (!o->loaded || i > 1)
		return say(FPGA_INVALID_PARAM, "%s has no child %zu", kinds[o->kind], i);
	return make(i ? B : A, o->writable, 0, object);
}

static fpga_result destroy(fpga_object *object)
{
	free(*object);
	*object = NULL;
	atomic_fetch_sub(&fake_manage.objects, 1);
	return FPGA_OK;
}

static fpga_result object_type(fpga_object object, enum fpga_sysobject_type *type)
{
	const struct object *o = object;

	*type = o->kind == BOX ? FPGA_OBJECT_CONTAINER : FPGA_OBJECT_ATTRIBUTE;
	return FPGA_OK;
}

static fpga_result object_size(fpga_object object, uint32_t *size, int flags)
{
	const struct object *o = object;

	(void)flags;
	*size = o->kind == BOX ? (o->loaded ? 2 : 0) : o->kind == LONG ? FAKE_LONG : 3;
	return FPGA_OK;
}

static fpga_result object_read(fpga_object object, uint8_t *buffer, size_t offset, size_t len, int flags)
{
	const struct object *o = object;

	(void)flags;
	if (o->kind != LONG)
		return say(FPGA_INVALID_PARAM, "%s is not long", kinds[o->kind]);
	if (offset > FAKE_LONG || len > FAKE_LONG - offset)
		return say(FPGA_INVALID_PARAM, "%zu bytes at %zu; there are %u", len, offset, FAKE_LONG);
	for (size_t i = 0; i < len; i++)
		buffer[i] = (uint8_t)((offset + i) * 7);
	return FPGA_OK;
}

static fpga_result object_read64(fpga_object object, uint64_t *value, int flags)
{
	const struct object *o = object;

	if (o->kind == BOX || o->kind == LONG)
		return say(FPGA_INVALID_PARAM, "%s is no number", kinds[o->kind]);
	*value = o->kind == NUM ? fake_manage.num : o->kind == FLAGS ? (uint64_t)flags : o->kind == A ? 1 : 2;
	return FPGA_OK;
}

static fpga_result object_write64(fpga_object object, uint64_t value, int flags)
{
	const struct object *o = object;

	(void)flags;
	if (!o->writable || o->kind != NUM)
		return say(FPGA_INVALID_PARAM, "%s cannot be written", kinds[o->kind]);
	fake_manage.num = value;
	return FPGA_OK;
}

/* ---- metrics ---- */

static void label(char to[FPGA_METRIC_STR_SIZE], const char *kind, uint64_t i)
{
	if (fake_manage.odd_labels)
		memset(to, 0xe9, FPGA_METRIC_STR_SIZE); /* Latin-1 */
	else
		snprintf(to, FPGA_METRIC_STR_SIZE, "%s%llu", kind, (unsigned long long)i);
}

static fpga_result num_metrics(fpga_handle handle, uint64_t *num)
{
	(void)handle;
	*num = fake_manage.num_metrics;
	return *num ? FPGA_OK : say(FPGA_NOT_FOUND, "the model has no metrics");
}

static fpga_result metrics_info(fpga_handle handle, fpga_metric_info *info, uint64_t *num)
{
	(void)handle;
	if (*num > fake_manage.num_metrics)
		*num = fake_manage.num_metrics;
	for (uint64_t i = 0; i < *num; i++) {
		info[i] = (fpga_metric_info){ .metric_num = i,
					      .metric_guid = { 1, (uint8_t)i },
					      .metric_datatype = FPGA_METRIC_DATATYPE_DOUBLE,
					      .metric_type = FPGA_METRIC_TYPE_THERMAL };
		label(info[i].qualifier_name, "group:metric", i);
		label(info[i].group_name, "group", i);
		label(info[i].metric_name, "metric", i);
		label(info[i].metric_units, "unit", i);
	}
	return FPGA_OK;
}

static bool value_of(uint64_t i, fpga_metric *ret)
{
	*ret = (fpga_metric){ .metric_num = i, .isvalid = i < fake_manage.num_metrics && i % 5 != 4 };
	if (i == 3)
		ret->value.ivalue = UINT64_C(0x7ff0000000000123); /* a NaN that signals */
	else
		ret->value.ivalue = ret->isvalid ? i * 3 : 0;
	return ret->isvalid;
}

static fpga_result by_index(fpga_handle handle, uint64_t *nums, uint64_t n, fpga_metric *metrics)
{
	bool any = false;

	(void)handle;
	for (uint64_t i = 0; i < n; i++)
		any |= value_of(nums[i], &metrics[i]);
	return any ? FPGA_OK : say(FPGA_NOT_FOUND, "none of %llu", (unsigned long long)n);
}

static fpga_result by_name(fpga_handle handle, char **names, uint64_t n, fpga_metric *metrics)
{
	bool any = false;

	(void)handle;
	for (uint64_t i = 0; i < n; i++) {
		unsigned long long num = UINT64_MAX;

		if (sscanf(names[i], "metric%llu", &num) != 1)
			num = UINT64_MAX;
		any |= value_of(num, &metrics[i]);
	}
	return any ? FPGA_OK : say(FPGA_NOT_FOUND, "none of %llu", (unsigned long long)n);
}

static fpga_result limits(fpga_handle handle, metric_threshold *list, uint32_t *num)
{
	uint32_t n = fake_manage.num_limits;

	(void)handle;
	if (!list) {
		*num = n;
		return n ? FPGA_OK : say(FPGA_NOT_FOUND, "the model has no limits");
	}
	if (*num > n)
		*num = n;
	for (uint32_t i = 0; i < *num; i++) {
		memset(&list[i], 0, sizeof(list[i]));
		label(list[i].metric_name, "metric", i);
		label(list[i].upper_nr_threshold.threshold_name, "upper", i);
		list[i].upper_nr_threshold.is_valid = 1;
		list[i].upper_nr_threshold.value = 80.5 + i;
		list[i].hysteresis.is_valid = 1;
		list[i].hysteresis.value = -0.0;
	}
	return FPGA_OK;
}

/* ---- ports, slots, clocks ---- */

static fpga_result assign_port(fpga_handle fpga, uint32_t interface, uint32_t slot, int flags)
{
	(void)fpga;
	if (slot > 3)
		return say(FPGA_INVALID_PARAM, "the model has no port %u", slot);
	fake_manage.interface = interface;
	fake_manage.port = slot;
	fake_manage.flags = flags;
	return FPGA_OK;
}

static uint32_t card_of(fpga_token token)
{
	const struct fake_token *t = token;

	return t->accelerator ? t->card + 1 : 0;
}

static fpga_result assign(fpga_handle fpga, fpga_token accelerator, uint32_t interface, int flags)
{
	(void)fpga;
	fake_manage.assigned = card_of(accelerator);
	fake_manage.interface = interface;
	fake_manage.flags = flags;
	return FPGA_OK;
}

static fpga_result unassign(fpga_handle fpga, fpga_token accelerator)
{
	(void)fpga;
	fake_manage.released = card_of(accelerator);
	return FPGA_OK;
}

static fpga_result reconfigure(fpga_handle fpga, uint32_t slot, const uint8_t *bitstream, size_t len,
			       int flags)
{
	(void)fpga;
	atomic_fetch_add(&fake_manage.loads, 1);
	fake_manage.slot = slot;
	fake_manage.flags = flags;
	free(fake_manage.bitstream);
	fake_manage.bitstream = malloc(len + 1);
	memcpy(fake_manage.bitstream, bitstream, len);
	fake_manage.bitstream_len = len;
	while (atomic_load(&fake_manage.hold)) {
		atomic_store(&fake_manage.held, true);
		clock_sleep_ns(NS_PER_MS);
	}
	if (fake_manage.load_result != FPGA_OK)
		return say(fake_manage.load_result, "the model does not take it");
	return FPGA_OK;
}

static fpga_result set_clock(fpga_handle handle, uint64_t high, uint64_t low, int flags)
{
	(void)handle;
	if (flags)
		return say(FPGA_INVALID_PARAM, "flags %d", flags);
	if (high > FAKE_CLOCK_MAX)
		return say(FPGA_INVALID_PARAM, "%llu MHz; the model has at most %u", (unsigned long long)high,
			   FAKE_CLOCK_MAX);
	fake_manage.clock_high = high * 1000000;
	fake_manage.clock_low = low * 1000000;
	return FPGA_OK;
}

static fpga_result get_clock(fpga_handle handle, uint64_t *high, uint64_t *low, int flags)
{
	(void)handle;
	if (flags)
		return say(FPGA_INVALID_PARAM, "flags %d", flags);
	*high = fake_manage.clock_high;
	*low = fake_manage.clock_low;
	return FPGA_OK;
}

void fake_manage_fill(opae_api_adapter_table *t)
{
	t->fpgaReadError = read_error;
	t->fpgaClearError = clear_error;
	t->fpgaClearAllErrors = clear_all;
	t->fpgaGetErrorInfo = error_info;
	t->fpgaTokenGetObject = token_object;
	t->fpgaHandleGetObject = handle_object;
	t->fpgaObjectGetObject = object_object;
	t->fpgaObjectGetObjectAt = object_at;
	t->fpgaDestroyObject = destroy;
	t->fpgaObjectRead = object_read;
	t->fpgaObjectRead64 = object_read64;
	t->fpgaObjectGetSize = object_size;
	t->fpgaObjectGetType = object_type;
	t->fpgaObjectWrite64 = object_write64;
	t->fpgaGetNumMetrics = num_metrics;
	t->fpgaGetMetricsInfo = metrics_info;
	t->fpgaGetMetricsByIndex = by_index;
	t->fpgaGetMetricsByName = by_name;
	t->fpgaGetMetricsThresholdInfo = limits;
	t->fpgaAssignPortToInterface = assign_port;
	t->fpgaAssignToInterface = assign;
	t->fpgaReleaseFromInterface = unassign;
	t->fpgaReconfigureSlot = reconfigure;
	t->fpgaSetUserClock = set_clock;
	t->fpgaGetUserClock = get_clock;
}
