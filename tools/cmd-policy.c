/* SPDX-License-Identifier: BSD-3-Clause */
/* opae policy: what opaed would let somebody do, by the code by which opaed judges. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "policy.h"

#define BUILT_IN "the built-in configuration"

struct wanted {
	const char *verb, *principal, *file, *what;
	bool json;
};

/* ---- arguments ---- */

/* *value is the word behind this option, and *i is there. */
static int take_word(int argc, char *argv[], int *i, const char **value)
{
	if (*i + 1 == argc)
		return usage_error("%s needs a value", argv[*i]);
	*value = argv[++*i];
	return EXIT_OK;
}

static int read_arguments(int argc, char *argv[], struct wanted *w)
{
	int rc = EXIT_OK;

	memset(w, 0, sizeof(*w));
	if (argc < 2)
		return usage_error("policy needs 'check' or 'list'");
	w->verb = argv[1];
	if (strcmp(w->verb, "check") != 0 && strcmp(w->verb, "list") != 0)
		return usage_error("policy has no '%s', but 'check' and 'list'", w->verb);
	for (int i = 2; i < argc && rc == EXIT_OK; i++) {
		bool checks = !strcmp(w->verb, "check");

		if (!strcmp(argv[i], "--json"))
			w->json = true;
		else if (!strcmp(argv[i], "--config"))
			rc = take_word(argc, argv, &i, &w->file);
		else if (checks && !strcmp(argv[i], "--principal"))
			rc = take_word(argc, argv, &i, &w->principal);
		else if (argv[i][0] == '-')
			rc = usage_error("policy %s has no option '%s'", w->verb, argv[i]);
		else if (!checks || w->what)
			rc = usage_error("policy %s has no argument '%s'", w->verb, argv[i]);
		else
			w->what = argv[i];
	}
	if (rc == EXIT_OK && !strcmp(w->verb, "check") && !w->principal)
		return usage_error("policy check needs --principal, as --principal unix:1000");
	return rc;
}

/* The one form of it, and what was asked for. */
static int read_question(const struct wanted *w, char principal[POLICY_PRINCIPAL_MAX],
			 struct opae_props *asked)
{
	const char *wrong = strchr(w->principal, '*') ? "one principal, without '*', is to be named" :
							policy_principal_read(w->principal, principal);

	if (wrong)
		return usage_error("--principal: '%s': %s", w->principal, wrong);
	if (!w->what || policy_props_address(w->what, asked) ||
	    policy_props_guid(strncmp(w->what, "guid:", 5) ? w->what : w->what + 5, asked))
		return EXIT_OK;
	return usage_error("'%s' is no PCI address ([ssss:]bb:dd.f) and no GUID (guid:...)", w->what);
}

/* ---- the configuration ---- */

static int load(struct wanted *w, struct daemon_config *c)
{
	CLEANUP_FREE char *problems = NULL;
	int rc;

	if (!w->file && !access(CONFIG_DEFAULT_FILE, F_OK))
		w->file = CONFIG_DEFAULT_FILE;
	rc = w->file ? config_read_file(w->file, c, &problems) : config_default(c);
	if (!rc)
		return EXIT_OK;
	if (problems)
		fputs(problems, stderr);
	else
		fprintf(stderr, "opae: %s: %s\n", w->file ? w->file : BUILT_IN, strerror(-rc));
	return EXIT_FAILED;
}

static const char *source(const struct wanted *w)
{
	return w->file ? w->file : BUILT_IN;
}

static void print_rule(size_t i, const struct policy_rule *rule)
{
	struct json_object *o = policy_rule_json(rule);

	printf("policy[%zu]: %s\n", i,
	       json_object_to_json_string_ext(o, JSON_C_TO_STRING_NOSLASHESCAPE | JSON_C_TO_STRING_SPACED));
	json_object_put(o);
}

static struct json_object *rule_json(size_t i, const struct policy_rule *rule)
{
	struct json_object *o = policy_rule_json(rule);

	json_object_object_add(o, "index", json_u64(i));
	return o;
}

