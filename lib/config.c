/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * opae.cfg. Two forms are read. The classic one lists instances by name:
 *
 *     {"plugins": ["vfio"],
 *      "configurations": {"vfio": {"enabled": true, "plugin": "libv-opae.so", "configuration": {}}}}
 *
 * The newer one of OPAE 2.1 and later lists boards in "configs"; each has
 * "opae": {"plugin": [{"enabled", "module", "devices", "configuration"}]}. A module that several boards
 * name is one instance, and serves the devices of all of them.
 *
 * A bad entry spoils itself alone.
 */
#include "lib/config.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "lib/config-devices.h"

#define FILE_MAX_BYTES (1u << 20)
#define JSON_DEPTH 32
#define PLUGINS_MAX 256u

static const char default_text[] =
	"{\"plugins\": [\"xfpga\", \"vfio\"], \"configurations\": {"
	"\"xfpga\": {\"enabled\": true, \"plugin\": \"libxfpga.so\", \"configuration\": {}}, "
	"\"vfio\": {\"enabled\": true, \"plugin\": \"libv-opae.so\", \"configuration\": {}}}}";

/* Of a simulation no file is needed. */
static const char ase_text[] =
	"{\"plugins\": [\"ase\"], \"configurations\": {"
	"\"ase\": {\"enabled\": true, \"plugin\": \"libase-opae.so\", \"configuration\": {}}}}";

static char *text_of(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static char *text_of(const char *fmt, ...)
{
	char *out = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&out, fmt, ap) < 0)
		out = NULL;
	va_end(ap);
	return out;
}

/* ---- entries ---- */

static void plugin_done(struct config_plugin *p)
{
	free(p->name);
	free(p->module);
	free(p->configuration);
	free(p->devices);
	free(p->problem);
}

void config_done(struct config *c)
{
	for (size_t i = 0; i < c->num_plugins; i++)
		plugin_done(&c->plugins[i]);
	free(c->plugins);
	free(c->path);
	free(c->problem);
	free(c->passed);
	memset(c, 0, sizeof(*c));
}

static struct config_plugin *append(struct config *c, const char *name)
{
	struct config_plugin *grown;

	if (c->num_plugins >= PLUGINS_MAX)
		return NULL;
	grown = reallocarray(c->plugins, c->num_plugins + 1, sizeof(*grown));
	if (!grown)
		return NULL;
	c->plugins = grown;
	grown += c->num_plugins++;
	*grown = (struct config_plugin){ .name = strdup(name) };
	return grown;
}

static bool module_name_ok(const char *module)
{
	return *module == '/' || (*module && !strchr(module, '/'));
}

/* Module and configuration of an entry of either form; `key` is what the form calls the module. */
static void read_entry(struct config_plugin *p, struct json_object *entry, const char *key)
{
	struct json_object *module, *conf;

	if (!json_object_object_get_ex(entry, key, &module) ||
	    !json_object_is_type(module, json_type_string)) {
		p->problem = text_of("\"%s\" must be the name of a plugin file", key);
		return;
	}
	p->module = strdup(json_object_get_string(module));
	if (!p->module || !module_name_ok(p->module)) {
		p->problem = text_of("\"%s\": \"%s\" is neither a file name nor an absolute path",
				     key, p->module ? p->module : "");
		return;
	}
	if (!json_object_object_get_ex(entry, "configuration", &conf))
		p->configuration = strdup("{}");
	else
		p->configuration = strdup(
			json_object_to_json_string_ext(conf, JSON_C_TO_STRING_PLAIN));
}

/* Missing means no, as OPAE reads it. */
static bool read_enabled(struct json_object *entry, char **problem)
{
	struct json_object *o;

	if (!json_object_object_get_ex(entry, "enabled", &o))
		return false;
	if (!json_object_is_type(o, json_type_boolean))
		*problem = text_of("\"enabled\" must be true or false");
	return json_object_get_boolean(o);
}

/* ---- the classic form ---- */

static void classic_plugin(struct config *c, struct json_object *confs, const char *name)
{
	struct config_plugin *p = append(c, name);
	struct json_object *entry;

	if (!p)
		return;
	if (!json_object_object_get_ex(confs, name, &entry) ||
	    !json_object_is_type(entry, json_type_object)) {
		p->problem = text_of("\"plugins\" names \"%s\" but \"configurations\" has no such "
				     "object", name);
		return;
	}
	p->enabled = read_enabled(entry, &p->problem);
	if (!p->problem)
		read_entry(p, entry, "plugin");
}

