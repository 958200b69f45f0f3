/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "dev/sysfs.h"
#include "plugins/local/object.h"

/* What one call may still load. */
struct budget {
	uint32_t objects;
	size_t bytes;
};

void object_free(struct sysobject *o)
{
	if (!o)
		return;
	for (uint32_t i = 0; i < o->num; i++)
		object_free(o->children[i]);
	free(o->children);
	free(o->data);
	free(o);
}

static struct sysobject *new_object(struct handle *h, const struct dfl_device *d, const char *path,
				    mode_t mode)
{
	struct sysobject *o = calloc(1, sizeof(*o));

	if (!o)
		return NULL;
	o->handle = h;
	o->dev = *d;
	snprintf(o->path, sizeof(o->path), "%s", path);
	o->folder = S_ISDIR(mode);
	o->mode = mode;
	return o;
}

int object_refresh(struct sysobject *o)
{
	uint8_t *data;
	size_t len;
	int rc = sysfs_bytes(&data, &len, OBJECT_MAX_ATTRIBUTE, "%s/%s", o->dev.dir, o->path);

	if (rc)
		return rc;
	free(o->data);
	o->data = data;
	o->len = len;
	o->rc = 0;
	return 0;
}

/* The object is the folder's, also when this fails. */
static int adopt(struct sysobject *folder, struct sysobject *child)
{
	struct sysobject **grown;

	if (!child)
		return -ENOMEM;
	if (!(folder->num & (folder->num - 1))) {
		grown = reallocarray(folder->children, folder->num ? folder->num * 2 : 1, sizeof(*grown));
		if (!grown) {
			object_free(child);
			return -ENOMEM;
		}
		folder->children = grown;
	}
	folder->children[folder->num++] = child;
	return 0;
}

static int load(struct sysobject *o, enum depth depth, unsigned int level, struct budget *left);

/* What went away meanwhile, and what is neither a folder nor a file, is left out. */
static int load_child(struct sysobject *o, const char *name, enum depth depth, unsigned int level,
		      struct budget *left)
{
	char path[OBJECT_PATH_MAX];
	struct sysobject *child;
	mode_t mode;
	int rc;

	if (name[0] == '.' ||
	    snprintf(path, sizeof(path), "%s%s%s", o->path, *o->path ? "/" : "", name) >= (int)sizeof(path) ||
	    sysfs_mode(&mode, "%s/%s", o->dev.dir, path) || (!S_ISREG(mode) && !S_ISDIR(mode)))
		return 0;
	if (!left->objects)
		return -E2BIG;
	left->objects--;
	child = new_object(o->handle, &o->dev, path, mode);
	rc = adopt(o, child);
	return rc ? rc : load(child, depth == DEPTH_ONE ? DEPTH_NONE : depth, level + 1, left);
}

static int load_folder(struct sysobject *o, enum depth depth, unsigned int level, struct budget *left)
{
	struct sysfs_names names;
	int rc;

	if (depth == DEPTH_NONE || level > OBJECT_MAX_DEPTH)
		return 0;
	rc = sysfs_names(&names, "%s/%s", o->dev.dir, o->path);
	if (rc)
		return level > 1 && rc != -ENOMEM ? 0 : rc; /* a folder in it keeps none of the others */
	for (size_t i = 0; i < names.num && !rc; i++)
		rc = load_child(o, names.name[i], depth, level, left);
	sysfs_names_done(&names);
	return rc;
}

static int load_attribute(struct sysobject *o, struct budget *left)
{
	o->rc = o->mode & 0444 ? object_refresh(o) : -EACCES;
	if (o->rc == -ENOMEM)
		return -ENOMEM;
	if (o->len > left->bytes)
		return -E2BIG;
	left->bytes -= o->len;
	return 0;
}

/* level: 1 is what the caller asked for */
static int load(struct sysobject *o, enum depth depth, unsigned int level, struct budget *left)
{
	return o->folder ? load_folder(o, depth, level, left) : load_attribute(o, left);
}

static int load_several(struct sysobject *o, const struct finds *f, enum depth depth, struct budget *left)
{
	int rc = 0;

	for (size_t i = 0; i < f->num && !rc; i++) {
		struct sysobject *child = new_object(o->handle, &o->dev, f->list[i].path, f->list[i].mode);

		rc = adopt(o, child);
		if (!rc)
			rc = load(child, depth, 2, left);
	}
	return rc;
}

int object_load(struct sysobject **ret, struct handle *h, const struct dfl_device *d,
		const struct finds *f, enum depth depth)
{
	struct budget left = { OBJECT_MAX_FOUND, OBJECT_MAX_BYTES };
	bool one = f->num == 1;
	struct sysobject *o = new_object(h, d, one ? f->list[0].path : f->folder,
					 one ? f->list[0].mode : S_IFDIR);
	int rc = o ? 0 : -ENOMEM;

	if (!rc)
		rc = one ? load(o, depth, 1, &left) : load_several(o, f, depth, &left);
	/* One that can only be written is an object all the same, for who may write it. */
	if (!rc && !o->folder && (o->mode & 0444 || !h))
		rc = o->rc;
	if (rc)
		object_free(o);
	else
		*ret = o;
	return rc;
}

struct sysobject *object_clone(const struct sysobject *o)
{
	struct sysobject *copy = new_object(o->handle, &o->dev, o->path, o->mode);

	if (!copy)
		return NULL;
	copy->rc = o->rc;
	if (o->data) {
		copy->data = malloc(o->len + 1);
		if (copy->data)
			memcpy(copy->data, o->data, o->len + 1);
		copy->len = o->len;
	}
	for (uint32_t i = 0; i < o->num; i++)
		if (adopt(copy, object_clone(o->children[i])))
			break;
	if ((o->data && !copy->data) || copy->num != o->num) {
		object_free(copy);
		return NULL;
	}
	return copy;
}
