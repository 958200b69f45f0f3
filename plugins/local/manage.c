/* SPDX-License-Identifier: BSD-3-Clause */
/* Which function of the card has a port: the physical one, or a virtual one that a machine may be given. */
#include <errno.h>
#include <linux/fpga-dfl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "dev/sysfs.h"
#include "plugins/local/local.h"
#include "plugins/local/watch.h"

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
	if (rc) {
		watch_look(h->inst);
		return say_errno(h, rc, "fpgaAssignPortToInterface: ports_num");
	}
	if (slot >= slots)
		return say(FPGA_INVALID_PARAM, "fpgaAssignPortToInterface: slot %u; the card has %llu", slot,
			   (unsigned long long)slots);
	return FPGA_OK;
}

/*
 * A port of the card that no driver has, so that not even its number is told: kernels since 5.0, up to 6.12
 * at least, take a port that comes back for one that is about to go.
 */
static bool has_driverless(const struct handle *h)
{
	struct dfl_device *devices;
	bool any = false;
	char driver[64];
	size_t n;

	if (dfl_list(&devices, &n))
		return false;
	for (size_t i = 0; i < n; i++)
		any |= devices[i].kind == DFL_PORT && !strcmp(devices[i].address, h->token.dev.address) &&
		       sysfs_link(driver, sizeof(driver), "%s/driver", devices[i].dir);
	free(devices);
	return any;
}

static bool is_here(const struct handle *h, uint32_t slot)
{
	struct dfl_device port;

	return !token_port_of(&h->token, slot, &port) || has_driverless(h);
}

static fpga_result check_driver(const struct handle *h, uint32_t slot)
{
	if (!has_driverless(h))
		return FPGA_OK;
	return say(FPGA_NO_DRIVER, "fpgaAssignPortToInterface: port %u is the physical function's, but this "
		   "kernel has given it no driver; bind the card %s to dfl-pci anew", slot,
		   h->token.dev.address);
}

static fpga_result refused(const struct handle *h, int rc, uint32_t interface, uint32_t slot)
{
	const char *call = "fpgaAssignPortToInterface";

	if (alive(h, call) != FPGA_OK)
		return FPGA_EXCEPTION;
	if (rc == -EBUSY && is_here(h, slot) != (interface == TO_VIRTUAL))
		rc = -EINVAL; /* some kernels say so of a port that is there already, or not */
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

/* Who only looks has the port for a moment, and that is waited for. */
static int release_port(struct handle *h, int port)
{
	const struct timespec pause = { .tv_nsec = LOOK_AGAIN_NS };
	int64_t until = clock_now_ns() + LOOK_NS;
	int rc;

	for (;;) {
		rc = handle_ioctl(h, DFL_FPGA_FME_PORT_RELEASE, &port);
		if (rc != -EBUSY || clock_now_ns() >= until || !is_here(h, (uint32_t)port))
			return rc;
		nanosleep(&pause, NULL);
	}
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
	rc = interface == TO_VIRTUAL ? release_port(h, port) :
				       handle_ioctl(h, DFL_FPGA_FME_PORT_ASSIGN, &port);
	if (rc < 0)
		return refused(h, rc, interface, slot);
	return interface == TO_PHYSICAL ? check_driver(h, slot) : FPGA_OK;
}

void fill_manage(opae_api_adapter_table *t)
{
	t->fpgaAssignPortToInterface = assign_port;
}
