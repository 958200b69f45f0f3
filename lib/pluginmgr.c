/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The life of the library, in three states:
 *
 *     down --initialize--> rising --all plugins asked--> up --finalize--> falling --> down
 *
 * One thread at a time moves it; others that want to move it wait. A plugin that calls
 * fpgaInitialize from within (the same thread, rising or falling) is told that all is well. The list is
 * published plugin by plugin with release stores, and read without a lock. After finalize the
 * rows stay in memory, out of the list: a call that raced with it may still hold one.
 */
#include "lib/pluginmgr.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "lib/host.h"
#include "lib/pluginldr.h"

enum life { DOWN, RISING, UP, FALLING };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards the next three */
static pthread_cond_t moved = PTHREAD_COND_INITIALIZER;
static enum life life;
static pthread_t mover;

static struct adapter *_Atomic list;
static struct adapter *retired; /* rows of earlier lives; the mover's alone */
static char *config_path;       /* the mover writes both; good until the next life */
static char *config_problem;

/* True: the caller moves the library and must call settle(). False: nothing is left to do. */
static bool begin_move(enum life wanted, enum life through)
{
	SCOPED_LOCK(&lock);

	while (life == RISING || life == FALLING) {
		if (pthread_equal(mover, pthread_self()))
			return false;
		pthread_cond_wait(&moved, &lock);
	}
	if (life == wanted)
		return false;
	life = through;
	mover = pthread_self();
	return true;
}

static void settle(enum life now)
{
	SCOPED_LOCK(&lock);

	life = now;
	pthread_cond_broadcast(&moved);
}

int opae_plugin_mgr_parse_config(const char *text, size_t len, struct config *ret)
{
	return config_parse(text, len, ret);
}

static void initialize_row(struct adapter *a)
{
	int r;

	if (a->state != ADAPTER_READY || !a->table->initialize)
		return;
	detail_clear();
	r = a->table->initialize(a->table->instance);
	if (!r)
		return;
	detail_finish((fpga_result)r, "initialize", a->name);
	a->state = ADAPTER_FAILED;
	a->reason = strdup(opaex_error_detail());
}

int opae_plugin_mgr_register_adapter(struct adapter *a)
{
	struct adapter *last = atomic_load(&list);

	initialize_row(a);
	if (a->state == ADAPTER_FAILED)
		opae_print(OPAE_LOG_DEBUG, "plugin %s: %s\n", a->name, a->reason ? a->reason : "");
	a->next = NULL;
	while (last && last->next)
		last = last->next;
	if (last)
		last->next = a;
	else
		atomic_store(&list, a);
	return 0;
}

int opae_plugin_mgr_initialize(const char *cfg_file)
{
	struct adapter *loaded = NULL, *next;
	struct config cfg;
	int rc;

	if (!begin_move(UP, RISING))
		return 0;
	rc = config_load(cfg_file, &cfg);
	if (rc) {
		settle(DOWN);
		return rc;
	}
	if (cfg.problem)
		opae_print(OPAE_LOG_ERROR, "opae: %s\n", cfg.problem);
	if (cfg.passed)
		opae_print(OPAE_LOG_ERROR, "opae: %s; %s is in force\n", cfg.passed,
			   *cfg.path ? cfg.path : "what is built in");
	if (!cfg_file && config_overlooks_simulation(&cfg))
		opae_print(OPAE_LOG_ERROR, "opae: ASE_WORKDIR is set, and WITH_ASE is not: no simulation is "
					   "looked for\n");
	opae_plugin_ldr_load_plugins(&cfg, &loaded);
	for (struct adapter *a = loaded; a; a = next) {
		next = a->next;
		opae_plugin_mgr_register_adapter(a);
	}
	free(config_path);
	config_path = cfg.path;
	cfg.path = NULL;
	free(config_problem);
	config_problem = cfg.problem ? cfg.problem : cfg.passed;
	if (cfg.problem)
		cfg.problem = NULL;
	else
		cfg.passed = NULL;
	config_done(&cfg);
	settle(UP);
	return 0;
}

static void retire(struct adapter *first)
{
	struct adapter *last = first;

	if (!first)
		return;
	while (last->next)
		last = last->next;
	last->next = retired;
	retired = first;
}

int opae_plugin_mgr_finalize_all(void)
{
	struct adapter *rows;
	int failures = 0;

	if (!begin_move(DOWN, FALLING))
		return 0;
	rows = atomic_exchange(&list, NULL);
	for (struct adapter *a = rows; a; a = a->next) {
		if (a->state != ADAPTER_READY)
			continue;
		a->state = ADAPTER_DISABLED;
		if (a->table->finalize && a->table->finalize(a->table->instance))
			failures++;
	}
	retire(rows);
	settle(DOWN);
	return failures;
}

struct adapter *opae_plugin_mgr_list(void)
{
	return atomic_load(&list);
}

/* ---- first-level query ---- */

static const char *interface_name(fpga_interface ifc)
{
	static const char *const names[] = { [FPGA_IFC_DFL] = "dfl",
					     [FPGA_IFC_VFIO] = "vfio",
					     [FPGA_IFC_SIM_DFL] = "sim_dfl",
					     [FPGA_IFC_SIM_VFIO] = "sim_vfio",
					     [FPGA_IFC_UIO] = "uio" };

	return (unsigned int)ifc < sizeof(names) / sizeof(names[0]) ? names[ifc] : NULL;
}

/* A plugin of local devices need not know host names: it serves this one, by no name or by its. */
static bool host_matches(const struct adapter *a, const char *hostname)
{
	if (a->table->supports_host)
		return a->table->supports_host(a->table->instance, hostname);
	return !*hostname || !strcmp(hostname, "localhost");
}

static bool filter_may_match(const struct adapter *a, const struct opae_props *f)
{
	const char *type;

	if ((f->valid & OPAE_PROP_INTERFACE) && a->table->supports_device) {
		type = interface_name(f->interface);
		if (!type || !a->table->supports_device(a->table->instance, type))
			return false;
	}
	return !(f->valid & OPAE_PROP_HOSTNAME) || host_matches(a, f->hostname);
}

bool opae_plugin_mgr_may_match(const struct adapter *a, const struct opae_props *filters,
			       size_t num_filters)
{
	for (size_t i = 0; i < num_filters; i++)
		if (filter_may_match(a, &filters[i]))
			return true;
	return !num_filters;
}

const char *opae_plugin_mgr_config_path(void)
{
	return config_path ? config_path : "";
}

const char *opae_plugin_mgr_config_problem(void)
{
	return config_problem ? config_problem : "";
}
