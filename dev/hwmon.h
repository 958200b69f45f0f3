/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sensors as the kernel's hwmon shows them (kernel: Documentation/hwmon/sysfs-interface): folders
 * hwmonN, in which a sensor is a group of attributes with one prefix, temp1_input, temp1_max and so on.
 * Functions return 0 or a negative errno.
 */
#ifndef DEV_HWMON_H
#define DEV_HWMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dev/sysfs.h"

#define HWMON_MAX_SENSORS 512u

enum hwmon_kind {
	HWMON_TEMP,  /* degrees Celsius */
	HWMON_POWER, /* watts */
	HWMON_IN,    /* volts */
	HWMON_CURR,  /* amperes */
	HWMON_FAN,   /* revolutions per minute */
	HWMON_FREQ,  /* hertz */
	HWMON_ENERGY,	/* joules */
	HWMON_HUMIDITY, /* percent */
	HWMON_KINDS
};

/* Those with _HYST are values at which an alarm ends, not differences. */
enum hwmon_attr {
	HWMON_INPUT,
	HWMON_AVERAGE,
	HWMON_MAX,
	HWMON_MIN,
	HWMON_CRIT,
	HWMON_LCRIT,
	HWMON_EMERGENCY,
	HWMON_CAP,
	HWMON_MAX_HYST,
	HWMON_MIN_HYST,
	HWMON_CRIT_HYST,
	HWMON_LCRIT_HYST,
	HWMON_EMERGENCY_HYST,
	HWMON_ALARM, /* from here on 0 or 1, without a unit */
	HWMON_MAX_ALARM,
	HWMON_MIN_ALARM,
	HWMON_CRIT_ALARM,
	HWMON_LCRIT_ALARM,
	HWMON_EMERGENCY_ALARM,
	HWMON_CAP_ALARM,
	HWMON_ATTRS
};

struct hwmon_sensor {
	char dir[DEV_PATH_MAX]; /* of hwmonN, without the root */
	char chip[32];		/* the driver's name for it; "" when it says none */
	enum hwmon_kind kind;
	uint32_t index; /* the N of tempN */
	char label[64]; /* what the board calls it; "" when it does not, or not in a line of text */
	uint32_t has;	/* which attributes there are: 1u << enum hwmon_attr */
};

/*
 * The sensors of dir/hwmon/hwmon* and, for the management controllers behind an FME's features, of every
 * hwmon below dir/dfl_dev.*; dir is without the root. By chip, kind and index. The caller frees. A
 * folder that goes away meanwhile, or cannot be read, is left out. -ENOMEM.
 */
int hwmon_list(struct hwmon_sensor **ret, size_t *n, const char *dir);
static inline bool hwmon_has(const struct hwmon_sensor *s, enum hwmon_attr a)
{
	return s->has >> a & 1;
}
/* A value in the unit of its kind. -ENOENT: there is none; -ENODATA: the file is empty; -EINVAL: it is
 * no number; -ENAMETOOLONG: it is far too long; or what the driver says. */
int hwmon_read(const struct hwmon_sensor *s, enum hwmon_attr a, double *ret);
/* What such an error means for the file, for texts. */
const char *hwmon_why(int rc);
/* The attribute's file, with the root. */
int hwmon_path(char out[DEV_PATH_MAX], const struct hwmon_sensor *s, enum hwmon_attr a);
/* "temp1_max", for texts. */
void hwmon_name(char out[40], const struct hwmon_sensor *s, enum hwmon_attr a);
/* A text as it stands in an attribute, in the unit of the kind; -EINVAL, -ENODATA. */
int hwmon_parse(const char *text, enum hwmon_kind kind, enum hwmon_attr a, double *ret);
/* "temp1_max_alarm": which sensor and which attribute; false: it is neither. */
bool hwmon_parse_name(const char *name, enum hwmon_kind *kind, uint32_t *index, enum hwmon_attr *attr);

#endif
