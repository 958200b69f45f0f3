/* SPDX-License-Identifier: BSD-3-Clause */
/* Is the configuration in force the one that is meant, and do its plugins work. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "doctor.h"

/* What a configuration calls the plugins: by file, as OPAE does and as we do. */
static const char *const vfio_files[] = { "libv-opae.so", "libopae-v.so", NULL };
static const char *const remote_files[] = { "libtcp-opae.so", "libvsock-opae.so", "librdma-opae.so", NULL };
static const char *const ase_files[] = { "libase-opae.so", "libase.so", NULL };
static const char *const kernel_files[] = { "libxfpga.so", NULL };

const char *config_name(void)
{
	static char name[PATH_MAX];

	if (!*opaex_config_path())
		return "~/.config/opae/opae.cfg";
	shell_quote(opaex_config_path(), name, sizeof(name));
	return name;
}

/* ---- the file ---- */

/* The path in a reason that begins "PATH: ..." or "... names PATH: ..."; the caller frees. */
static char *path_in(const char *reason)
{
	const char *slash = strchr(reason, '/'), *end = slash ? strstr(slash, ": ") : NULL;

	return end ? strndup(slash, (size_t)(end - slash)) : NULL;
}

/* Nobody knows whether it is there: a folder above may not be entered, or the variable names nothing. */
static void fix_unreachable(struct subject *s, const char *path)
{
	const char *told = getenv("LIBOPAE_CFGFILE"), *home = getenv("HOME");
	char shell[PATH_MAX];

	if (!path || (told && !strcmp(told, path))) {
		fix(s, "unset LIBOPAE_CFGFILE   # or put the file there, and name its whole path");
	} else if (home && *home && !strncmp(path, home, strlen(home))) {
		shell_quote(home, shell, sizeof(shell));
		fix(s, "unset HOME   # it is %s, where you may not look: then your own is taken; sudo "
		       "-H does so", shell);
	} else {
		shell_quote(path, shell, sizeof(shell));
		fix(s, "namei -m %s   # shows which folder you may not enter; chmod it", shell);
	}
}

/* The file, when it is a plain one: to open another may take for ever. */
static struct json_object *read_file(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISREG(st.st_mode) ? json_object_from_file(path) : NULL;
}

/* A folder, a pipe: no file that could be mended. */
static void fix_no_file(struct subject *s, const char *path, const char *shell)
{
	const char *told = getenv("LIBOPAE_CFGFILE");

	if (told && !strcmp(told, path))
		fix(s, "unset LIBOPAE_CFGFILE   # or name a file: %s is none", shell);
	else
		fix(s, "mv %s %s.old   # it is no file; then write one of that name", shell, shell);
}

static void fix_file(struct subject *s, const char *path)
{
	char shell[PATH_MAX];
	struct json_object *o;
	struct stat st;

	if (!path || access(path, F_OK)) {
		fix_unreachable(s, path);
		return;
	}
	shell_quote(path, shell, sizeof(shell));
	if (!stat(path, &st) && !S_ISREG(st.st_mode)) {
		fix_no_file(s, path, shell);
	} else if (access(path, R_OK)) {
		fix(s, "sudo chmod a+r %s", shell);
	} else {
		o = read_file(path);
		fix(s, o ? "$EDITOR %s   # the README shows the form" :
			   "python3 -m json.tool %s   # shows where it is not JSON", shell);
		json_object_put(o);
	}
}

static void check_file(struct subject *s)
{
	char *path = path_in(opaex_config_problem());

	if (!*opaex_config_problem()) {
		step_ok(s, "file", *opaex_config_path() ? "is in force" :
							  "no opae.cfg was found, so what is built "
							  "in is in force");
		return;
	}
	step_wrong(s, "file", "%s", opaex_config_problem());
	fix_file(s, path);
	free(path);
}

static void check_form(struct subject *s)
{
	struct json_object *o = *opaex_config_path() ? read_file(opaex_config_path()) : NULL;

	if (o)
		step_ok(s, "form", json_object_object_get_ex(o, "plugins", NULL) ?
					   "the classic one, a list of plugins" :
					   "the one of OPAE 2.1 and later, a list of boards");
	json_object_put(o);
}

static void check_start(struct subject *s)
{
	static const char *const simulation[] = { "WITH_ASE", "OPAE_ASE_SOCKET", "OPAE_ASE_EXEC" };

	for (size_t i = 0; i < sizeof(simulation) / sizeof(simulation[0]); i++)
		if (getenv(simulation[i])) {
			step_note(s, "start", "%s is set: programs see the simulation alone", simulation[i]);
			break;
		}
	if (!getenv("OPAE_EXPLICIT_INITIALIZE"))
		return;
	step_note(s, "start", "OPAE_EXPLICIT_INITIALIZE is set: a program that does not call "
			      "fpgaInitialize() sees nothing");
	fpgaInitialize(NULL);
}

