/* SPDX-License-Identifier: BSD-3-Clause */
#include "plugins/local/errors.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "dev/sysfs.h"
#include "plugins/local/attribute.h"
#include "plugins/local/local.h"

#define FOLDER "errors"
#define MAX_REGISTERS 256u
#define MAX_DEPTH 4u
#define CLEAR_TRIES 3

struct registers {
	char (*name)[FPGA_ERROR_NAME_MAX]; /* their paths in the folder */
	uint32_t num;
};

static bool is_one_of(const char *name, const char *const *list)
{
	while (*list && strcmp(name, *list))
		list++;
	return *list;
}

static bool is_none(const char *name)
{
	static const char *const none[] = { "revision", "uevent", "power", "clear", NULL };

	return name[0] == '.' || is_one_of(name, none);
}

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool injects(const char *path)
{
	static const char *const some[] = { "inject_error", "inject_errors", NULL };

	return is_one_of(last_part(path), some);
}

static bool clears(const char *path)
{
	static const char *const some[] = { "pcie0_errors", "pcie1_errors", "warning_errors", "fme_errors",
					    "errors", NULL };

	return injects(path) || is_one_of(last_part(path), some);
}

/* ---- the list ---- */

static int add(struct registers *l, const char *path)
{
	void *grown;

	if (l->num == MAX_REGISTERS)
		return -E2BIG;
	grown = reallocarray(l->name, l->num + 1, sizeof(*l->name));
	if (!grown)
		return -ENOMEM;
	l->name = grown;
	snprintf(l->name[l->num++], FPGA_ERROR_NAME_MAX, "%s", path);
	return 0;
}

static int list_folder(struct registers *l, const struct dfl_device *d, const char *below,
		       unsigned int depth);

/* What went away since it was listed, and what has too long a name for struct fpga_error_info, is left
 * out. */
static int list_one(struct registers *l, const struct dfl_device *d, const char *below, const char *name,
		    unsigned int depth)
{
	char path[FPGA_ERROR_NAME_MAX];
	mode_t mode;
	int rc;

	if (is_none(name) || snprintf(path, sizeof(path), "%s%s", below, name) >= (int)sizeof(path))
		return 0;
	rc = sysfs_mode(&mode, "%s/" FOLDER "/%s", d->dir, path);
	if (rc)
		return rc == -ENOENT ? 0 : rc;
	if (S_ISREG(mode))
		return add(l, path);
	if (!S_ISDIR(mode) || depth == MAX_DEPTH || strlen(path) + 2 > sizeof(path))
		return 0;
	memcpy(path + strlen(path), "/", 2);
	rc = list_folder(l, d, path, depth + 1);
	return rc == -ENOENT ? 0 : rc;
}

/* below: "" or "folder/" */
static int list_folder(struct registers *l, const struct dfl_device *d, const char *below,
		       unsigned int depth)
{
	struct sysfs_names names;
	int rc = sysfs_names(&names, "%s/" FOLDER "/%s", d->dir, below);

	if (rc)
		return rc;
	for (size_t i = 0; i < names.num && !rc; i++)
		rc = list_one(l, d, below, names.name[i], depth);
	sysfs_names_done(&names);
	return rc;
}

/* The caller frees name, also on failure. */
static int list(struct registers *l, const struct dfl_device *d)
{
	*l = (struct registers){ 0 };
	return list_folder(l, d, "", 1);
}

int errors_count(const struct dfl_device *d, uint32_t *n)
{
	struct registers l;
	int rc = list(&l, d);

	if (!rc)
		*n = l.num;
	free(l.name);
	return rc;
}

/* The list, of which there is at least one. The caller frees name, also on failure. */
static fpga_result list_said(struct registers *l, const struct token *t, const char *call)
{
	fpga_result r = attribute_device(&t->dev, call);
	int rc;

	*l = (struct registers){ 0 };
	if (r != FPGA_OK)
		return r;
	rc = list(l, &t->dev);
	if (rc == -E2BIG)
		return say(FPGA_EXCEPTION, "%s: %s has more than %u error registers", call,
			   dfl_name(&t->dev), MAX_REGISTERS);
	if (rc && rc != -ENOENT)
		return attribute_failed(&t->dev, FOLDER, rc, false, call);
	return l->num ? FPGA_OK :
			say(FPGA_NOT_SUPPORTED, "%s: %s has no error registers", call, dfl_name(&t->dev));
}

/* The n-th register's path in the device's folder. */
struct place {
	char path[sizeof(FOLDER "/") + FPGA_ERROR_NAME_MAX];
};

static const char *name_of(const struct place *p)
{
	return p->path + strlen(FOLDER "/");
}

static void set_place(struct place *p, const char *name)
{
	snprintf(p->path, sizeof(p->path), FOLDER "/%s", name);
}

