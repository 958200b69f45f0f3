/* SPDX-License-Identifier: BSD-3-Clause */
#include "dev/hwmon.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/* Of a walk below one card: far more than any board has, and an end to a tree that has none. */
#define MAX_DEPTH 8u
#define MAX_FOLDERS 4096u
#define MAX_INDEX 9999ul

static const struct {
	const char *name;
	double unit; /* of the API, in the attribute's own */
} kinds[HWMON_KINDS] = {
	[HWMON_TEMP] = { "temp", 1e3 }, [HWMON_POWER] = { "power", 1e6 },
	[HWMON_IN] = { "in", 1e3 },	[HWMON_CURR] = { "curr", 1e3 },
	[HWMON_FAN] = { "fan", 1 },	[HWMON_FREQ] = { "freq", 1 },
	[HWMON_ENERGY] = { "energy", 1e6 }, [HWMON_HUMIDITY] = { "humidity", 1e3 },
};

static const char *const attrs[HWMON_ATTRS] = {
	[HWMON_INPUT] = "input",
	[HWMON_AVERAGE] = "average",
	[HWMON_MAX] = "max",
	[HWMON_MIN] = "min",
	[HWMON_CRIT] = "crit",
	[HWMON_LCRIT] = "lcrit",
	[HWMON_EMERGENCY] = "emergency",
	[HWMON_CAP] = "cap",
	[HWMON_MAX_HYST] = "max_hyst",
	[HWMON_MIN_HYST] = "min_hyst",
	[HWMON_CRIT_HYST] = "crit_hyst",
	[HWMON_LCRIT_HYST] = "lcrit_hyst",
	[HWMON_EMERGENCY_HYST] = "emergency_hyst",
	[HWMON_ALARM] = "alarm",
	[HWMON_MAX_ALARM] = "max_alarm",
	[HWMON_MIN_ALARM] = "min_alarm",
	[HWMON_CRIT_ALARM] = "crit_alarm",
	[HWMON_LCRIT_ALARM] = "lcrit_alarm",
	[HWMON_EMERGENCY_ALARM] = "emergency_alarm",
	[HWMON_CAP_ALARM] = "cap_alarm",
};

/* ---- names ---- */

/* "temp12_": its index, and where the attribute's name begins; NULL: it is not of this kind. */
static const char *parse_prefix(const char *name, enum hwmon_kind kind, uint32_t *index)
{
	size_t len = strlen(kinds[kind].name);
	unsigned long v;
	char *end;

	if (strncmp(name, kinds[kind].name, len) || name[len] < '0' || name[len] > '9')
		return NULL;
	v = strtoul(name + len, &end, 10);
	if (*end != '_' || v > MAX_INDEX)
		return NULL;
	*index = (uint32_t)v;
	return end + 1;
}

static const char *parse_sensor(const char *name, enum hwmon_kind *kind, uint32_t *index)
{
	for (unsigned int k = 0; k < HWMON_KINDS; k++) {
		const char *rest = parse_prefix(name, (enum hwmon_kind)k, index);

		*kind = (enum hwmon_kind)k;
		if (rest)
			return rest;
	}
	return NULL;
}

bool hwmon_parse_name(const char *name, enum hwmon_kind *kind, uint32_t *index, enum hwmon_attr *attr)
{
	const char *rest = parse_sensor(name, kind, index);

	for (unsigned int a = 0; rest && a < HWMON_ATTRS; a++)
		if (!strcmp(rest, attrs[a])) {
			*attr = (enum hwmon_attr)a;
			return true;
		}
	return false;
}

void hwmon_name(char out[40], const struct hwmon_sensor *s, enum hwmon_attr a)
{
	snprintf(out, 40, "%s%u_%s", kinds[s->kind].name, s->index, attrs[a]);
}

int hwmon_path(char out[DEV_PATH_MAX], const struct hwmon_sensor *s, enum hwmon_attr a)
{
	char name[40];

	hwmon_name(name, s, a);
	return dev_path(out, "%s/%s", s->dir, name);
}