/* ---- plugins ---- */

const char *verb_of(const char *state)
{
	return strcmp(state, "failed") ? "is" : "has";
}

/* The names of what "configurations" has, quoted: "vfio", "other". */
static void known_names(char *out, size_t len)
{
	struct json_object *top = read_file(opaex_config_path()), *confs;
	size_t used = 0;

	*out = 0;
	if (json_object_object_get_ex(top, "configurations", &confs) &&
	    json_object_is_type(confs, json_type_object)) {
		json_object_object_foreach(confs, name, value)
		{
			(void)value;
			if (used + strlen(name) + 6 < len)
				used += (size_t)snprintf(out + used, len - used, "%s\"%s\"", used ? ", " : "",
							 name);
		}
	}
	json_object_put(top);
}

/* What the file says of the plugin is wrong before there is anything to load. */
static void fix_entry(struct subject *s, const struct opaex_plugin *p)
{
	char names[256];

	if (strstr(p->reason, "\"enabled\"")) {
		fix(s, "$EDITOR %s   # say \"enabled\": true for \"%s\", or false; no quotes round it",
		    config_name(), p->name);
	} else if (strstr(p->reason, "no such object")) {
		known_names(names, sizeof(names));
		fix(s, "$EDITOR %s   # write it in \"plugins\" as \"configurations\" has it: %s",
		    config_name(), *names ? names : "it has none");
	} else if (strstr(p->reason, "\"devices\"")) {
		fix(s, "$EDITOR %s   # write the name as the board's \"devices\" have it, or add it there",
		    config_name());
	} else {
		fix(s, "$EDITOR %s   # \"plugin\": \"%s\" is the usual one; the README shows the form",
		    config_name(), vfio_files[0]);
	}
}

static void fix_plugin(struct subject *s, const struct opaex_plugin *p)
{
	bool found = *p->file == '/' && !access(p->file, R_OK);

	if (!found && !strstr(p->reason, "no such plugin file"))
		fix_entry(s, p);
	else if (!found && !*opaex_config_path())
		fix(s, "OPAEX_PLUGIN_DIR=/folder/of/it opae plugins   # or install the stack again: it is a "
		       "part of it");
	else if (!found)
		fix(s, "OPAEX_PLUGIN_DIR=/folder/of/it opae plugins   # or install it; or $EDITOR %s and "
		       "say \"enabled\": false for \"%s\"", config_name(), p->name);
	else if (!p->abi_major)
		fix(s, "$EDITOR %s   # say \"plugin\": \"%s\" or \"enabled\": false for \"%s\"",
		    config_name(), vfio_files[0], p->name);
	else
		fix(s, "$EDITOR %s   # \"configuration\" of \"%s\"; then: opae plugins",
		    config_name(), p->name);
}

static void check_plugins(struct subject *s)
{
	struct opaex_plugin p;
	char names[256];

	for (uint32_t i = 0; opaex_plugin_get(i, &p) == FPGA_OK; i++) {
		if (!strcmp(p.state, "ready")) {
			step_ok(s, p.name, "plugin is ready: %s", p.file);
		} else if (!strcmp(p.state, "disabled")) {
			step_note(s, p.name, "plugin is disabled: %s; to have it: $EDITOR %s", p.reason,
				  config_name());
		} else {
			step_wrong(s, p.name, "plugin %s %s: %s", verb_of(p.state), p.state, p.reason);
			fix_plugin(s, &p);
		}
	}
	if (opaex_plugin_count())
		return;
	step_wrong(s, "plugins", "the configuration names no plugin");
	known_names(names, sizeof(names));
	if (*names)
		fix(s, "$EDITOR %s   # name what \"configurations\" has in \"plugins\", boards in \"configs\""
		       ", and say \"enabled\": true for it: %s", config_name(), names);
	else
		fix(s, "$EDITOR %s   # the README shows the form", config_name());
}

bool disabled_plugin(char *out, size_t len)
{
	struct opaex_plugin p;

	for (uint32_t i = 0; opaex_plugin_get(i, &p) == FPGA_OK; i++)
		if (!strcmp(p.state, "disabled")) {
			snprintf(out, len, "%s", p.name);
			return true;
		}
	return false;
}

void doctor_config(struct doctor *d)
{
	struct subject s = subject_new(d, "configuration", *opaex_config_path() ?
								   opaex_config_path() :
								   "(built in)");

	check_start(&s);
	check_file(&s);
	check_form(&s);
	check_plugins(&s);
	doctor_note_devices(&s);
}

/* ---- what a device asks: is there a plugin for it ---- */

static bool is_one_of(const char *file, const char *const *files)
{
	const char *slash = strrchr(file, '/');

	for (; *files; files++)
		if (!strcmp(slash ? slash + 1 : file, *files))
			return true;
	return false;
}

