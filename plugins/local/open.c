/* SPDX-License-Identifier: BSD-3-Clause */
/* A handle on an FME or a port, from open to close. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fpga-dfl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/sys.h"
#include "plugins/local/forked.h"
#include "plugins/local/mmio.h"
#include "plugins/local/snapshot.h"
#include "plugins/local/watch.h"

#define LOOK_TRIES 8 /* at least: this thread itself may not run for longer than that */

const char *dfl_name(const struct dfl_device *d)
{
	return strrchr(d->node, '/') + 1;
}

/* Nobody looks in that way. */
static bool held_alone(const struct dfl_device *d)
{
	int fd = sys_open(d->node, O_RDWR, 0);

	if (fd >= 0)
		sys_close(fd);
	return fd == -EBUSY;
}

int node_open(const struct dfl_device *d, bool exclusive)
{
	const struct timespec pause = { .tv_nsec = LOOK_AGAIN_NS };
	int64_t until = 0;

	for (int tries = 1;; tries++) {
		int fd = sys_open(d->node, O_RDWR | (exclusive ? O_EXCL : 0), 0);

		if (fd != -EBUSY || !exclusive)
			return fd;
		if (until ? tries >= LOOK_TRIES && clock_now_ns() >= until : held_alone(d))
			return fd;
		if (!until)
			until = clock_now_ns() + LOOK_NS;
		nanosleep(&pause, NULL);
	}
}

int handle_ioctl(struct handle *h, unsigned long request, void *arg)
{
	uint64_t identity;

	if (atomic_load(&h->dead))
		return -ENODEV;
	if (dfl_identity(&h->token.dev, &identity) || identity != h->identity) {
		watch_look(h->inst);
		return -ENODEV;
	}
	return sys_ioctl(h->fd, request, arg);
}

/* ---- open ---- */

static fpga_result refused(const struct token *t, int rc)
{
	const struct dfl_device *d = &t->dev;

	switch (-rc) {
	case EBUSY:
		return say(FPGA_BUSY, "fpgaOpen: %s (%s) is in use; who has it open alone, or is asked to "
			   "share it, must have been opened with FPGA_OPEN_SHARED", d->node, d->address);
	case EACCES:
	case EPERM:
		return say(FPGA_NO_ACCESS, "fpgaOpen: %s: this user may not open it: it needs permission to "
			   "read and to write; `opae doctor %s` names what gives it", d->node, d->address);
	case ENXIO:
	case ENODEV:
		return say(FPGA_NO_DRIVER, "fpgaOpen: %s: the kernel has given it no driver, as happens when "
			   "a port was released and assigned; bind the card %s to dfl-pci anew", d->node,
			   d->address);
	case ENOENT:
		return say(FPGA_NO_DRIVER, "fpgaOpen: %s: %s, though the kernel's driver has the card %s; is "
			   "udev running?", d->node, strerror(-rc), d->address);
	default:
		return say(err_to_result(rc), "fpgaOpen: %s: %s", d->node, strerror(-rc));
	}
}

static struct handle *handle_new(const struct token *t, bool shared)
{
	struct handle *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->inst = t->inst;
	h->token.inst = t->inst;
	h->token.dev = t->dev;
	atomic_init(&h->token.told, true);
	h->shared = shared;
	h->fd = -1;
	h->pid = getpid();
	atomic_init(&h->dead, false);
	buffers_init(&h->buffers);
	alarms_init(&h->alarms);
	metrics_init(&h->metrics);
	return h;
}

static void handle_free(struct handle *h)
{
	alarms_done(h);
	metrics_done(&h->metrics);
	mmio_close(h);
	if (h->fd >= 0)
		sys_close(h->fd);
	free(h);
}

/* The device is looked at before and after: what was opened is then what is there now. */
static fpga_result open_node(struct handle *h)
{
	const struct dfl_device *d = &h->token.dev;
	uint64_t after;
	int rc = dfl_there(d) ? dfl_identity(d, &h->identity) : -ENOENT;

	if (!rc) {
		h->fd = node_open(d, !h->shared);
		if (h->fd < 0 && dfl_there(d))
			return refused(&h->token, h->fd);
		rc = dfl_identity(d, &after);
	}
	if (rc || after != h->identity)
		return say(FPGA_NOT_FOUND, "fpgaOpen: %s of the card %s is not there any more; enumerate "
			   "again",
			   dfl_name(d), d->address);
	return FPGA_OK;
}

