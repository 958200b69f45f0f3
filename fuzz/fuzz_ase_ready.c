/* SPDX-License-Identifier: BSD-3-Clause */
/* .ase_ready.pid of a simulation, which anything may have written: what is taken of it is text that fits. */
#include <stdlib.h>
#include <string.h>

#include "base/ase-find.h"
#include "fuzz/target.h"

static void check_text(const char *text, size_t room)
{
	if (!memchr(text, 0, room) || strchr(text, '\n') || *text == ' ')
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct ase_ready r;
	bool good;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = 0;
	good = ase_ready_parse(text, &r);
	if (good != (r.pid > 0) || r.pid < 0)
		abort();
	check_text(r.host, sizeof(r.host));
	check_text(r.dir, sizeof(r.dir));
	check_text(r.socket, sizeof(r.socket));
	check_text(r.control, sizeof(r.control));
	free(text);
	return 0;
}
