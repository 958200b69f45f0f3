/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Loading a plugin: find the file, read its constant, let it fill a table, complete the table.
 *
 * Whatever goes wrong ends as a row of the list with a reason, and nothing else: the other plugins
 * never notice. A file that was configured is never unloaded, for its threads and its pages of
 * code may be in use; one that was refused before is.
 */
#include "lib/pluginldr.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "lib/config-devices.h"
#include "lib/host.h"

#define CANARY_BYTES 64u
#define CANARY 0xa5

typedef int (*configure_fn)(opae_api_adapter_table *table, const char *json);

/* The reason why a row does not work. Takes the first one and keeps it. */
static void refuse(struct adapter *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void refuse(struct adapter *a, const char *fmt, ...)
{
	va_list ap;

	if (a->state == ADAPTER_READY)
		a->state = ADAPTER_FAILED;
	if (a->reason)
		return;
	va_start(ap, fmt);
	if (vasprintf(&a->reason, fmt, ap) < 0)
		a->reason = NULL;
	va_end(ap);
}

/* ---- finding the file ---- */

/* dir/file when it is there; the caller frees. */
static char *present(const char *dir, size_t dir_len, const char *file)
{
	char *path;

	if (!dir_len || asprintf(&path, "%.*s/%s", (int)dir_len, dir, file) < 0)
		return NULL;
	if (!access(path, R_OK))
		return path;
	free(path);
	return NULL;
}

static char *search_list(const char *dirs, const char *file)
{
	while (dirs && *dirs) {
		size_t len = strcspn(dirs, ":");
		char *path = present(dirs, len, file);

		if (path)
			return path;
		dirs += len + (dirs[len] == ':');
	}
	return NULL;
}

static char *search_beside_library(const char *file)
{
	Dl_info self;
	CLEANUP_FREE char *library = NULL;
	const char *slash;
	char *dir, *path;

	if (!dladdr((const void *)(uintptr_t)&opae_plugin_ldr_load, &self) || !self.dli_fname)
		return NULL;
	library = realpath(self.dli_fname, NULL);
	slash = library ? strrchr(library, '/') : NULL;
	if (!slash || asprintf(&dir, "%.*s/opae", (int)(slash - library), library) < 0)
		return NULL;
	path = present(dir, strlen(dir), file);
	free(dir);
	return path;
}

/* OPAEX_PLUGIN_DIR, then opae/ beside this library, then the directory that was compiled in. */
static char *find_file(const char *module)
{
	char *path;

	if (*module == '/')
		return access(module, R_OK) ? NULL : strdup(module);
	path = search_list(secure_getenv("OPAEX_PLUGIN_DIR"), module);
	if (!path)
		path = search_beside_library(module);
	return path ? path : present(OPAE_PLUGIN_DIR, strlen(OPAE_PLUGIN_DIR), module);
}

/* ---- the constant ---- */

static bool check_info(struct adapter *a)
{
	const struct opae_plugin_info *i = a->info;

	if (i->magic != OPAE_PLUGIN_MAGIC)
		refuse(a, "%s: its opae_plugin_info begins with 0x%llx and not with the magic "
			  "number 0x%llx",
		       a->file, (unsigned long long)i->magic,
		       (unsigned long long)OPAE_PLUGIN_MAGIC);
	else if (i->abi_major != OPAE_PLUGIN_ABI_MAJOR)
		refuse(a, "%s was built for plugin ABI %u.%u; this library needs %u.x: rebuild the "
			  "plugin",
		       a->file, i->abi_major, i->abi_minor, OPAE_PLUGIN_ABI_MAJOR);
	else if (i->table_size < offsetof(opae_api_adapter_table, initialize) ||
		 i->table_size > OPAE_PLUGIN_TABLE_MAX || i->table_size % sizeof(void *))
		refuse(a, "%s says that its table has %u bytes; %zu to %u, in steps of %zu, are "
			  "possible",
		       a->file, i->table_size, offsetof(opae_api_adapter_table, initialize),
		       OPAE_PLUGIN_TABLE_MAX, sizeof(void *));
	else
		return true;
	return false;
}

static bool open_file(struct adapter *a, const char *module)
{
	char *path = find_file(module);

	if (!path) {
		refuse(a, "%s: no such plugin file; looked in $OPAEX_PLUGIN_DIR, in opae/ beside "
			  "the library, and in %s",
		       module, OPAE_PLUGIN_DIR);
		return false;
	}
	free(a->file);
	a->file = path;
	a->dl = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!a->dl) {
		refuse(a, "%s", dlerror());
		return false;
	}
	a->info = dlsym(a->dl, "opae_plugin_info");
	if (a->info)
		return check_info(a);
	refuse(a, dlsym(a->dl, "opae_plugin_configure") ?
			  "%s is a foreign plugin: it has no opae_plugin_info, so it was built for "
			  "another library" :
			  "%s is not a plugin: it has no opae_plugin_info",
	       path);
	return false;
}

