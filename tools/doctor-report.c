/* SPDX-License-Identifier: BSD-3-Clause */
/* The doctor's report: subjects, their steps, and the verdict. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor.h"

static struct json_object *text_of(const char *fmt, va_list ap)
{
	struct json_object *o;
	char *text;

	if (vasprintf(&text, fmt, ap) < 0)
		return NULL;
	o = json_object_new_string(text);
	free(text);
	return o;
}

void shell_quote(const char *text, char *out, size_t len)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "_-./:@%+,";
	size_t n = 0;

	if (*text && !text[strspn(text, plain)]) {
		snprintf(out, len, "%s", text);
		return;
	}
	out[n++] = '\'';
	for (; *text && n + 6 < len; text++) {
		const char *piece = *text == '\'' ? "'\\''" : (const char[]){ *text, 0 };

		n += (size_t)snprintf(out + n, len - n, "%s", piece);
	}
	out[n++] = '\'';
	out[n] = 0;
}

struct subject subject_new(struct doctor *d, const char *kind, const char *name)
{
	struct subject s = { .o = json_object_new_object(), .steps = json_object_new_array() };

	shell_quote(name, s.shell, sizeof(s.shell));
	json_object_object_add(s.o, "kind", json_object_new_string(kind));
	json_object_object_add(s.o, "name", json_object_new_string(name));
	json_object_object_add(s.o, "steps", s.steps);
	json_object_array_add(d->subjects, s.o);
	return s;
}

void subject_shown(struct subject *s)
{
	json_object_object_add(s->o, "shown", json_object_new_boolean(true));
}

static void add_step(struct subject *s, const char *step, const char *result, const char *fmt,
		     va_list ap)
{
	struct json_object *o = json_object_new_object(), *text = text_of(fmt, ap);

	json_object_object_add(o, "step", json_object_new_string(step));
	json_object_object_add(o, "result", json_object_new_string(result));
	json_object_object_add(o, "text", text);
	json_object_array_add(s->steps, o);
	if (strcmp(result, "wrong") || s->wrong)
		return;
	s->wrong = true;
	json_object_object_add(s->o, "wrong", json_object_get(text));
}

bool step_ok(struct subject *s, const char *step, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_step(s, step, "ok", fmt, ap);
	va_end(ap);
	return true;
}

bool step_note(struct subject *s, const char *step, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_step(s, step, "note", fmt, ap);
	va_end(ap);
	return true;
}

bool step_wrong(struct subject *s, const char *step, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_step(s, step, "wrong", fmt, ap);
	va_end(ap);
	return false;
}

bool fix(struct subject *s, const char *fmt, ...)
{
	va_list ap;

	if (json_object_object_get_ex(s->o, "fix", NULL))
		return false;
	va_start(ap, fmt);
	json_object_object_add(s->o, "fix", text_of(fmt, ap));
	va_end(ap);
	return false;
}

/* ---- printing ---- */

static const char *member(struct json_object *o, const char *key)
{
	struct json_object *v;

	return json_object_object_get_ex(o, key, &v) ? json_object_get_string(v) : NULL;
}

/* The text of what is wrong with the subject follows below all steps. */
static void print_step(struct json_object *step, const char *wrong)
{
	const char *result = member(step, "result"), *text = member(step, "text");

	if (wrong && !strcmp(result, "wrong") && !strcmp(text, wrong))
		printf("  WRONG  %s\n", member(step, "step"));
	else
		printf("  %-5s  %-12s %s\n", strcmp(result, "wrong") ? result : "WRONG",
		       member(step, "step"), text);
}

static void print_subject(struct json_object *o)
{
	struct json_object *steps;
	const char *wrong = member(o, "wrong"), *mend = member(o, "fix");

	printf("%s %s\n", member(o, "kind"), member(o, "name"));
	json_object_object_get_ex(o, "steps", &steps);
	for (size_t i = 0; i < json_object_array_length(steps); i++)
		print_step(json_object_array_get_idx(steps, i), wrong);
	if (wrong)
		printf("  wrong: %s\n", wrong);
	if (mend)
		printf("  fix:   %s\n", mend);
	printf("\n");
}

/* ---- the verdict ---- */

struct tally {
	unsigned int devices, shown;
	bool wrong;
};

static struct tally count(struct doctor *d)
{
	struct json_object *hosts;
	struct tally t = { 0 };

	for (size_t i = 0; i < json_object_array_length(d->subjects); i++) {
		struct json_object *o = json_object_array_get_idx(d->subjects, i);
		const char *kind = member(o, "kind");

		t.wrong |= member(o, "wrong") != NULL;
		if (json_object_object_get_ex(o, "devices", &hosts)) {
			t.devices += (unsigned int)json_object_get_int(hosts);
			t.shown += (unsigned int)json_object_get_int(hosts);
		}
		if (strcmp(kind, "socket") && strcmp(kind, "simulation") && strcmp(kind, "pci"))
			continue;
		t.devices++;
		t.shown += json_object_object_get_ex(o, "shown", NULL) ? 1 : 0;
	}
	return t;
}

static void print_verdict(const struct doctor *d, const struct tally *t)
{
	char name[64];

	if (t->devices) {
		printf("%u of %u devices %s shown.\n", t->shown, t->devices,
		       t->shown == 1 ? "is" : "are");
	} else if (d->only) {
		printf("nothing was found: no PCI device and no socket is at %s", d->only);
		if (d->num_hosts)
			printf(", and none of the %u hosts shows one", d->num_hosts);
		printf("\n  fix:   opae doctor   # without an argument: shows what there is\n");
	} else if (t->wrong) {
		printf("nothing was found, and something is wrong: see above\n");
	} else if (disabled_plugin(name, sizeof(name))) {
		printf("nothing was found, and a plugin is disabled\n"
		       "  fix:   $EDITOR %s   # say \"enabled\": true for \"%s\"\n", config_name(), name);
	} else {
		printf("nothing was found: no PCI device has the id of a known FPGA, and there is "
		       "no card's socket\n"
		       "  fix:   opae emu start   # an emulated card; of a real one, does `lspci` "
		       "show it?\n");
	}
}

int report_finish(struct doctor *d, bool json)
{
	struct tally t = count(d);
	struct json_object *o;

	if (json) {
		o = json_object_new_object();
		json_object_object_add(o, "verdict",
				       json_object_new_string(t.wrong	 ? "wrong" :
							      t.devices	 ? "ok" :
									   "nothing"));
		json_object_object_add(o, "devices", json_u64(t.devices));
		json_object_object_add(o, "shown", json_u64(t.shown));
		json_object_object_add(o, "subjects", json_object_get(d->subjects));
		print_json("doctor", o);
	} else {
		for (size_t i = 0; i < json_object_array_length(d->subjects); i++)
			print_subject(json_object_array_get_idx(d->subjects, i));
		print_verdict(d, &t);
	}
	return t.wrong ? EXIT_FAILED : t.devices ? EXIT_OK : EXIT_NOTHING_FOUND;
}
