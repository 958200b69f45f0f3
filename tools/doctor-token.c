/* SPDX-License-Identifier: BSD-3-Clause */
/* The end of every device's way: does fpgaEnumerate show it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor.h"

static void read_tokens(struct doctor *d)
{
	struct selector all = { .type = -1 };
	fpga_token *list;
	uint32_t n;

	if (d->enumerated)
		return;
	d->enumerated = true;
	if (!tokens_find(&all, &list, &n))
		return;
	d->tokens = calloc(n ? n : 1, sizeof(*d->tokens));
	for (uint32_t i = 0; d->tokens && i < n; i++) {
		fpga_properties p;

		if (!ok(fpgaGetProperties(list[i], &p), "properties"))
			continue;
		token_row_read(p, &d->tokens[d->num_tokens++]);
		fpgaDestroyProperties(&p);
	}
	tokens_free(list, n);
}

bool has_token(struct doctor *d, const char *address)
{
	read_tokens(d);
	for (uint32_t i = 0; i < d->num_tokens; i++)
		if (!*d->tokens[i].host && !strcmp(d->tokens[i].address, address))
			return true;
	return false;
}

bool check_token(struct doctor *d, struct subject *s, const char *host, const char *address)
{
	bool shown = false;

	read_tokens(d);
	for (uint32_t i = 0; i < d->num_tokens; i++) {
		const struct token_row *t = &d->tokens[i];

		if (strcmp(t->host, host) || strcmp(t->address, address))
			continue;
		shown = true;
		if (*t->guid_why)
			step_note(s, "token", "%s, accelerator whose GUID is not known: %s", address,
				  t->guid_why);
		else if (t->type == FPGA_DEVICE)
			step_ok(s, "token", "%s, device", address);
		else
			step_ok(s, "token", "%s, accelerator %s%s%s, %s", address, t->guid,
				*t->name ? " " : "", t->name, *t->why ? t->why : t->state);
	}
	if (shown)
		return true;
	step_wrong(s, "token", "every step before is right, but fpgaEnumerate shows nothing at %s",
		   address);
	return fix(s, "LIBOPAE_LOG=2 opae list   # what the plugin says while it looks");
}
