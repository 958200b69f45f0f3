/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A card's socket: is it there, does somebody serve it, is it an FPGA. The device is opened for a
 * moment, as enumeration does, and by the same client.
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "dfh.h"
#include "doctor.h"
#include "vfio-user/client.h"

#define PATIENCE_NS (500 * NS_PER_MS)
#define BAR0 0u
#define CONFIG 7u /* VFIO's index of the configuration space */
#define CONFIG_MAX 4096u

/* PCIe's vendor specific capability, and Intel's in it that says where the feature lists are. */
#define VSEC 0x0bu
#define VSEC_DFL 0x43u
#define MAX_CAPS 48u

struct card {
	const struct place *place;
	struct vu_client *client; /* NULL: another client holds the device */
};

/* ---- the file and who serves it ---- */

static bool fix_missing(struct subject *s, const struct place *p)
{
	switch (p->origin) {
	case PLACE_CONFIGURED:
		return fix(s, "$EDITOR %s   # correct %s in \"sockets\", or start the card's server there",
			   config_name(), s->shell);
	case PLACE_SIMULATION:
		return fix(s, "./sim --socket %s   # starts the simulation there", s->shell);
	case PLACE_IN_DIRECTORY: /* a link to what is gone */
		return fix(s, "rm %s", s->shell);
	default:
		return fix(s, "opae doctor   # without an argument: shows what there is");
	}
}

/* Ends the card and starts it anew, in a word that a shell takes. */
static bool fix_restart(struct subject *s, const struct place *p)
{
	const char *file = strrchr(p->path, '/') + 1, *dot = strrchr(file, '.');
	char name[PATH_MAX], shell[PATH_MAX];

	if (p->origin != PLACE_IN_DIRECTORY || !dot)
		return fix(s, "ss -xlp src %s   # which program it is: end it and start it again",
			   s->shell);
	snprintf(name, sizeof(name), "%.*s", (int)(dot - file), file);
	shell_quote(name, shell, sizeof(shell));
	return fix(s, "opae emu stop %s; opae emu start --name %s   # and the options it had; of another "
		      "server: start that again", shell, shell);
}

static bool check_path(struct subject *s, struct card *c)
{
	const char *path = c->place->path;
	struct stat st;

	if (stat(path, &st)) {
		if (errno == EACCES) {
			step_wrong(s, "file", "it is in a directory that you may not enter");
			return fix(s, "namei -m %s   # shows which one; chmod it, or run as its owner",
				   s->shell);
		}
		step_wrong(s, "file", "%s", errno == ENOENT ? "there is no such file" :
							      strerror(errno));
		return fix_missing(s, c->place);
	}
	if (S_ISSOCK(st.st_mode))
		return step_ok(s, "file", "is a socket");
	step_wrong(s, "file", "it is no socket");
	if (c->place->origin == PLACE_IN_DIRECTORY)
		return fix(s, "rm %s", s->shell);
	if (c->place->origin == PLACE_CONFIGURED)
		return fix(s, "$EDITOR %s   # name a socket in place of %s", config_name(), s->shell);
	return fix(s, "file %s   # what it is; `opae doctor` without an argument shows what there is",
		   s->shell);
}

static bool no_permission(struct subject *s, const char *path)
{
	struct stat st = { 0 };

	stat(path, &st);
	step_wrong(s, "permission", "it is of uid %u, gid %u, mode %04o, and you are uid %u", st.st_uid,
		   st.st_gid, st.st_mode & 07777u, geteuid());
	return fix(s, "sudo setfacl -m u:%u:rw %s", geteuid(), s->shell);
}

static bool not_a_device(struct subject *s, const char *why)
{
	step_wrong(s, "protocol", "who listens is no vfio-user device that can be used: %s", why);
	return fix(s, "ss -xlp src %s   # which program it is", s->shell);
}

/* Of a busy device: one that says so is in use; one that says nothing at all may hang. */
static bool busy(struct subject *s, bool silent, const char *why)
{
	if (!silent)
		return step_ok(s, "listener", "in use: %s", why);
	step_ok(s, "permission", "you may connect");
	step_wrong(s, "listener", "it says nothing for %d ms: it hangs, or it serves another client "
				  "and lets the next one wait", (int)(PATIENCE_NS / NS_PER_MS));
	return fix(s, "ss -xp src %s   # who is connected; end it, or start the server again", s->shell);
}

static bool check_connect(struct subject *s, struct card *c)
{
	struct vu_client_options opt = { .connect_timeout_ns = PATIENCE_NS,
					 .call_timeout_ns = PATIENCE_NS };
	const char *path = c->place->path;
	int64_t begin = clock_now_ns();
	char why[200] = "";
	int rc = vu_client_connect(path, &opt, why, sizeof(why), &c->client);

	switch (rc) {
	case 0:
		step_ok(s, "permission", "you may connect");
		return step_ok(s, "listener", "serves a vfio-user device");
	case -EACCES: /* of the kernel, or of a server that answers so */
		return access(path, W_OK) ? no_permission(s, path) : not_a_device(s, why);
	case -EBUSY:
		return busy(s, clock_now_ns() - begin >= PATIENCE_NS, why);
	case -ECONNREFUSED:
		step_wrong(s, "listener", "nobody serves this socket: its server has ended");
		return fix(s, "rm %s   # and start the server again; an emulated card: opae emu start",
			   s->shell);
	case -ENAMETOOLONG:
		step_wrong(s, "file", "%s", why);
		return fix(s, "ln -s %s ~/card.sock   # and configure the short path", s->shell);
	default:
		return not_a_device(s, *why ? why : strerror(-rc));
	}
}

