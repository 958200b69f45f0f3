/* SPDX-License-Identifier: BSD-3-Clause */
/* What the plain calls share; see calls.h. */
#include "rpc/server/calls.h"

#include <stdlib.h>
#include <string.h>

struct session_calls *session_calls(struct rpc_session *s)
{
	void **word = session_objects(s);

	if (!*word)
		*word = calloc(1, sizeof(struct session_calls));
	return *word;
}

void put_label(struct wire_writer *w, const char *text, size_t room)
{
	char copy[FPGA_METRIC_STR_SIZE];
	size_t len = strnlen(text, (room < sizeof(copy) ? room : sizeof(copy)) - 1);

	memcpy(copy, text, len);
	copy[len] = '\0';
	wire_put_text(w, copy);
}