static int list(const struct wanted *w, const struct daemon_config *c)
{
	struct json_object *o, *rules;

	if (!w->json) {
		printf("%s\n", source(w));
		for (size_t i = 0; i < c->policy.num_rules; i++)
			print_rule(i, &c->policy.rules[i]);
		return EXIT_OK;
	}
	o = json_object_new_object();
	rules = json_object_new_array();
	for (size_t i = 0; i < c->policy.num_rules; i++)
		json_object_array_add(rules, rule_json(i, &c->policy.rules[i]));
	json_object_object_add(o, "config", json_object_new_string(source(w)));
	json_object_object_add(o, "rules", rules);
	return print_json("policy", o);
}

/* ---- the decision ---- */

struct decision {
	const struct wanted *w;
	const char *principal;
	const struct policy_rule *rule; /* NULL: none is for him */
	size_t index;
	const struct policy *policy;
	struct policy_device *devices;
	size_t num_devices;
	bool allowed;
	char why[512], mend[512]; /* when it is refused */
};

static int shown_by(const struct decision *d, const struct opae_props *props)
{
	return d->rule ? policy_which_shows(d->rule->see, d->rule->num_see, props) : -1;
}

static bool has_address(const struct opae_props *p)
{
	return p->valid & OPAE_PROP_BUS;
}

/* Is it the device that was asked for, or what is at that address? */
static bool is_asked_for(const struct opae_props *asked, const struct opae_props *p)
{
	if (has_address(asked))
		return has_address(p) && p->segment == asked->segment && p->bus == asked->bus &&
		       p->device == asked->device && p->function == asked->function;
	return (p->valid & OPAE_PROP_GUID) && !memcmp(p->guid, asked->guid, sizeof(p->guid));
}

/* An address may be shown by a GUID of what is there, and a GUID by where it is. */
static bool shows_what_was_asked(const struct decision *d, const struct opae_props *asked)
{
	if (shown_by(d, asked) >= 0)
		return true;
	for (size_t i = 0; i < d->num_devices; i++)
		if (is_asked_for(asked, &d->devices[i].props) && shown_by(d, &d->devices[i].props) >= 0)
			return true;
	return false;
}

static void decide(struct decision *d, const struct opae_props *asked)
{
	const char *of = source(d->w);

	if (!d->rule) {
		snprintf(d->why, sizeof(d->why), "no rule of %s is for %s", of, d->principal);
		snprintf(d->mend, sizeof(d->mend),
			 "add to \"policy\": {\"principal\": \"%s\", " POLICY_EXAMPLE_SEE ", "
			 POLICY_EXAMPLE_ALLOW "}", d->principal);
	} else if (!d->rule->num_see) {
		snprintf(d->why, sizeof(d->why), "\"see\" of policy[%zu] is empty: it shows nothing",
			 d->index);
		snprintf(d->mend, sizeof(d->mend), "put into policy[%zu]: " POLICY_EXAMPLE_SEE, d->index);
	} else if (asked->valid && !shows_what_was_asked(d, asked)) {
		snprintf(d->why, sizeof(d->why), "policy[%zu] decides, and nothing in its \"see\" shows %s",
			 d->index, d->w->what);
		snprintf(d->mend, sizeof(d->mend), "add to \"see\" of policy[%zu]: \"%s%s\"", d->index,
			 !has_address(asked) && strncmp(d->w->what, "guid:", 5) ? "guid:" : "", d->w->what);
	} else {
		d->allowed = true;
	}
}

/* The next rule after this one that is for him, and never decides; NULL: none is. */
static const struct policy_rule *next_for(const struct policy *p, const struct policy_rule *rule,
					  const char *principal)
{
	const size_t at = (size_t)(rule - p->rules) + 1;
	const struct policy behind = { p->rules + at, p->num_rules - at };

	return policy_find(&behind, principal);
}

/* ---- telling ---- */

static struct json_object *device_json(const struct decision *d, const struct policy_device *v)
{
	struct json_object *o = json_object_new_object();
	char text[POLICY_PATTERN_MAX];
	int by = shown_by(d, &v->props);

	json_object_object_add(o, "address", json_object_new_string(v->row.address));
	json_object_object_add(o, "type", json_object_new_string(type_name(v->row.type)));
	json_object_object_add(o, "guid", json_object_new_string(v->row.guid));
	json_object_object_add(o, "shown", json_object_new_boolean(by >= 0));
	if (by < 0)
		return o;
	policy_see_text(&d->rule->see[by], text);
	json_object_object_add(o, "see", json_object_new_string(text));
	return o;
}

