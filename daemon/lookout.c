/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/lookout.h"

#include <stdlib.h>
#include <string.h>

#include <opae/ext.h>
#include <opae/fpga.h>
#include <opae/init.h>

#include "base/cleanup.h"
#include "daemon/ask.h"

#define OBJECTS_MAX 4096u

/* An object without an address or a GUID is nothing that a rule could show by its GUID. */
static void tell(fpga_token token)
{
	struct scout_report r = { 0 };
	fpga_properties p = NULL;
	fpga_guid guid;

	if (fpgaGetProperties(token, &p) != FPGA_OK)
		return;
	if (fpgaPropertiesGetSegment(p, &r.segment) == FPGA_OK &&
	    fpgaPropertiesGetBus(p, &r.bus) == FPGA_OK &&
	    fpgaPropertiesGetDevice(p, &r.device) == FPGA_OK &&
	    fpgaPropertiesGetFunction(p, &r.function) == FPGA_OK &&
	    fpgaPropertiesGetGUID(p, &guid) == FPGA_OK) {
		memcpy(r.guid, guid, sizeof(r.guid));
		ask_scouted(&r);
	}
	fpgaDestroyProperties(&p);
}

static void look_around(void)
{
	CLEANUP_FREE fpga_token *tokens = calloc(OBJECTS_MAX, sizeof(*tokens));
	uint32_t n = 0;

	if (!tokens || fpgaEnumerate(NULL, 0, tokens, OBJECTS_MAX, &n) != FPGA_OK)
		return;
	for (uint32_t i = 0; i < n && i < OBJECTS_MAX; i++) {
		tell(tokens[i]);
		fpgaDestroyToken(&tokens[i]);
	}
}

void lookout(void)
{
	struct channel_end end = { .why = "it has looked around" };

	look_around();
	fpgaFinalize();
	ask_end(&end);
}