static bool plugin_next(const char *const *files, uint32_t *index, struct opaex_plugin *p, const char **json)
{
	for (; opaex_plugin_get(*index, p) == FPGA_OK; ++*index)
		if (is_one_of(p->file, files)) {
			*json = opaex_plugin_configuration((*index)++);
			return true;
		}
	return false;
}

bool vfio_plugin_next(uint32_t *index, struct opaex_plugin *p, const char **json)
{
	return plugin_next(vfio_files, index, p, json);
}

bool ase_plugin_next(uint32_t *index, struct opaex_plugin *p, const char **json)
{
	return plugin_next(ase_files, index, p, json);
}

bool remote_plugin_next(uint32_t *index, struct opaex_plugin *p, const char **json)
{
	return plugin_next(remote_files, index, p, json);
}

/* A ready one, else the first that is there but does not work. False: none at all. */
static bool find_plugin(const char *const *files, struct opaex_plugin *ret)
{
	struct opaex_plugin p;
	bool found = false;

	for (uint32_t i = 0; opaex_plugin_get(i, &p) == FPGA_OK; i++) {
		bool ready = !strcmp(p.state, "ready");

		if (!is_one_of(p.file, files) || (found && !ready))
			continue;
		*ret = p;
		if (ready)
			return true;
		found = true;
	}
	return found;
}

bool hosts_alone(void)
{
	struct opaex_plugin p;
	bool remote = false;

	for (uint32_t i = 0; opaex_plugin_get(i, &p) == FPGA_OK; i++) {
		if (is_one_of(p.file, remote_files) || is_one_of(p.file, ase_files))
			remote |= !strcmp(p.state, "ready");
		else if (strcmp(p.state, "disabled"))
			return false;
	}
	return remote;
}

/* What the plugins are for, where none is for this machine's cards. */
static const char *elsewhere(void)
{
	struct opaex_plugin p;
	const char *json;
	uint32_t remote = 0, ase = 0;
	bool any = remote_plugin_next(&remote, &p, &json);

	if (!ase_plugin_next(&ase, &p, &json))
		return "remote hosts";
	return any ? "remote hosts and simulations" : "simulations";
}

/* Not wrong: who names hosts alone means it. */
static bool left_out(struct subject *s, const char *const *files, const char *usual)
{
	struct opaex_plugin p;

	if (find_plugin(files, &p))
		return step_note(s, "plugin",
				 "the plugins in force are for %s, and \"%s\", which would serve "
				 "it, is disabled; to have it too: $EDITOR %s, and say \"enabled\": true for "
				 "\"%s\"", elsewhere(), p.name, config_name(), p.name);
	return step_note(s, "plugin",
			 "the plugins in force are for %s alone; to have it too: $EDITOR %s, and "
			 "add \"%s\" with \"plugin\": \"%s\"", elsewhere(), config_name(), usual,
			 files[0]);
}

bool check_local(const struct doctor *d, struct subject *s)
{
	return d->only || !hosts_alone() || !left_out(s, vfio_files, "vfio");
}

bool check_vfio_plugin(struct subject *s)
{
	struct opaex_plugin p;

	if (hosts_alone())
		return !left_out(s, vfio_files, "vfio");

	if (!find_plugin(vfio_files, &p)) {
		step_wrong(s, "plugin", "no plugin in force serves vfio-pci and sockets: %s does not "
					"name %s", config_name(), vfio_files[0]);
		return fix(s, "$EDITOR %s   # add \"vfio\" with \"plugin\": \"%s\"", config_name(),
			   vfio_files[0]);
	}
	if (!strcmp(p.state, "ready"))
		return step_ok(s, "plugin", "\"%s\" serves it", p.name);
	step_wrong(s, "plugin", "\"%s\", which would serve it, %s %s: %s", p.name,
		   verb_of(p.state), p.state, p.reason);
	if (!strcmp(p.state, "disabled"))
		return fix(s, "$EDITOR %s   # say \"enabled\": true for \"%s\"", config_name(),
			   p.name);
	fix_plugin(s, &p);
	return false;
}

bool check_kernel_plugin(struct subject *s, const char *address)
{
	struct opaex_plugin p;

	if (hosts_alone())
		return !left_out(s, kernel_files, "xfpga");
	if (find_plugin(kernel_files, &p) && !strcmp(p.state, "ready"))
		return step_ok(s, "plugin", "\"%s\" serves it", p.name);
	step_wrong(s, "plugin", "the kernel's FPGA driver holds it, for which a plugin is needed "
				"(%s), and none is in force", kernel_files[0]);
	return fix(s, "sudo opae bind %s   # vfio-pci instead; or name %s as a plugin in %s", address,
		   kernel_files[0], config_name());
}

bool kernel_plugin_ready(void)
{
	struct opaex_plugin p;

	return find_plugin(kernel_files, &p) && !strcmp(p.state, "ready");
}