/* ---- the table ---- */

static bool canary_alive(const unsigned char *at)
{
	for (size_t i = 0; i < CANARY_BYTES; i++)
		if (at[i] != CANARY)
			return false;
	return true;
}

static void fill_head(opae_api_adapter_table *t)
{
	t->size = sizeof(*t);
	t->abi_major = OPAE_PLUGIN_ABI_MAJOR;
	t->abi_minor = OPAE_PLUGIN_ABI_MINOR;
	t->host = lib_host();
}

/*
 * The plugin's table may be shorter or longer than ours. It gets room for the longer of the two; what
 * both know is copied.
 */
static bool configure(struct adapter *a, const char *json)
{
	configure_fn fn = (configure_fn)(uintptr_t)dlsym(a->dl, "opae_plugin_configure");
	size_t theirs = a->info->table_size, ours = sizeof(*a->table);
	size_t room = theirs > ours ? theirs : ours;
	CLEANUP_FREE unsigned char *scratch = calloc(1, room + CANARY_BYTES);
	int r;

	if (!fn) {
		refuse(a, "%s has no opae_plugin_configure", a->file);
		return false;
	}
	a->table = calloc(1, ours);
	if (!scratch || !a->table) {
		refuse(a, "no memory for its table");
		return false;
	}
	fill_head((opae_api_adapter_table *)(void *)scratch);
	memset(scratch + room, CANARY, CANARY_BYTES);
	detail_clear();
	r = fn((opae_api_adapter_table *)(void *)scratch, json);
	if (r) {
		detail_finish((fpga_result)r, "opae_plugin_configure", a->name);
		refuse(a, "%s", opaex_error_detail());
	} else if (!canary_alive(scratch + room)) {
		refuse(a, "%s wrote past the %zu bytes of its table", a->file, room);
	}
	if (a->reason)
		return false;
	memcpy(a->table, scratch, theirs < ours ? theirs : ours);
	fill_head(a->table);
	return true;
}

/* ---- rows ---- */

/* To a plugin that says it takes such a list. */
static void give_devices(struct adapter *a, const char *devices)
{
	const struct opae_plugin_param *p = a->info->params;
	char *text;

	while (p && p->name && strcmp(p->name, "devices"))
		p++;
	text = devices && p && p->name ? config_with_devices(a->configuration, devices) : NULL;
	if (!text)
		return;
	free(a->configuration);
	a->configuration = text;
}

static void load(struct adapter *a, const char *module, const char *devices)
{
	if (!open_file(a, module)) {
		a->info = NULL; /* it goes with the file */
		if (a->dl)
			dlclose(a->dl);
		a->dl = NULL;
		return;
	}
	give_devices(a, devices);
	configure(a, a->configuration);
}

struct adapter *opae_plugin_ldr_load(const struct config_plugin *entry)
{
	struct adapter *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->name = strdup(entry->name ? entry->name : "?");
	a->file = strdup(entry->module ? entry->module : "");
	a->configuration = strdup(entry->configuration ? entry->configuration : "{}");
	if (!a->name || !a->file || !a->configuration) {
		free(a->name);
		free(a->file);
		free(a->configuration);
		free(a);
		return NULL;
	}
	a->state = ADAPTER_READY;
	if (entry->problem) {
		refuse(a, "%s", entry->problem);
	} else if (!entry->enabled) {
		a->state = ADAPTER_DISABLED;
		refuse(a, "\"enabled\" is not true in the configuration");
	} else {
		load(a, entry->module, entry->devices);
	}
	if (a->table)
		opae_plugin_ldr_fill_holes(a->table);
	return a;
}

size_t opae_plugin_ldr_load_plugins(const struct config *cfg, struct adapter **list)
{
	struct adapter *last = *list;
	size_t ready = 0;

	while (last && last->next)
		last = last->next;
	for (size_t i = 0; i < cfg->num_plugins; i++) {
		struct adapter *a = opae_plugin_ldr_load(&cfg->plugins[i]);

		if (!a)
			continue;
		ready += a->state == ADAPTER_READY;
		if (last)
			last->next = a;
		else
			*list = a;
		last = a;
	}
	return ready;
}