/* ---- values ---- */

int hwmon_parse(const char *text, enum hwmon_kind kind, enum hwmon_attr a, double *ret)
{
	long long v;
	char *end;

	if (!*text)
		return -ENODATA;
	if (*text != '-' && (*text < '0' || *text > '9'))
		return -EINVAL;
	errno = 0;
	v = strtoll(text, &end, 10);
	if (errno || *end || end == text)
		return -EINVAL;
	if (a >= HWMON_ALARM && v != 0 && v != 1)
		return -EINVAL;
	*ret = (double)v / (a >= HWMON_ALARM ? 1 : kinds[kind].unit);
	return 0;
}

int hwmon_read(const struct hwmon_sensor *s, enum hwmon_attr a, double *ret)
{
	char text[64], name[40];
	int rc;

	if (!hwmon_has(s, a))
		return -ENOENT;
	hwmon_name(name, s, a);
	rc = sysfs_text(text, sizeof(text), "%s/%s", s->dir, name);
	return rc ? rc : hwmon_parse(text, s->kind, a, ret);
}

const char *hwmon_why(int rc)
{
	switch (-rc) {
	case ENOENT: return "there is no such attribute";
	case EINVAL: return "the attribute is not a number";
	case ENODATA: return "the attribute is empty, or the sensor has no value now";
	case ENAMETOOLONG: return "the attribute is too long for a number";
	default: return strerror(-rc);
	}
}

/* ---- the list ---- */

struct list {
	struct hwmon_sensor *sensors;
	size_t num;
	unsigned int folders; /* that were looked into */
};

/* Of this folder's, the sensors from `first` on. */
static struct hwmon_sensor *find(struct list *l, size_t first, enum hwmon_kind kind, uint32_t index)
{
	for (size_t i = first; i < l->num; i++)
		if (l->sensors[i].kind == kind && l->sensors[i].index == index)
			return &l->sensors[i];
	return NULL;
}

