/* SPDX-License-Identifier: BSD-3-Clause */
/* Any client against a session that serves the tests' model; see session-peer.h. Nothing may be left over. */
#include <stdlib.h>

#include "fuzz/session-peer.h"
#include "fuzz/target.h"
#include "tests/unit/fake-served-manage.h"
#include "tests/unit/fake-served.h"
#include "wire/ops.h"

static uint32_t rights(void *ctx, const struct opae_props *props)
{
	(void)ctx;
	if (props->objtype == FPGA_DEVICE)
		return WIRE_RIGHT_SEE | WIRE_RIGHT_RECONFIGURE | WIRE_RIGHT_ERROR;
	/* of the second card's accelerator less is allowed */
	return props->bus ? WIRE_RIGHT_SEE | WIRE_RIGHT_MMIO_READ | WIRE_RIGHT_DMA
			  : WIRE_RIGHT_SEE | WIRE_RIGHTS_ALL;
}

static void happen(uint8_t what)
{
	struct fake_card *c = &fake.cards[what % FAKE_CARDS];

	switch (what / 16) {
	case 0: c->gone = !c->gone; break;
	case 1: c->guid0 = what; break;
	case 2: fake.ghosts = what % 16 * 12; break;
	case 3: fake_fire(what % 2, FPGA_EVENT_INTERRUPT, what); break;
	case 4: fake.num_cards = what % FAKE_CARDS; break;
	case 5: fake.open_result = what % 16 % (FPGA_RECONF_ERROR + 1); break;
	default: fake.quiesce_result = what % 2 ? FPGA_NOT_SUPPORTED : FPGA_OK; break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct rpc_session_options options = { .max_handles = 4,
					       .max_objects = 8,
					       .max_calls = 8,
					       .max_pinned = 2u << 20,
					       .rights = rights };

	fake_up();
	fake_manage_reset();
	fake_manage_fill(&fake.table);
	session_peer_run(&fake.served, &options, happen, data, len);
	if (fake_left() || fake_manage.objects)
		abort();
	fake_manage_reset();
	return 0;
}