static void classic_form(struct config *c, struct json_object *names, struct json_object *confs)
{
	size_t n = json_object_array_length(names);

	for (size_t i = 0; i < n; i++) {
		struct json_object *name = json_object_array_get_idx(names, i);

		if (json_object_is_type(name, json_type_string)) {
			classic_plugin(c, confs, json_object_get_string(name));
		} else {
			struct config_plugin *p = append(c, "?");

			if (p)
				p->problem = text_of("\"plugins\"[%zu] must be a string", i);
		}
	}
}

/* ---- the newer form ---- */

static struct config_plugin *find_module(struct config *c, const char *module)
{
	for (size_t i = 0; i < c->num_plugins; i++)
		if (c->plugins[i].module && !strcmp(c->plugins[i].module, module))
			return &c->plugins[i];
	return NULL;
}

/*
 * Is the module there already? Boards that name one module share an instance; when the next one has
 * another "configuration", a row says that it is not used.
 */
static bool listed(struct config *c, const char *module, struct json_object *entry)
{
	struct json_object *conf = NULL;
	const char *text = "{}";
	struct config_plugin *p;

	if (json_object_object_get_ex(entry, "configuration", &conf))
		text = json_object_to_json_string_ext(conf, JSON_C_TO_STRING_PLAIN);
	p = find_module(c, module);
	if (p && p->configuration && strcmp(p->configuration, text)) {
		p = append(c, module);
		if (p)
			p->problem = text_of("an earlier board names %s with another "
					     "\"configuration\", which is the one in force", module);
		return true;
	}
	return p != NULL;
}

/* Devices of an entry that cannot be used spoil that entry, and not those of other boards. */
static void add_devices(struct config *c, struct json_object *board, struct json_object *entry,
			const char *module)
{
	struct config_plugin *p = find_module(c, module);
	struct json_object *list;
	char *problem = NULL, *text;

	if (!p || p->problem)
		return;
	list = p->devices ? json_tokener_parse(p->devices) : NULL;
	if (config_add_devices(board, entry, &list, &problem)) {
		text = list ? strdup(json_object_to_json_string_ext(list, JSON_C_TO_STRING_PLAIN)) : NULL;
		free(p->devices);
		p->devices = text;
	} else {
		p = append(c, module);
		if (p)
			p->problem = problem;
		else
			free(problem);
	}
	json_object_put(list);
}

static void newer_plugin(struct config *c, struct json_object *board, struct json_object *entry)
{
	struct json_object *module;
	const char *name = "?";
	struct config_plugin *p;
	char *problem = NULL;
	bool enabled;

	if (!json_object_is_type(entry, json_type_object))
		return;
	if (json_object_object_get_ex(entry, "module", &module) &&
	    json_object_is_type(module, json_type_string))
		name = json_object_get_string(module);
	enabled = read_enabled(entry, &problem);
	if ((!enabled && !problem) || listed(c, name, entry)) {
		if (enabled)
			add_devices(c, board, entry, name);
		free(problem);
		return;
	}
	p = append(c, name);
	if (!p) {
		free(problem);
		return;
	}
	p->enabled = enabled;
	p->problem = problem;
	if (!problem)
		read_entry(p, entry, "module");
	add_devices(c, board, entry, name);
}

static void newer_board(struct config *c, struct json_object *board)
{
	struct json_object *opae, *list, *enabled;

	if (!json_object_object_get_ex(board, "enabled", &enabled) ||
	    !json_object_get_boolean(enabled) ||
	    !json_object_object_get_ex(board, "opae", &opae) ||
	    !json_object_object_get_ex(opae, "plugin", &list) ||
	    !json_object_is_type(list, json_type_array))
		return;
	for (size_t i = 0; i < json_object_array_length(list); i++)
		newer_plugin(c, board, json_object_array_get_idx(list, i));
}