static void tell_json(const struct decision *d)
{
	struct json_object *o = json_object_new_object(), *devices = json_object_new_array(),
			   *behind = json_object_new_array();
	uint32_t allow = d->rule ? d->rule->allow : 0;

	json_object_object_add(o, "config", json_object_new_string(source(d->w)));
	json_object_object_add(o, "principal", json_object_new_string(d->principal));
	json_object_object_add(o, "allowed", json_object_new_boolean(d->allowed));
	json_object_object_add(o, "rule", d->rule ? rule_json(d->index, d->rule) : NULL);
	for (const struct policy_rule *r = d->rule; r && (r = next_for(d->policy, r, d->principal));)
		json_object_array_add(behind, json_u64((size_t)(r - d->policy->rules)));
	json_object_object_add(o, "never_decide", behind);
	json_object_object_add(o, "allows", policy_classes_json(allow, true));
	json_object_object_add(o, "denies", policy_classes_json(allow, false));
	if (!d->allowed) {
		json_object_object_add(o, "reason", json_object_new_string(d->why));
		json_object_object_add(o, "fix", json_object_new_string(d->mend));
	}
	for (size_t i = 0; i < d->num_devices; i++)
		json_object_array_add(devices, device_json(d, &d->devices[i]));
	json_object_object_add(o, "devices", devices);
	print_json("policy", o);
}

static void print_devices(const struct decision *d)
{
	for (size_t i = 0; i < d->num_devices; i++) {
		const struct policy_device *v = &d->devices[i];
		char text[POLICY_PATTERN_MAX];
		int by = shown_by(d, &v->props);

		printf("  %-3s  %s  %-11s  %s", by < 0 ? "no" : "yes", v->row.address, type_name(v->row.type),
		       v->row.guid);
		if (by >= 0) {
			policy_see_text(&d->rule->see[by], text);
			printf("  by \"%s\"", text);
		}
		putchar('\n');
	}
}

static void tell_of_rules_behind(const struct decision *d)
{
	const struct policy_rule *r = d->rule;

	while ((r = next_for(d->policy, r, d->principal)))
		printf("policy[%zu] is for it as well, and never decides: the first does\n",
		       (size_t)(r - d->policy->rules));
}

static void tell(const struct decision *d)
{
	char classes[POLICY_ALLOW_TEXT_MAX];

	if (d->w->what && d->rule && d->rule->num_see)
		printf("%s %s %s, by %s\n", d->principal,
		       d->allowed ? "is shown" : "is not shown", d->w->what,
		       source(d->w));
	else
		printf("%s is %s, by %s\n", d->principal, d->allowed ? "served" : "refused", source(d->w));
	if (d->rule) {
		print_rule(d->index, d->rule);
		policy_classes_text(d->rule->allow, true, classes);
		printf("allows: %s\n", classes);
		policy_classes_text(d->rule->allow, false, classes);
		printf("denies: %s\n", classes);
		tell_of_rules_behind(d);
		printf(d->num_devices ? "of this machine's accelerators it shows:\n" :
					"this user sees no accelerator on this machine\n");
		print_devices(d);
	}
	if (!d->allowed)
		printf("%s; %s\n", d->why, d->mend);
}

static int check(const struct wanted *w, const struct daemon_config *c, const char *principal,
		 const struct opae_props *asked)
{
	struct decision d = { .w = w, .principal = principal, .policy = &c->policy };

	d.rule = policy_find(&c->policy, principal);
	d.index = d.rule ? (size_t)(d.rule - c->policy.rules) : 0;
	d.devices = policy_devices(c, &d.num_devices);
	decide(&d, asked);
	if (w->json)
		tell_json(&d);
	else
		tell(&d);
	free(d.devices);
	return d.allowed ? EXIT_OK : EXIT_FAILED;
}

int cmd_policy(int argc, char *argv[])
{
	char principal[POLICY_PRINCIPAL_MAX] = "";
	struct opae_props asked = { 0 };
	struct daemon_config c;
	struct wanted w;
	bool checks;
	int rc = read_arguments(argc, argv, &w);

	checks = rc == EXIT_OK && !strcmp(w.verb, "check");
	if (checks)
		rc = read_question(&w, principal, &asked);
	if (rc == EXIT_OK)
		rc = load(&w, &c);
	if (rc != EXIT_OK)
		return rc;
	rc = checks ? check(&w, &c, principal, &asked) : list(&w, &c);
	config_done(&c);
	return rc;
}
