/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where the simulation is: at most one place. The order of base/ase-find.h is gone through at initialize. If
 * it ends with a command, that stays so; a socket is looked for at each enumeration, for a simulation in
 * ASE_WORKDIR that is started again has another process.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "plugins/ase/ase.h"

/* Stands in the place of a path: no other process has the same, and tokens of it are the same in each run. */
#define SPAWNED_PATH "simulation"

bool ase_is_quiet(void)
{
	const char *log = secure_getenv("ASE_LOG");

	return log && !strcmp(log, "0");
}

/* To the user, once: a program that is told of no accelerator cannot ask why. */
static void tell(struct ase *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void tell(struct ase *a, const char *fmt, ...)
{
	char text[ASE_WHY_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	SCOPED_LOCK(&a->lock);
	if (!strcmp(text, a->told))
		return;
	memcpy(a->told, text, sizeof(text));
	if (ase_is_quiet())
		debug("%s", text);
	else
		core_warn("%s", text);
}

static void find(struct ase *a, struct ase_found *f)
{
	const struct ase_config config = { a->socket, a->exec };

	ase_find(&config, f);
	if (*f->why)
		tell(a, "%s", f->why);
}

int ase_decide(struct ase *a)
{
	struct ase_found f;

	find(a, &f);
	free(a->command);
	a->command = f.origin == ASE_BY_EXEC ? strdup(f.exec) : NULL;
	return f.origin != ASE_BY_EXEC || a->command ? 0 : -ENOMEM;
}

int ase_list(struct instance *inst, struct place **ret, size_t *n)
{
	struct ase *a = ase_of(inst);
	struct place *p = calloc(1, sizeof(*p));
	struct ase_found f = { .socket = SPAWNED_PATH };

	if (!p)
		return -ENOMEM;
	if (!a->command)
		find(a, &f);
	memcpy(p->path, f.socket, sizeof(f.socket));
	p->simulated = true;
	p->socket_id = 0xff;
	place_set_address(p, &a->address);
	*ret = p;
	*n = *p->path ? 1 : 0;
	return 0;
}

_Static_assert(sizeof(((struct ase_found *)0)->socket) == VDEV_PATH_MAX, "a place's path");

int ase_open(struct instance *inst, const struct place *p, struct vdev_options *opt, char *why,
	     size_t why_len, struct vdev **ret)
{
	struct ase *a = ase_of(inst);
	int rc;

	if (a->command)
		rc = spawned_open(a, opt, why, why_len, ret);
	else
		rc = way_vfio_user.open(p->path, opt, why, why_len, ret);
	if (rc && rc != -EBUSY && !opt->to_use) /* who opens it is told why */
		tell(a, "%s", why);
	return rc;
}