static fpga_result learn(struct handle *h)
{
	int rc = sys_ioctl(h->fd, DFL_FPGA_GET_API_VERSION, NULL);

	if (rc > DFL_FPGA_API_VERSION)
		return say(FPGA_NOT_SUPPORTED, "fpgaOpen: %s speaks version %d of the driver's interface; %d "
			   "is known",
			   h->token.dev.node, rc, DFL_FPGA_API_VERSION);
	if (rc >= 0 && !is_fme(h)) {
		rc = mmio_open(h);
		if (!rc)
			rc = port_vectors(h->fd, &h->num_vectors);
	}
	return rc < 0 ? say(err_to_result(rc), "fpgaOpen: %s: %s", h->token.dev.node, strerror(-rc)) :
		FPGA_OK;
}

static fpga_result open_handle(fpga_token token, fpga_handle *handle, int flags)
{
	const struct token *t = token;
	struct handle *h;
	fpga_result r;

	if (flags & ~(FPGA_OPEN_SHARED | FPGA_OPEN_HAS_PARENT_AFU))
		return say(FPGA_INVALID_PARAM, "fpgaOpen: unknown flags 0x%x",
			   (unsigned int)(flags & ~(FPGA_OPEN_SHARED | FPGA_OPEN_HAS_PARENT_AFU)));
	h = handle_new(t, flags & FPGA_OPEN_SHARED);
	if (!h)
		return say(FPGA_NO_MEMORY, "fpgaOpen: no memory");
	forked_prepare(h->inst);
	r = open_node(h);
	if (r == FPGA_OK)
		r = learn(h);
	if (r == FPGA_OK) {
		int rc = watch_enter(h);

		if (rc)
			r = say(FPGA_NO_MEMORY, "fpgaOpen: nobody can watch whether %s stays: %s",
				dfl_name(&t->dev), strerror(-rc));
	}
	if (r == FPGA_OK)
		*handle = h;
	else
		handle_free(h);
	return r;
}

/* ---- close ---- */

/*
 * The kernel resets the port when the last who has it open closes it, and only then gives back what was
 * pinned. One who has it alone does the same in this order; of a shared one the others go on, and the IOMMU
 * keeps the accelerator from what is given back.
 */
static fpga_result close_handle(fpga_handle handle)
{
	struct handle *h = handle;
	fpga_result r;

	watch_look(h->inst); /* what has gone just now is not to be closed as what is there */
	watch_leave(h);
	r = h->forked ? FPGA_OK : alive(h, "fpgaClose: closed, but");
	events_done(h);
	if (!is_fme(h) && !h->shared)
		handle_ioctl(h, DFL_FPGA_PORT_RESET, NULL);
	buffers_done(h);
	handle_free(h);
	return r;
}

/* ---- the others ---- */

static fpga_result port_reset(fpga_handle handle, const char *call)
{
	struct handle *h = handle;
	int rc;

	if (is_fme(h))
		return say(FPGA_NOT_SUPPORTED, "%s: an FPGA_DEVICE has no reset; its accelerators have",
			   call);
	rc = handle_ioctl(h, DFL_FPGA_PORT_RESET, NULL);
	return rc < 0 ? say_errno(h, rc, call) : FPGA_OK;
}

static fpga_result reset(fpga_handle handle)
{
	return port_reset(handle, "fpgaReset");
}

static fpga_result properties_from_handle(fpga_handle handle, fpga_properties *prop)
{
	struct handle *h = handle;
	struct card card = { .address = "" };
	struct snapshot now;
	fpga_result r = alive(h, "fpgaGetPropertiesFromHandle");

	if (r == FPGA_OK)
		r = local_host()->props_new(prop);
	if (r != FPGA_OK)
		return r;
	snapshot_read(h->inst, &h->token.dev, &card, &now);
	return snapshot_write(&now, *prop);
}

void fill_handles(opae_api_adapter_table *t)
{
	t->fpgaOpen = open_handle;
	t->fpgaClose = close_handle;
	t->fpgaReset = reset;
	t->fpgaGetPropertiesFromHandle = properties_from_handle;
}
