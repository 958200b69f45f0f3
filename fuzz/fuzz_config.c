/* SPDX-License-Identifier: BSD-3-Clause */
/* opae.cfg: any bytes give rows or a problem, never both nothing and success. */
#include <stdlib.h>
#include <string.h>

#include "fuzz/target.h"
#include "lib/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *text = malloc(len + 1);
	struct config c;

	if (!text)
		return 0;
	memcpy(text, data, len);
	text[len] = 0;
	if (config_parse(text, len, &c))
		abort();
	if (c.problem && c.num_plugins)
		abort();
	for (size_t i = 0; i < c.num_plugins; i++)
		if (!c.plugins[i].problem && c.plugins[i].enabled &&
		    (!c.plugins[i].module || !c.plugins[i].configuration))
			abort();
	config_done(&c);
	free(text);
	return 0;
}
