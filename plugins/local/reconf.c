/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Partial reconfiguration: a GBS into a slot.
 *
 * All that can be refused is refused first: the file, its interface, the slot, its clock. Then the
 * slot's own port is taken alone, so that nobody uses what is to be replaced, and its errors are
 * cleared, so that what it tells afterwards is of the new design.
 *
 * The user clock is set after the driver has loaded the bitstream, and the port is reset then, so that
 * the design starts at its clock. The other way round, a bitstream that fails would leave the old
 * design at the new one's clock; and to put that back would be to guess, as a clock is only measured,
 * in steps of 10 kHz, and set in MHz.
 *
 * The driver reads the payload where the program has it, at any alignment. No lock is held.
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/fpga-dfl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uuid/uuid.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "dev/sysfs.h"
#include "gbs/gbs.h"
#include "plugins/local/errors.h"
#include "plugins/local/local.h"
#include "plugins/local/snapshot.h"

#define CALL "fpgaReconfigureSlot"
#define KNOWN_FLAGS (FPGA_RECONF_FORCE | FPGA_RECONF_SKIP_USRCLK)

struct work {
	struct handle *h; /* of the FME */
	uint32_t slot;
	bool force, sets_clock;
	struct gbs gbs;
	struct dfl_device port;
	bool has_port; /* none: it is released to a virtual function */
	int port_fd;   /* -1: it is not open */
};

/* ---- what is refused ---- */

static const char *why_unset(const struct snapshot *s, uint32_t bit)
{
	for (uint32_t i = 0; i < s->num_notes; i++)
		if (s->notes[i].bits & bit)
			return s->notes[i].text;
	return "the driver does not tell it";
}

static fpga_result check_slot(const struct work *w, const struct snapshot *fme)
{
	if (!(fme->props.valid & OPAE_PROP_NUM_SLOTS))
		return say(FPGA_EXCEPTION, CALL ": %s: how many slots there are is not known: %s",
			   dfl_name(&w->h->token.dev), why_unset(fme, OPAE_PROP_NUM_SLOTS));
	if (w->slot >= fme->props.num_slots)
		return say(FPGA_INVALID_PARAM, CALL ": slot %" PRIu32 "; %s has %" PRIu32 ", from 0 on",
			   w->slot, w->h->token.dev.address, fme->props.num_slots);
	return FPGA_OK;
}

/* As in OPAE, a bitstream without metadata is taken at its caller's word. */
static fpga_result check_interface(const struct work *w, const struct snapshot *fme)
{
	char has[UUID_STR_LEN], wants[UUID_STR_LEN];

	if (!(fme->props.valid & OPAE_PROP_GUID))
		return say(FPGA_NOT_SUPPORTED, CALL ": %s: %s", dfl_name(&w->h->token.dev),
			   why_unset(fme, OPAE_PROP_GUID));
	if (!w->gbs.has_metadata || !memcmp(w->gbs.interface_id, fme->props.guid, sizeof(fpga_guid)))
		return FPGA_OK;
	uuid_unparse_lower(w->gbs.interface_id, wants);
	uuid_unparse_lower(fme->props.guid, has);
	return say(FPGA_INVALID_PARAM, CALL ": the bitstream is for the interface %s, and %s has %s", wants,
		   w->h->token.dev.address, has);
}

static fpga_result check_device(struct work *w)
{
	struct snapshot *fme = calloc(1, sizeof(*fme));
	fpga_result r = alive(w->h, CALL);

	if (!fme)
		return say(FPGA_NO_MEMORY, CALL ": no memory");
	if (r == FPGA_OK) {
		snapshot_read_slots(&w->h->token.dev, fme);
		r = check_slot(w, fme);
	}
	if (r == FPGA_OK)
		r = check_interface(w, fme);
	free(fme);
	return r;
}

static fpga_result check_call(const struct handle *h, int flags)
{
	if (!is_fme(h))
		return say(FPGA_INVALID_PARAM,
			   CALL ": the handle is an accelerator's; it must be the FPGA_DEVICE's");
	if (flags & ~KNOWN_FLAGS)
		return say(FPGA_INVALID_PARAM, CALL ": unknown flags 0x%x",
			   (unsigned int)(flags & ~KNOWN_FLAGS));
	return FPGA_OK;
}

