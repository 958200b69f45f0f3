/* SPDX-License-Identifier: BSD-3-Clause */
#include "dev/perf.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/sys.h"
#include "dev/sysfs.h"

#define LAST_BIT 63ul

/* Decimal digits at *at, at most `limit`; moves behind them. */
static int parse_number(const char **at, unsigned long limit, unsigned long *ret)
{
	char *end;

	if (**at < '0' || **at > '9')
		return -EINVAL;
	errno = 0;
	*ret = strtoul(*at, &end, 10);
	*at = end;
	return errno || *ret > limit ? -EINVAL : 0;
}

/* "12-15" or "12" */
static int parse_range(const char **at, struct perf_field *f)
{
	unsigned long low, high;
	int rc = parse_number(at, LAST_BIT, &low);

	high = low;
	if (!rc && **at == '-') {
		++*at;
		rc = parse_number(at, LAST_BIT, &high);
	}
	if (rc || high < low || f->num_ranges == PERF_MAX_RANGES)
		return -EINVAL;
	f->ranges[f->num_ranges].low = (uint8_t)low;
	f->ranges[f->num_ranges].high = (uint8_t)high;
	f->num_ranges++;
	return 0;
}

int perf_parse_format(const char *text, struct perf_field *ret)
{
	static const char *const words[] = { "config:", "config1:", "config2:" };
	const char *at = NULL;
	int rc;

	ret->num_ranges = 0;
	for (unsigned int w = 0; w < 3 && !at; w++)
		if (!strncmp(text, words[w], strlen(words[w]))) {
			ret->word = w;
			at = text + strlen(words[w]);
		}
	if (!at)
		return -EINVAL;
	for (;;) {
		rc = parse_range(&at, ret);
		if (rc || !*at)
			return rc;
		if (*at++ != ',')
			return -EINVAL;
	}
}

static const struct perf_field *find(const struct perf_pmu *pmu, const char *name, size_t len)
{
	for (unsigned int i = 0; i < pmu->num_fields; i++)
		if (strlen(pmu->fields[i].name) == len && !memcmp(pmu->fields[i].name, name, len))
			return &pmu->fields[i];
	return NULL;
}

static int put_field(const struct perf_field *f, uint64_t v, uint64_t words[3])
{
	for (unsigned int i = 0; i < f->num_ranges; i++) {
		unsigned int low = f->ranges[i].low, width = f->ranges[i].high - low + 1u;
		uint64_t mask = width == 64 ? UINT64_MAX : (UINT64_C(1) << width) - 1;

		words[f->word] = (words[f->word] & ~(mask << low)) | (v & mask) << low;
		v = width == 64 ? 0 : v >> width;
	}
	return v ? -ERANGE : 0;
}

/* What stands behind the name of a term: nothing, which is 1, "=0x1f" or "=?". */
static int term_value(const char *text, size_t len, uint64_t answer, uint64_t *ret, bool *asks)
{
	char digits[24], *end;

	*ret = 1;
	if (!len)
		return 0;
	if (len == 2 && text[1] == '?') {
		*asks = true;
		*ret = answer;
		return 0;
	}
	if (len < 2 || len > sizeof(digits) || text[1] < '0' || text[1] > '9')
		return -EINVAL;
	memcpy(digits, text + 1, len - 1);
	digits[len - 1] = 0;
	errno = 0;
	*ret = strtoull(digits, &end, 0);
	return errno || *end ? -EINVAL : 0;
}

int perf_parse_event(const struct perf_pmu *pmu, const char *text, uint64_t answer, struct perf_config *ret)
{
	struct perf_config c = { 0 };

	for (const char *at = text;;) {
		size_t len = strcspn(at, ","), name = strcspn(at, "=,");
		const struct perf_field *f = find(pmu, at, name);
		uint64_t v;
		int rc = f ? term_value(at + name, len - name, answer, &v, &c.asks) : -EINVAL;

		if (!rc)
			rc = put_field(f, v, c.words);
		if (rc)
			return rc;
		if (!at[len])
			break;
		at += len + 1;
	}
	*ret = c;
	return 0;
}

/* "0" or "0,4-7": the first. */
static int read_cpu(int *ret, const char *name)
{
	char text[PERF_TEXT_MAX];
	const char *at = text;
	unsigned long v;
	int rc = sysfs_text(text, sizeof(text), PERF_PMUS "/%s/cpumask", name);

	if (!rc)
		rc = parse_number(&at, 65535, &v);
	if (!rc)
		*ret = (int)v;
	return rc;
}

static int read_field(struct perf_pmu *pmu, const char *pmu_name, const char *name)
{
	struct perf_field *f = &pmu->fields[pmu->num_fields];
	char text[PERF_TEXT_MAX];
	int rc;

	if (pmu->num_fields == PERF_MAX_FIELDS || strlen(name) >= sizeof(f->name))
		return -EINVAL;
	memcpy(f->name, name, strlen(name) + 1);
	rc = sysfs_text(text, sizeof(text), PERF_PMUS "/%s/format/%s", pmu_name, name);
	if (!rc)
		rc = perf_parse_format(text, f);
	if (!rc)
		pmu->num_fields++;
	return rc;
}

int perf_pmu_read(struct perf_pmu *ret, const char *name)
{
	CLEANUP_FREE char *names = NULL;
	uint64_t type;
	int rc;

	memset(ret, 0, sizeof(*ret));
	rc = sysfs_number(&type, PERF_PMUS "/%s/type", name);
	if (rc)
		return rc;
	if (type > UINT32_MAX)
		return -EINVAL;
	ret->type = (uint32_t)type;
	rc = read_cpu(&ret->cpu, name);
	if (!rc)
		rc = sysfs_list(&names, PERF_PMUS "/%s/format", name);
	if (rc)
		return rc;
	for (const char *at = names; *at && !rc; at += strlen(at) + 1)
		rc = read_field(ret, name, at);
	return rc;
}

int perf_event_read(const struct perf_pmu *pmu, const char *pmu_name, const char *event, uint64_t answer,
		    struct perf_config *ret)
{
	char text[PERF_TEXT_MAX];
	int rc = sysfs_text(text, sizeof(text), PERF_PMUS "/%s/events/%s", pmu_name, event);

	return rc ? rc : perf_parse_event(pmu, text, answer, ret);
}

int perf_counter_open(const struct perf_pmu *pmu, const struct perf_config *config)
{
	struct perf_event_attr a = { .size = sizeof(a),
				     .type = pmu->type,
				     .config = config->words[0],
				     .config1 = config->words[1],
				     .config2 = config->words[2] };

	return sys_perf_open(&a, -1, pmu->cpu, -1, PERF_FLAG_FD_CLOEXEC);
}

int perf_counter_read(int fd, uint64_t *ret)
{
	uint64_t v;
	int rc = sys_ioctl(fd, PERF_EVENT_IOC_DISABLE, NULL), again;
	ssize_t n;

	if (rc)
		return rc;
	n = sys_read(fd, &v, sizeof(v));
	again = sys_ioctl(fd, PERF_EVENT_IOC_ENABLE, NULL);
	if (n < 0)
		return (int)n;
	if (n != sizeof(v))
		return -EIO; /* the PMU has gone: reads end */
	if (again)
		return again;
	*ret = v;
	return 0;
}