static void newer_form(struct config *c, struct json_object *names, struct json_object *confs)
{
	struct json_object *board;

	for (size_t i = 0; i < json_object_array_length(names); i++) {
		const char *name = json_object_get_string(json_object_array_get_idx(names, i));

		if (name && json_object_object_get_ex(confs, name, &board) &&
		    json_object_is_type(board, json_type_object))
			newer_board(c, board);
	}
}

/* ---- text and files ---- */

static struct json_object *parse_text(const char *text, size_t len, char **problem)
{
	struct json_tokener *tok = json_tokener_new_ex(JSON_DEPTH);
	struct json_object *top;
	enum json_tokener_error e;

	if (!tok)
		return NULL;
	/* One byte more than the text: its NUL tells the parser that a number has ended. */
	top = json_tokener_parse_ex(tok, text, (int)len);
	e = json_tokener_get_error(tok);
	if (e != json_tokener_success) {
		*problem = text_of("not JSON: %s at byte %zu",
				   e == json_tokener_continue ? "it ends too early" :
								json_tokener_error_desc(e),
				   json_tokener_get_parse_end(tok));
		json_object_put(top);
		top = NULL;
	}
	json_tokener_free(tok);
	return top;
}

static void read_top(struct config *c, struct json_object *top)
{
	struct json_object *names, *confs;

	if (!json_object_is_type(top, json_type_object)) {
		c->problem = text_of("the file must hold one JSON object");
		return;
	}
	if (!json_object_object_get_ex(top, "configurations", &confs) ||
	    !json_object_is_type(confs, json_type_object)) {
		c->problem = text_of("there is no object \"configurations\"");
		return;
	}
	if (json_object_object_get_ex(top, "plugins", &names) &&
	    json_object_is_type(names, json_type_array))
		classic_form(c, names, confs);
	else if (json_object_object_get_ex(top, "configs", &names) &&
		 json_object_is_type(names, json_type_array))
		newer_form(c, names, confs);
	else
		c->problem = text_of("there is neither an array \"plugins\" nor an array "
				     "\"configs\"");
}

int config_parse(const char *text, size_t len, struct config *ret)
{
	struct config c = { 0 };
	struct json_object *top;

	if (len > FILE_MAX_BYTES) {
		c.problem = text_of("%zu bytes are too large; %u is the limit", len,
				    FILE_MAX_BYTES);
	} else {
		top = parse_text(text, len, &c.problem);
		if (top || !c.problem)
			read_top(&c, top);
		json_object_put(top);
	}
	*ret = c;
	return 0;
}

static int read_file(const char *path, char **text, size_t *len)
{
	/* A FIFO that nobody writes to must not keep every program from starting. */
	CLEANUP_CLOSE int fd = sys_open(path, O_RDONLY | O_NONBLOCK, 0);
	CLEANUP_FREE char *buf = NULL;
	size_t used = 0;
	ssize_t n;

	if (fd < 0)
		return fd;
	buf = malloc(FILE_MAX_BYTES + 2);
	if (!buf)
		return -ENOMEM;
	while ((n = sys_pread(fd, buf + used, FILE_MAX_BYTES + 1 - used, (off_t)used)) > 0)
		used += (size_t)n;
	if (n < 0)
		return (int)n;
	buf[used] = 0;
	*text = buf;
	*len = used;
	buf = NULL;
	return 0;
}

/* ---- the search ---- */

/* May the file be read? When it is there and may not, *passed says so, for the first such one. */
static bool readable(const char *path, char **passed)
{
	if (!path)
		return false;
	if (!access(path, R_OK))
		return true;
	if (passed && !*passed && errno != ENOENT && errno != ENOTDIR)
		*passed = text_of("%s: %s; it is passed over", path, strerror(errno));
	return false;
}

static char *home_dir(void)
{
	const char *env = secure_getenv("HOME");
	struct passwd pw, *found = NULL;
	char buf[4096];

	if (env && *env)
		return strdup(env);
	if (getpwuid_r(getuid(), &pw, buf, sizeof(buf), &found) || !found)
		return NULL;
	return strdup(found->pw_dir);
}

/* The first of `below` (a list that NULL ends) that can be read in the folder; the caller frees. */
static char *search_in(const char *folder, const char *const *below, char **passed)
{
	for (; folder && *below; below++) {
		char *path = text_of("%s%s", folder, *below);

		if (readable(path, passed))
			return path;
		free(path);
	}
	return NULL;
}