static fpga_result read_gbs(struct gbs *g, const uint8_t *bitstream, size_t len)
{
	char why[GBS_WHY_MAX];
	int rc = gbs_parse(bitstream, len, g, why);

	if (rc)
		return say(err_to_result(rc), CALL ": the bitstream: %s", why);
	/* The driver has 32 bits for it, and rounds up to a multiple of 4. */
	if (g->payload_len <= UINT32_MAX - 3)
		return FPGA_OK;
	gbs_done(g);
	return say(FPGA_INVALID_PARAM, CALL ": the bitstream: %zu bytes are more than the driver takes",
		   len);
}

/* ---- the slot's port ---- */

static fpga_result busy(const struct work *w, int rc)
{
	switch (-rc) {
	case EBUSY:
		return say(FPGA_BUSY, CALL ": somebody uses slot %" PRIu32 ": %s is open; FPGA_RECONF_FORCE "
			   "loads all the same", w->slot, w->port.node);
	case EACCES:
	case EPERM:
		return say(FPGA_NO_ACCESS, CALL ": %s: this user may not open it, and so not see to it that "
			   "nobody else uses it", w->port.node);
	default:
		return say(FPGA_NO_DRIVER, CALL ": %s: %s", w->port.node, strerror(-rc));
	}
}

static fpga_result no_port(const struct work *w)
{
	if (w->force && !w->sets_clock)
		return FPGA_OK;
	return say(FPGA_NOT_FOUND, CALL ": %s has no accelerator in slot %" PRIu32 " now: its port is "
		   "released to a virtual function, so it cannot be seen whether somebody uses it; "
		   "FPGA_RECONF_FORCE with FPGA_RECONF_SKIP_USRCLK loads all the same",
		   w->h->token.dev.address, w->slot);
}

static fpga_result find_port(struct work *w)
{
	int rc = token_port_of(&w->h->token, w->slot, &w->port);

	w->has_port = !rc;
	if (rc == -ENOENT)
		return no_port(w);
	if (rc)
		return say_errno(w->h, rc, CALL);
	if (!w->sets_clock)
		return FPGA_OK;
	return local_check_clock(&w->port, w->gbs.clock_high.mhz, w->gbs.clock_low.mhz, CALL);
}

static fpga_result take_port(struct work *w)
{
	if (!w->has_port)
		return FPGA_OK;
	if (!w->force) {
		w->port_fd = node_open(&w->port, true);
		if (w->port_fd < 0)
			return busy(w, w->port_fd);
	}
	return errors_clear(&w->port, "errors", CALL);
}

/* ---- the driver ---- */

/* The first name with this beginning, in a folder below the FME's. */
static int find_below(char *out, size_t len, const char *dir, const char *beginning)
{
	CLEANUP_FREE char *names = NULL;
	int rc = sysfs_list(&names, "%s", dir);

	for (const char *at = names; !rc && *at; at += strlen(at) + 1)
		if (!strncmp(at, beginning, strlen(beginning)))
			return snprintf(out, len, "%s/%s", dir, at) < (int)len ? 0 : -ENAMETOOLONG;
	return rc ? rc : -ENOENT;
}

/* What the FPGA manager says of its last reconfiguration, on one line; "": nothing. */
static void read_status(const struct handle *h, char *out, size_t len)
{
	char dir[DEV_PATH_MAX], manager[DEV_PATH_MAX + 16];
	int rc = find_below(dir, sizeof(dir), h->token.dev.dir, "dfl-fme-mgr.");

	*out = 0;
	if (rc)
		return;
	snprintf(manager, sizeof(manager), "%s/fpga_manager", dir);
	rc = find_below(dir, sizeof(dir), manager, "fpga");
	if (!rc)
		rc = sysfs_text(out, len, "%s/status", dir);
	if (!rc && !*out)
		rc = sysfs_text(out, len, "%s/state", dir);
	if (rc)
		*out = 0;
	for (char *at = strchr(out, '\n'); at; at = strchr(at, '\n'))
		*at = ';';
}

/*
 * Linux disables the port before a reconfiguration, counts that, and enables it after one that went
 * well; so after one that failed no later one gets the port out of reset again, though the driver says
 * that it went well.
 */