static int add(struct list *l, const struct hwmon_sensor *s)
{
	struct hwmon_sensor *grown = reallocarray(l->sensors, l->num + 1, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	l->sensors = grown;
	l->sensors[l->num++] = *s;
	return 0;
}

/* Texts are shown to people: those with a control character in them are none. */
static void read_line(char *out, size_t len, const char *dir, const char *name)
{
	int rc = sysfs_text(out, len, "%s/%s", dir, name);

	for (const char *at = out; !rc && *at; at++)
		if ((unsigned char)*at < ' ' || *at == 0x7f)
			rc = -EINVAL;
	if (rc)
		*out = 0;
}

/* An attribute that is not a sensor's makes none. */
static int add_attribute(struct list *l, size_t first, const struct hwmon_sensor *of, const char *name)
{
	struct hwmon_sensor s = *of, *at;
	enum hwmon_attr attr;
	char label[48];
	int rc;

	if (!hwmon_parse_name(name, &s.kind, &s.index, &attr))
		return 0;
	at = find(l, first, s.kind, s.index);
	if (!at) {
		if (l->num == HWMON_MAX_SENSORS)
			return 0;
		snprintf(label, sizeof(label), "%s%u_label", kinds[s.kind].name, s.index);
		read_line(s.label, sizeof(s.label), s.dir, label);
		rc = add(l, &s);
		if (rc)
			return rc;
		at = &l->sensors[l->num - 1];
	}
	at->has |= 1u << attr;
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct hwmon_sensor *x = a, *y = b;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

/* A folder hwmonN. */
static int add_chip(struct list *l, const char *dir)
{
	CLEANUP_FREE char *names = NULL;
	struct hwmon_sensor s = { 0 };
	size_t first = l->num;
	int rc = 0;

	if (strlen(dir) >= sizeof(s.dir) || sysfs_list(&names, "%s", dir))
		return 0;
	memcpy(s.dir, dir, strlen(dir) + 1);
	read_line(s.chip, sizeof(s.chip), dir, "name");
	for (const char *at = names; *at && !rc; at += strlen(at) + 1)
		rc = add_attribute(l, first, &s, at);
	if (l->num > first)
		qsort(l->sensors + first, l->num - first, sizeof(*l->sensors), compare);
	return rc;
}

/* By length and then by letters, so that hwmon10 comes after hwmon9. */
static int by_number(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;
	size_t m = strlen(*x), n = strlen(*y);

	return m == n ? strcmp(*x, *y) : m < n ? -1 : 1;
}

/* The names of a folder that begin so, in order. */
struct names {
	char *text;
	const char **list; /* into the text */
	size_t num;
};

static void names_free(struct names *n)
{
	free(n->text);
	free(n->list);
}

#define CLEANUP_NAMES __attribute__((cleanup(names_free)))

/* 0, also when the folder is not there; -ENOMEM. */
static int names_read(struct names *n, const char *dir, const char *prefix)
{
	int rc = sysfs_list(&n->text, "%s", dir);
	size_t room = 0;

	if (rc)
		return rc == -ENOMEM ? rc : 0;
	for (const char *at = n->text; *at; at += strlen(at) + 1)
		room++;
	if (!room)
		return 0;
	n->list = calloc(room, sizeof(*n->list));
	if (!n->list)
		return -ENOMEM;
	for (const char *at = n->text; *at; at += strlen(at) + 1)
		if (!strncmp(at, prefix, strlen(prefix)))
			n->list[n->num++] = at;
	qsort(n->list, n->num, sizeof(*n->list), by_number);
	return 0;
}

/* Links lead to the bus, to the driver and back up: only what is a folder itself is below. */
static bool is_folder(const char *dir)
{
	char path[DEV_PATH_MAX];
	struct stat st;

	return !dev_path(path, "%s", dir) && !sys_lstat(path, &st) && S_ISDIR(st.st_mode);
}

static int add_chips(struct list *l, const char *dir)
{
	CLEANUP_NAMES struct names chips = { 0 };
	int rc = names_read(&chips, dir, "hwmon");

	for (size_t i = 0; i < chips.num && !rc; i++) {
		char chip[DEV_PATH_MAX];

		if (snprintf(chip, sizeof(chip), "%s/%s", dir, chips.list[i]) < (int)sizeof(chip) &&
		    is_folder(chip))
			rc = add_chip(l, chip);
	}
	return rc;
}

/* The folders of dir whose names begin so, and all that is below them. */
static int walk(struct list *l, const char *dir, const char *prefix, unsigned int depth)
{
	CLEANUP_NAMES struct names folders = { 0 };
	int rc = depth < MAX_DEPTH ? names_read(&folders, dir, prefix) : 0;

	for (size_t i = 0; i < folders.num && !rc && l->folders < MAX_FOLDERS; i++) {
		char below[DEV_PATH_MAX];

		if (snprintf(below, sizeof(below), "%s/%s", dir, folders.list[i]) >= (int)sizeof(below) ||
		    !is_folder(below))
			continue;
		l->folders++;
		rc = strcmp(folders.list[i], "hwmon") ? walk(l, below, "", depth + 1) : add_chips(l, below);
	}
	return rc;
}

int hwmon_list(struct hwmon_sensor **ret, size_t *n, const char *dir)
{
	char own[DEV_PATH_MAX];
	struct list l = { 0 };
	int rc = 0;

	*ret = NULL;
	*n = 0;
	if (snprintf(own, sizeof(own), "%s/hwmon", dir) >= (int)sizeof(own))
		return -ENAMETOOLONG;
	rc = add_chips(&l, own);
	if (!rc)
		rc = walk(&l, dir, "dfl_dev.", 0);
	if (rc) {
		free(l.sensors);
		return rc;
	}
	*ret = l.sensors;
	*n = l.num;
	return 0;
}