/* LIBOPAE_CFGFILE that names nothing is passed over, as by OPAE; *passed says so. */
static char *search(char **passed)
{
	static const char *const below_home[] = { "/.local/opae.cfg", "/.local/opae/opae.cfg",
						  "/.config/opae/opae.cfg", NULL };
	static const char *const absolute[] = { "/usr/local/etc/opae/opae.cfg",
						"/etc/opae/opae.cfg", NULL };
	const char *env = secure_getenv("LIBOPAE_CFGFILE");
	CLEANUP_FREE char *home = home_dir();
	char *path = NULL;

	if (env && readable(env, NULL))
		return strdup(env);
	if (env && *env)
		*passed = text_of("LIBOPAE_CFGFILE names %s: %s; it is passed over", env,
				  strerror(errno));
	path = search_in(home, below_home, passed);
	return path ? path : search_in("", absolute, passed);
}

/* Is a simulation asked for, and nothing else? WITH_ASE counts with any value, as OPAE has it. */
static bool simulates(void)
{
	static const char *const names[] = { "OPAE_ASE_SOCKET", "OPAE_ASE_EXEC" };
	bool any = secure_getenv("WITH_ASE");

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *value = secure_getenv(names[i]);

		any |= value && *value;
	}
	return any;
}

/* The simulation's configuration file, where OPAE looks for it. */
static char *search_ase(void)
{
	static const char *const below_root[] = { "/share/opae/ase/opae_ase.cfg", NULL };
	static const char *const below_home[] = { "/.local/opae_ase.cfg",
						  "/.local/opae/opae_ase.cfg",
						  "/.config/opae/opae_ase.cfg", NULL };
	static const char *const absolute[] = { "/usr/local/share/opae/ase/opae_ase.cfg",
						"/usr/share/opae/ase/opae_ase.cfg",
						"/usr/local/etc/opae/opae_ase.cfg",
						"/etc/opae/opae_ase.cfg", NULL };
	CLEANUP_FREE char *home = home_dir();
	char *path = search_in(secure_getenv("OPAE_PLATFORM_ROOT"), below_root, NULL);

	if (!path)
		path = search_in(home, below_home, NULL);
	return path ? path : search_in("", absolute, NULL);
}

static int load_text(const char *text, char *path, char *problem, struct config *ret)
{
	int rc = config_parse(text, strlen(text), ret);

	ret->path = path ? path : strdup("");
	ret->problem = problem;
	return rc ? rc : ret->path ? 0 : -ENOMEM;
}

/* The file at path; broken, the built-in text with the reason. Takes path over. */
static int load_file(char *path, const char *otherwise, struct config *ret)
{
	CLEANUP_FREE char *text = NULL;
	size_t len = 0;
	char *problem;
	int rc = read_file(path, &text, &len);

	if (rc) {
		problem = text_of("%s: %s; the built-in configuration is used", path,
				  strerror(-rc));
		free(path);
		return load_text(otherwise, NULL, problem, ret);
	}
	rc = config_parse(text, len, ret);
	if (rc || ret->problem) {
		problem = text_of("%s: %s; the built-in configuration is used", path,
				  ret->problem ? ret->problem : "no memory");
		config_done(ret);
		free(path);
		return load_text(otherwise, NULL, problem, ret);
	}
	ret->path = path;
	return 0;
}

int config_load(const char *asked, struct config *ret)
{
	bool ase = !asked && simulates();
	const char *built_in = ase ? ase_text : default_text;
	char *passed = NULL, *path = asked ? strdup(asked) : ase ? search_ase() : search(&passed);
	int rc;

	if (!path && asked)
		return -ENOMEM;
	rc = path ? load_file(path, built_in, ret) : load_text(built_in, NULL, NULL, ret);
	if (rc)
		free(passed);
	else
		ret->passed = passed;
	return rc;
}

bool config_overlooks_simulation(const struct config *c)
{
	const char *workdir = secure_getenv("ASE_WORKDIR");

	for (size_t i = 0; i < c->num_plugins; i++)
		if (c->plugins[i].module && strstr(c->plugins[i].module, "libase"))
			return false;
	return workdir && *workdir && !simulates();
}