/* ---- the device ---- */

static uint32_t get32(const uint8_t *at)
{
	return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static bool device_failed(struct subject *s, struct card *c, int rc)
{
	char why[200] = "";

	vu_client_why(c->client, why, sizeof(why));
	step_wrong(s, "device", "it cannot be read: %s", *why ? why : strerror(-rc));
	return fix_restart(s, c->place);
}

static bool check_device(struct subject *s, struct card *c)
{
	uint8_t config[64];
	uint16_t command;
	uint32_t ids, subsystem;
	struct pci_id id;
	const char *name;
	bool exact;
	int rc;

	if (!c->client)
		return true;
	rc = vu_client_read(c->client, CONFIG, 0, config, sizeof(config));
	if (rc)
		return device_failed(s, c, rc);
	if (get32(config + PCI_VENDOR_ID) == UINT32_MAX) {
		step_wrong(s, "device", "its configuration space reads as all ones: it has fallen off "
					"the bus");
		return fix_restart(s, c->place);
	}
	command = (uint16_t)(get32(config + PCI_COMMAND) | PCI_COMMAND_MEMORY);
	rc = vu_client_write(c->client, CONFIG, PCI_COMMAND, &command, sizeof(command));
	if (rc)
		return device_failed(s, c, rc);
	ids = get32(config + PCI_VENDOR_ID);
	subsystem = get32(config + PCI_SUBSYSTEM_VENDOR_ID);
	id = (struct pci_id){ (uint16_t)ids, (uint16_t)(ids >> 16), (uint16_t)subsystem,
			      (uint16_t)(subsystem >> 16) };
	name = pci_fpga_name(&id, &exact);
	return step_ok(s, "device", "%04x:%04x, subsystem %04x:%04x: %s", id.vendor, id.device,
		       id.subsystem_vendor, id.subsystem_device,
		       !name ? "no known FPGA" : exact ? name : "an unknown subsystem");
}

/* Where the first feature list is: what a VSEC says, else the start of BAR0. */
static int find_list(struct card *c, uint32_t *bar, uint64_t *offset)
{
	struct vu_region config;
	uint8_t head[20];
	uint32_t at = 0x100;
	int rc = vu_client_region(c->client, CONFIG, &config);

	*bar = BAR0;
	*offset = 0;
	for (unsigned int i = 0; !rc && i < MAX_CAPS; i++) {
		if (at < 0x100 || at + sizeof(head) > CONFIG_MAX || at + sizeof(head) > config.size)
			return 0;
		rc = vu_client_read(c->client, CONFIG, at, head, sizeof(head));
		if (rc)
			return rc;
		if ((get32(head) & 0xffff) == VSEC && (get32(head + 4) & 0xffff) == VSEC_DFL &&
		    get32(head + 8) && (get32(head + 12) & 7) < 6) {
			*bar = get32(head + 12) & 7;
			*offset = get32(head + 12) & ~7u;
			return 0;
		}
		at = get32(head) >> 20 & ~3u;
	}
	return rc;
}

static bool known_header(uint64_t raw)
{
	struct dfh h = dfh_decode(raw);

	return raw != UINT64_MAX && (h.type == DFH_AFU || (h.type == DFH_FIU && h.id <= DFH_PORT));
}

static bool check_header(struct subject *s, struct card *c)
{
	struct vu_region r;
	uint64_t offset, raw;
	uint32_t bar;
	int rc;

	if (!c->client)
		return true;
	rc = find_list(c, &bar, &offset);
	if (!rc)
		rc = vu_client_region(c->client, bar, &r);
	if (!rc && (r.size < 0x18 || offset > r.size - 0x18)) {
		step_wrong(s, "header", "BAR%u has %" PRIu64 " bytes, and a header should be at 0x%"
					PRIx64 ": it is no FPGA", bar, r.size, offset);
		return fix(s, "opae emu start   # gives you a card that is one");
	}
	if (!rc)
		rc = vu_client_read(c->client, bar, offset, &raw, sizeof(raw));
	if (rc)
		return device_failed(s, c, rc);
	if (known_header(raw))
		return step_ok(s, "header", "BAR%u+0x%" PRIx64 " begins with a feature header, %s",
			       bar, offset, dfh_type_name(dfh_decode(raw).type));
	step_wrong(s, "header", "BAR%u+0x%" PRIx64 " reads 0x%016" PRIx64 ", which is no feature "
				"header: it is no FPGA, or has no image", bar, offset, raw);
	return fix(s, "opae emu start   # gives you a card that is one; a real one may lack its "
		      "image");
}

/* ---- the way of one socket ---- */

bool check_socket(struct subject *s, const struct place *p)
{
	static bool (*const checks[])(struct subject *s, struct card *c) = {
		check_path, check_connect, check_device, check_header,
	};
	struct card c = { .place = p };
	bool good = true;

	for (size_t i = 0; good && i < sizeof(checks) / sizeof(checks[0]); i++)
		good = checks[i](s, &c);
	vu_client_close(c.client); /* before the plugin looks */
	return good;
}

static void diagnose(struct doctor *d, const struct place *p)
{
	struct subject s = subject_new(d, "socket", p->path);
	bool good = check_local(d, &s) && check_socket(&s, p);

	if (good && check_vfio_plugin(&s) && check_places(&s, p))
		check_token(d, &s, "", p->address);
	if (*p->address && has_token(d, p->address))
		subject_shown(&s);
}

void doctor_sockets(struct doctor *d)
{
	struct place *list;
	size_t n;

	places_find(d, &list, &n);
	for (size_t i = 0; i < n; i++)
		diagnose(d, &list[i]);
	places_free(list, n);
}
