/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Debian's libfabric brings libraries of old hardware along, which start with it: they take a fifth of a
 * second, and one of them (libinfinipath) puts a handler of its own on signals that a program may have
 * handlers for. They are put back; not those that a thread of the program has set meanwhile.
 */
#include "transport/fabric-lib.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "transport/fabric.h"

#define SIGNALS 32 /* but for those of real time: from 1 to 31 */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct fabric_lib lib; /* by lock; whole when version is there, and then the same for good */

static bool is_infinipaths(const struct sigaction *a)
{
	Dl_info where;
	void *handler;

	memcpy(&handler, &a->sa_handler, sizeof(handler)); /* C has no such conversion */
	return dladdr(handler, &where) && where.dli_fname && strstr(where.dli_fname, "infinipath");
}

static void *open_keeping_signals(const char *soname)
{
	struct sigaction before[SIGNALS], now;
	void *dl;

	for (int s = 1; s < SIGNALS; s++)
		sigaction(s, NULL, &before[s]);
	dl = dlopen(soname, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	for (int s = 1; s < SIGNALS; s++)
		if (!sigaction(s, NULL, &now) && is_infinipaths(&now))
			sigaction(s, &before[s], NULL);
	return dl;
}

static int refuse_version(uint32_t found, char *why)
{
	snprintf(why, FABRIC_WHY_MAX,
		 "libfabric %u.%u is older than that which this was built with: install %u.%u or newer",
		 FI_MAJOR(found), FI_MINOR(found), FI_MAJOR_VERSION, FI_MINOR_VERSION);
	return -ENOTSUP;
}

/* A function's address, through memory: C has no conversion from an object's. */
static int find(void *dl, const char *name, void *ret)
{
	void *at = dlsym(dl, name);

	memcpy(ret, &at, sizeof(at));
	return at ? 0 : -ENOTSUP;
}

/*
 * Provider verbs keeps registrations of its own behind ours: with all rights, under the same key, and beyond
 * our removal of them; it finds out by userfaultfd, or by hooks in libc, when their memory has gone. It asks
 * the environment whether it may.
 */
static int keep_no_registrations(void)
{
	return setenv("FI_MR_CACHE_MAX_COUNT", "0", 1) ? -errno : 0;
}

static int load(const char *soname, char *why)
{
	struct fabric_lib l;
	void *dl = keep_no_registrations() ? NULL : open_keeping_signals(soname);

	if (!dl) {
		snprintf(why, FABRIC_WHY_MAX, "%s cannot be loaded: install libfabric1 (%s)", soname,
			 dlerror());
		return -ENOENT;
	}
	if (find(dl, "fi_getinfo", &l.getinfo) || find(dl, "fi_freeinfo", &l.freeinfo) ||
	    find(dl, "fi_dupinfo", &l.dupinfo) || find(dl, "fi_fabric", &l.fabric) ||
	    find(dl, "fi_version", &l.version)) {
		snprintf(why, FABRIC_WHY_MAX, "%s is no libfabric: it lacks a function of it", soname);
		dlclose(dl);
		return -ENOTSUP;
	}
	if (FI_VERSION_LT(l.version(), FI_VERSION(FI_MAJOR_VERSION, FI_MINOR_VERSION)))
		return refuse_version(l.version(), why);
	lib = l;
	return 0;
}

int fabric_lib_load(const char *soname, const struct fabric_lib **ret, char *why)
{
	SCOPED_LOCK(&lock);
	int rc = lib.version && !strcmp(soname, FABRIC_SONAME) ? 0 : load(soname, why);

	if (!rc)
		*ret = &lib;
	return rc;
}
