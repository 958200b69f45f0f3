/* SPDX-License-Identifier: BSD-3-Clause */
/* The simulation that the ASE plugin leads to: is one named, and can it be reached or started. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ase-plugin.h"
#include "doctor.h"

static bool is_asked(const struct doctor *d, const struct ase_found *f, const char *address)
{
	return d->only && (!strcmp(d->only, address) || (*f->socket && !strcmp(d->only, f->socket)));
}

static bool check_plugin(struct subject *s, const struct opaex_plugin *p)
{
	if (!strcmp(p->state, "ready"))
		return step_ok(s, "plugin", "\"%s\" serves it", p->name);
	return step_wrong(s, "plugin", "\"%s\", which would serve it, %s %s: %s", p->name, verb_of(p->state),
			  p->state, p->reason);
}

static bool check_found(struct subject *s, const struct ase_found *f)
{
	if (f->origin == ASE_NOWHERE) {
		step_wrong(s, "found", "%s", f->why);
		return fix(s, "export OPAE_ASE_EXEC=./sim   # programs then start it; or start it: ./sim "
			      "--socket /tmp/sim.sock, and export OPAE_ASE_SOCKET=/tmp/sim.sock");
	}
	if (*f->why)
		step_note(s, "found", "%s; it is passed over", f->why);
	return step_ok(s, "found", "%s leads to it", ase_origin_name(f->origin));
}

/* The command is run as programs do: by looking what there is. Why it does not start the plugin has said. */
static bool check_start(struct doctor *d, struct subject *s, const char *command, const char *address)
{
	if (has_token(d, address))
		return step_ok(s, "start", "it starts");
	step_wrong(s, "start", "it does not start, or is no accelerator");
	return fix(s, "%s --help   # runs at all?", command);
}

bool doctor_simulation(struct doctor *d)
{
	struct ase_config config;
	struct opaex_plugin p;
	struct ase_found f;
	char address[24];
	struct subject s;
	const char *json;
	uint32_t first = 0;
	bool good;

	if (!ase_plugin_next(&first, &p, &json) || !strcmp(p.state, "disabled"))
		return false;
	ase_plugin_config(&config);
	ase_plugin_address(address, sizeof(address));
	ase_find(&config, &f);
	if (d->only && !is_asked(d, &f, address))
		return false;
	s = subject_new(d, "simulation", *f.socket ? f.socket : f.exec ? f.exec : "(none)");
	good = check_plugin(&s, &p) && check_found(&s, &f);
	if (good && f.exec) {
		good = check_start(d, &s, f.exec, address);
	} else if (good) {
		struct place place = { .path = f.socket, .origin = PLACE_SIMULATION };

		good = check_socket(&s, &place);
	}
	if (good)
		check_token(d, &s, "", address);
	if (has_token(d, address))
		subject_shown(&s);
	return d->only;
}
