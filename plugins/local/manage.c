/* SPDX-License-Identifier: BSD-3-Clause */
/* Which function of the card has a port: the physical one, or a virtual one that a machine may be given. */
#include <errno.h>
#include <linux/fpga-dfl.h>

#include "dev/sysfs.h"
#include "plugins/local/local.h"

enum { TO_PHYSICAL, TO_VIRTUAL };

static fpga_result check(const struct handle *h, uint32_t interface, uint32_t slot)
{
	uint64_t slots;
	int rc;

	if (!is_fme(h))
		return say(FPGA_INVALID_PARAM,
			   "fpgaAssignPortToInterface: the handle is an accelerator's; it must be the "
			   "FPGA_DEVICE's");
	if (interface > TO_VIRTUAL)
		return say(FPGA_INVALID_PARAM, "fpgaAssignPortToInterface: interface %u: 0 is the physical "
			   "function, 1 a virtual one", interface);
	rc = sysfs_number(&slots, "%s/ports_num", h->token.dev.dir);
	if (rc)
		return say_errno(h, rc, "fpgaAssignPortToInterface: ports_num");
	if (slot >= slots)
		return say(FPGA_INVALID_PARAM, "fpgaAssignPortToInterface: slot %u; the card has %llu", slot,
			   (unsigned long long)slots);
	return FPGA_OK;
}

static fpga_result refused(const struct handle *h, int rc, uint32_t interface, uint32_t slot)
{
	const char *call = "fpgaAssignPortToInterface";

	if (alive(h, call) != FPGA_OK)
		return FPGA_EXCEPTION;
	if (rc == -EBUSY && interface == TO_VIRTUAL)
		return say(FPGA_BUSY, "%s: somebody has port %u open, or a mapping of it", call, slot);
	if (rc == -EBUSY)
		return say(FPGA_BUSY, "%s: port %u cannot be taken back while the card has virtual functions",
			   call, slot);
	if (rc == -EINVAL)
		return say(FPGA_INVALID_PARAM, "%s: port %u is %s already", call, slot,
			   interface == TO_PHYSICAL ? "the physical function's" : "released");
	return say_errno(h, rc, call);
}

/* The port's node goes with its release, and comes back when it is assigned to the physical function. */
static fpga_result assign_port(fpga_handle fpga, uint32_t interface, uint32_t slot, int flags)
{
	struct handle *h = fpga;
	fpga_result r = check(h, interface, slot);
	int port = (int)slot, rc;

	(void)flags; /* OPAE has none */
	if (r != FPGA_OK)
		return r;
	rc = handle_ioctl(h, interface == TO_PHYSICAL ? DFL_FPGA_FME_PORT_ASSIGN : DFL_FPGA_FME_PORT_RELEASE,
			  &port);
	return rc < 0 ? refused(h, rc, interface, slot) : FPGA_OK;
}

void fill_manage(opae_api_adapter_table *t)
{
	t->fpgaAssignPortToInterface = assign_port;
}