static fpga_result find(const struct token *t, uint32_t n, struct place *p, const char *call)
{
	struct registers l;
	fpga_result r = list_said(&l, t, call);

	if (r == FPGA_OK && n >= l.num)
		r = say(FPGA_NOT_FOUND, "%s: error %u: %s has %u error registers", call, n,
			dfl_name(&t->dev), l.num);
	if (r == FPGA_OK)
		set_place(p, l.name[n]);
	free(l.name);
	return r;
}

/* ---- values ---- */

/* Of a register that is wider than 64 bits (first_malformed_req has 128) the low ones. */
static bool parse(const char *text, uint64_t *ret)
{
	size_t len = strlen(text);
	bool wide = len > 18 && !strncmp(text, "0x", 2) &&
		    strspn(text + 2, "0123456789abcdefABCDEF") == len - 2;
	unsigned long long v;
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return false;
	errno = 0;
	v = strtoull(wide ? text + len - 16 : text, &end, wide ? 16 : 0);
	if (errno || *end)
		return false;
	*ret = v;
	return true;
}

static fpga_result read_register(const struct dfl_device *d, const struct place *p, uint64_t *value,
				 const char *call)
{
	char text[128];
	int rc = sysfs_text(text, sizeof(text), "%s/%s", d->dir, p->path);

	if (rc && rc != -ENAMETOOLONG)
		return attribute_failed(d, p->path, rc, false, call);
	if (rc || !parse(text, value))
		return say(FPGA_EXCEPTION, "%s: %s: what it shows is no number", call, p->path);
	return FPGA_OK;
}

/*
 * The driver takes back the value that the register has; other errors came in between if it refuses. A
 * register without errors is left alone: to clear a port's, the driver resets the port.
 */
static fpga_result clear(const struct dfl_device *d, const struct place *p, const char *call)
{
	int rc = -EINVAL;

	for (int i = 0; i < CLEAR_TRIES && rc == -EINVAL; i++) {
		char text[24];
		uint64_t v;
		fpga_result r = read_register(d, p, &v, call);

		if (r != FPGA_OK || !v)
			return r;
		snprintf(text, sizeof(text), "0x%llx", injects(p->path) ? 0 : (unsigned long long)v);
		rc = sysfs_write(text, "%s/%s", d->dir, p->path);
	}
	if (rc == -EINVAL)
		return say(FPGA_BUSY, "%s: %s: errors come as fast as they are cleared", call, p->path);
	return rc ? attribute_failed(d, p->path, rc, true, call) : FPGA_OK;
}

fpga_result errors_clear(const struct dfl_device *d, const char *name, const char *call)
{
	struct place p;
	mode_t mode;

	set_place(&p, name);
	return sysfs_mode(&mode, "%s/%s", d->dir, p.path) == -ENOENT && dfl_there(d) ? FPGA_OK :
										       clear(d, &p, call);
}

/* ---- the calls ---- */

static fpga_result local_read_error(fpga_token token, uint32_t n, uint64_t *value)
{
	const struct token *t = token;
	struct place p;
	fpga_result r = find(t, n, &p, "fpgaReadError");

	return r == FPGA_OK ? read_register(&t->dev, &p, value, "fpgaReadError") : r;
}

static fpga_result local_clear_error(fpga_token token, uint32_t n)
{
	const struct token *t = token;
	struct place p;
	fpga_result r = find(t, n, &p, "fpgaClearError");

	if (r == FPGA_OK && !clears(p.path))
		r = say(FPGA_NOT_SUPPORTED, "fpgaClearError: %s cannot be cleared", name_of(&p));
	return r == FPGA_OK ? clear(&t->dev, &p, "fpgaClearError") : r;
}

static fpga_result local_clear_all_errors(fpga_token token)
{
	const struct token *t = token;
	struct registers l;
	fpga_result r = list_said(&l, t, "fpgaClearAllErrors");

	for (uint32_t i = 0; i < l.num; i++) {
		struct place p;
		fpga_result one;

		if (!clears(l.name[i]))
			continue;
		set_place(&p, l.name[i]);
		one = clear(&t->dev, &p, "fpgaClearAllErrors");
		if (r == FPGA_OK)
			r = one; /* one that cannot be cleared keeps none of the others */
	}
	free(l.name);
	return r;
}

static fpga_result local_get_error_info(fpga_token token, uint32_t n, struct fpga_error_info *info)
{
	struct place p;
	fpga_result r = find(token, n, &p, "fpgaGetErrorInfo");

	if (r != FPGA_OK)
		return r;
	memset(info, 0, sizeof(*info));
	snprintf(info->name, sizeof(info->name), "%s", name_of(&p));
	info->can_clear = clears(p.path);
	return FPGA_OK;
}

void fill_errors(opae_api_adapter_table *t)
{
	t->fpgaReadError = local_read_error;
	t->fpgaClearError = local_clear_error;
	t->fpgaClearAllErrors = local_clear_all_errors;
	t->fpgaGetErrorInfo = local_get_error_info;
}
