/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sysobjects: the attributes and folders of an FME or a port in sysfs. All paths are relative to the
 * device's own folder, and none leads out of it: symbolic links are not followed, for in sysfs they
 * lead to other devices, to drivers, or back up, where a search would not end.
 */
#ifndef PLUGINS_LOCAL_OBJECT_H
#define PLUGINS_LOCAL_OBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "dev/dfl.h"

#define OBJECT_MAX_FOUND 4096u	     /* objects that one call loads */
#define OBJECT_MAX_DEPTH 16u	     /* levels of folders below one that is loaded with all levels */
#define OBJECT_MAX_ATTRIBUTE (4u << 20) /* bytes of one */
#define OBJECT_MAX_BYTES (64u << 20)    /* of all that one call loads */
#define OBJECT_PATH_MAX 384

/* ---- object-find.c ---- */

struct found {
	char path[OBJECT_PATH_MAX];
	mode_t mode;
};

/* What a name or a pattern stands for, by name. */
struct finds {
	struct found *list;
	size_t num;
	/* The folder of all of them that the name says without a wildcard; "": the device's own. */
	char folder[OBJECT_PATH_MAX];
};

/*
 * Finds what `name`, which has no problem, stands for in the folder `base` ("": the device's own); with
 * glob it is a pattern: a part's wildcards do not match a dot at its beginning, and "**" as a part
 * before the last stands for one to five folders, of which the fewest that lead to something count, and
 * there the first that is found. 0 or a negative errno: -ENOENT when there is none. The caller calls
 * finds_done(), also on failure.
 */
int finds_get(struct finds *f, const struct dfl_device *d, const char *base, const char *name, bool glob);
void finds_done(struct finds *f);
/* Why a name or pattern that comes from a program is none, in words; NULL: it is one. */
const char *name_problem(const char *name, bool glob);

/* ---- object-load.c ---- */

struct handle;

struct sysobject {
	struct handle *handle; /* NULL: it came from a token, and cannot be written */
	struct dfl_device dev;
	char path[OBJECT_PATH_MAX];
	bool folder;
	/* Of an attribute: what it showed when it was last read, with a zero behind it; or why it could
	 * not be. */
	int rc;
	uint8_t *data;
	size_t len;
	mode_t mode;
	/* Of a folder: what is loaded of it. */
	struct sysobject **children;
	uint32_t num;
};

/* How much is loaded below a folder. */
enum depth { DEPTH_NONE, DEPTH_ONE, DEPTH_ALL };

/* The object for what was found: one, or a folder of several. 0 or a negative errno, of which those of
 * an attribute inside a folder are none. */
int object_load(struct sysobject **ret, struct handle *h, const struct dfl_device *d,
		const struct finds *f, enum depth depth);
/* Reads an attribute anew; what it showed stays when it cannot be read. 0 or a negative errno. */
int object_refresh(struct sysobject *o);
struct sysobject *object_clone(const struct sysobject *o); /* NULL: no memory */
void object_free(struct sysobject *o);			   /* NULL is fine */

#endif