#define HELD                                                                                       \
	"the driver holds the slot in reset since a reconfiguration failed: unbind the card from "   \
	"dfl-pci, and bind it again (docs/binding.md)"

static bool held(const struct work *w)
{
	char text[64];

	return w->has_port && sysfs_text(text, sizeof(text), "%s/afu_id", w->port.dir) == -EBUSY;
}

static fpga_result failed(const struct work *w, const char *how)
{
	char status[256];

	read_status(w->h, status, sizeof(status));
	return say(FPGA_RECONF_ERROR, CALL ": slot %" PRIu32 ": the FPGA %s: %s%s", w->slot, how,
		   *status ? status : "it does not say why", held(w) ? "; " HELD : "");
}

static fpga_result not_loaded(const struct work *w, int rc)
{

	if (alive(w->h, CALL) != FPGA_OK)
		return FPGA_EXCEPTION;
	switch (-rc) {
	case EIO:
		return failed(w, "did not take the bitstream");
	case ETIMEDOUT:
		return failed(w, "did not answer in time");
	case EBUSY:
		return say(FPGA_BUSY, CALL ": slot %" PRIu32 ": another reconfiguration is under way",
			   w->slot);
	case EINVAL:
		return say(FPGA_INVALID_PARAM, CALL ": the driver has no region for slot %" PRIu32, w->slot);
	default:
		return say_errno(w->h, rc, CALL);
	}
}

static fpga_result load(const struct work *w)
{
	struct dfl_fpga_fme_port_pr pr = {
		.argsz = sizeof(pr),
		.port_id = w->slot,
		.buffer_size = (uint32_t)w->gbs.payload_len,
		.buffer_address = (uintptr_t)w->gbs.payload,
	};
	int rc = handle_ioctl(w->h, DFL_FPGA_FME_PORT_PR, &pr);

	if (rc < 0)
		return not_loaded(w, rc);
	if (held(w))
		return say(FPGA_RECONF_ERROR, CALL ": slot %" PRIu32 ": the bitstream is loaded, but " HELD,
			   w->slot);
	return FPGA_OK;
}

/* With FORCE the port may be open alone elsewhere: then its user has to reset it. */
static fpga_result set_clock(struct work *w)
{
	int rc;
	fpga_result r = local_set_clock(&w->port, w->gbs.clock_high.mhz, w->gbs.clock_low.mhz,
					CALL ": the bitstream is loaded, but its clock is not set");

	if (r != FPGA_OK)
		return r;
	if (w->port_fd < 0)
		w->port_fd = node_open(&w->port, false);
	if (w->port_fd == -EBUSY)
		return FPGA_OK;
	rc = w->port_fd < 0 ? w->port_fd : sys_ioctl(w->port_fd, DFL_FPGA_PORT_RESET, NULL);
	if (rc < 0)
		return say_errno(w->h, rc, CALL ": the bitstream is loaded and its clock set, but not reset");
	return FPGA_OK;
}

static fpga_result run(struct work *w)
{
	fpga_result r = check_device(w);

	if (r == FPGA_OK)
		r = find_port(w);
	if (r == FPGA_OK)
		r = take_port(w);
	if (r == FPGA_OK)
		r = load(w);
	if (r == FPGA_OK && w->sets_clock)
		r = set_clock(w);
	if (w->port_fd >= 0)
		sys_close(w->port_fd);
	return r;
}

static fpga_result reconfigure(fpga_handle fpga, uint32_t slot, const uint8_t *bitstream, size_t len,
			       int flags)
{
	struct work w = { .h = fpga, .slot = slot, .force = flags & FPGA_RECONF_FORCE, .port_fd = -1 };
	fpga_result r = check_call(w.h, flags);

	if (r == FPGA_OK)
		r = read_gbs(&w.gbs, bitstream, len);
	if (r != FPGA_OK)
		return r;
	w.sets_clock = !(flags & FPGA_RECONF_SKIP_USRCLK) && (w.gbs.clock_high.mhz || w.gbs.clock_low.mhz);
	r = run(&w);
	gbs_done(&w.gbs);
	return r;
}

void fill_reconf(opae_api_adapter_table *t)
{
	t->fpgaReconfigureSlot = reconfigure;
}
