/* SPDX-License-Identifier: BSD-3-Clause */
/* What is not known is refused; but a rule that shows everything need not know. */
#include "daemon/gate-device.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uuid/uuid.h>

#include "base/cleanup.h"
#include "base/emu-dir.h"
#include "daemon/gate-places.h"
#include "daemon/scout.h"
#include "dev/dfl.h"
#include "dev/perf.h"
#include "dev/sysfs.h"
#include "wire/ops.h"

static bool sees_all(const struct gate_who *who)
{
	return !who->rule || policy_rule_shows_all(who->rule);
}

static bool shown(const struct gate_who *who, const struct opae_props *props)
{
	return policy_which_shows(who->rule->see, who->rule->num_see, props) >= 0;
}

static bool shows_address(const struct gate_who *who, const struct pci_address *a)
{
	const struct opae_props props = {
		.valid = OPAE_PROP_SEGMENT | OPAE_PROP_BUS | OPAE_PROP_DEVICE | OPAE_PROP_FUNCTION,
		.segment = a->segment,
		.bus = a->bus,
		.device = a->device,
		.function = a->function,
	};

	return sees_all(who) || shown(who, &props);
}

static bool shows_guid(const struct gate_who *who, const uint8_t guid[16])
{
	struct opae_props props = { .valid = OPAE_PROP_GUID };

	memcpy(props.guid, guid, sizeof(props.guid));
	return shown(who, &props);
}

static int refuse(char *why, const char *what, const char *because)
{
	snprintf(why, GATE_WHY_MAX, "%s: %s", what, because);
	return -EPERM;
}

static int not_shown(char *why, const char *what)
{
	return refuse(why, what, "its \"see\" does not show that");
}

/* ---- a PCI function ---- */

/* `key` is where it is bound, or its socket, which tells it from another one in its place. */
static int judge_function(const struct gate_who *who, const struct pci_address *a, const char *key, char *why)
{
	struct scout_guids found;
	int rc;

	if (shows_address(who, a))
		return 0;
	if (!policy_rule_shows_guids(who->rule))
		return not_shown(why, key);
	rc = scout_ask(who->scout, a, key, &found);
	if (rc)
		return rc == -EINPROGRESS ? rc : refuse(why, key, "nobody knows which GUID it has");
	for (size_t i = 0; i < found.num; i++)
		if (shows_guid(who, found.guids[i]))
			return 0;
	return not_shown(why, key);
}

static int judge_address(const struct gate_who *who, const char *address, char *why)
{
	struct pci_address a;

	if (!pci_parse(address, &a))
		return not_shown(why, address);
	return judge_function(who, &a, address, why);
}

/* ---- vfio ---- */

static bool is_number(const char *text)
{
	size_t len = strlen(text);

	return len && len < 10 && strspn(text, "0123456789") == len;
}

/* A program that has the group can have each of its functions that a vfio driver has. */
static int judge_group(const struct gate_who *who, const char *number, char *why)
{
	CLEANUP_FREE char *names = NULL;
	char driver[64];
	bool any = false;
	int rc = sysfs_list(&names, "/sys/kernel/iommu_groups/%s/devices", number);

	if (rc)
		return not_shown(why, "its IOMMU group");
	for (const char *at = names; *at && !rc; at += strlen(at) + 1) {
		if (sysfs_link(driver, sizeof(driver), "/sys/bus/pci/devices/%s/driver", at) ||
		    !strstr(driver, "vfio"))
			continue;
		any = true;
		rc = judge_address(who, at, why);
	}
	return any ? rc : not_shown(why, "its IOMMU group");
}

static int judge_vfio(const struct gate_who *who, const char *name, char *why)
{
	char address[PCI_ADDRESS_LEN];

	if (!strcmp(name, "vfio"))
		return 0;
	if (is_number(name))
		return judge_group(who, name, why);
	if (!gate_begins(name, "devices/vfio") || !is_number(name + strlen("devices/vfio")) ||
	    sysfs_link(address, sizeof(address), "/sys/class/vfio-dev/%s/device", name + strlen("devices/")))
		return not_shown(why, name);
	return judge_address(who, address, why);
}

/* ---- the kernel's FPGA driver ---- */

/* A port's is its accelerator's, an engine's that of its reconfiguration interface. */
static bool read_guid(const struct dfl_device *d, uint8_t ret[16])
{
	CLEANUP_FREE char *names = NULL;
	char text[64], plain[33];
	int rc = d->kind == DFL_PORT ? sysfs_text(text, sizeof(text), "%s/afu_id", d->dir) : -ENOENT;

	if (d->kind == DFL_FME && !sysfs_list(&names, "%s", d->dir))
		for (const char *at = names; *at && rc; at += strlen(at) + 1) {
			CLEANUP_FREE char *regions = NULL;

			if (!gate_begins(at, "dfl-fme-region.") ||
			    sysfs_list(&regions, "%s/%s/fpga_region", d->dir, at) || !*regions)
				continue;
			rc = sysfs_text(text, sizeof(text), "%s/%s/fpga_region/%s/compat_id", d->dir, at,
					regions);
		}
	if (rc || strlen(text) != 32 || strspn(text, "0123456789abcdefABCDEF") != 32)
		return false;
	snprintf(plain, sizeof(plain), "%s", text);
	for (size_t i = 0; i < 16; i++) {
		const char byte[3] = { plain[2 * i], plain[2 * i + 1], 0 };

		ret[i] = (uint8_t)strtoul(byte, NULL, 16);
	}
	return true;
}

static int judge_dfl(const struct gate_who *who, const char *name, char *why)
{
	CLEANUP_FREE struct dfl_device *list = NULL;
	struct pci_address a;
	uint8_t guid[16];
	size_t n = 0;

	if (sees_all(who))
		return 0;
	if (dfl_list(&list, &n))
		return not_shown(why, name);
	for (size_t i = 0; i < n; i++) {
		if (strcmp(strrchr(list[i].node, '/') + 1, name) != 0)
			continue;
		if ((pci_parse(list[i].address, &a) && shows_address(who, &a)) ||
		    (read_guid(&list[i], guid) && shows_guid(who, guid)))
			return 0;
	}
	return not_shown(why, name);
}

int gate_judge_function(const struct gate_who *who, const struct pci_address *a, char *why)
{
	CLEANUP_FREE struct dfl_device *list = NULL;
	char address[PCI_ADDRESS_LEN];
	uint8_t guid[16];
	size_t n = 0;

	pci_format(a, address);
	if (shows_address(who, a))
		return 0;
	if (!policy_rule_shows_guids(who->rule) || dfl_list(&list, &n))
		return not_shown(why, address);
	for (size_t i = 0; i < n; i++)
		if (!strcmp(list[i].address, address) && read_guid(&list[i], guid) && shows_guid(who, guid))
			return 0;
	return judge_function(who, a, address, why);
}

static bool allows(const struct gate_who *who, uint32_t rights)
{
	return !who->rule || (who->rule->allow & rights);
}

/* Whatever the worker is told, who has it can load bitstreams and take ports away. */
static int judge_engine(const struct gate_who *who, const char *name, char *why)
{
	int rc = judge_dfl(who, name, why);

	if (!rc && !allows(who, WIRE_RIGHT_RECONFIGURE | WIRE_RIGHT_ERROR | WIRE_RIGHT_ADMIN))
		return refuse(why, name, "its \"allow\" has none of \"reconfigure\", \"error\", \"admin\"");
	return rc;
}

int gate_judge_engine_of(const struct gate_who *who, const char *number, char *why)
{
	char engine[64];

	snprintf(engine, sizeof(engine), "dfl-fme.%.*s", (int)strcspn(number, "/"), number);
	return judge_dfl(who, engine, why);
}

/* Those of the processor tell of other programs. The kernel's name for dfl-fme.N's is dfl_fmeN. */
int gate_judge_counters(const struct gate_who *who, uint32_t type, char *why)
{
	static const char prefix[] = "dfl_fme";
	CLEANUP_FREE char *names = NULL;
	uint64_t number;

	if (sysfs_list(&names, PERF_PMUS))
		return -EACCES;
	for (const char *at = names; *at; at += strlen(at) + 1) {
		if (!gate_begins(at, prefix) || sysfs_number(&number, PERF_PMUS "/%s/type", at) ||
		    number != type)
			continue;
		return gate_judge_engine_of(who, at + strlen(prefix), why);
	}
	return -EACCES;
}

/* A path below devices/ has what a thing is part of in front of it: the nearest port, engine or function. */
static int judge_path(const struct gate_who *who, const char *path, char *why)
{
	char part[64], dfl[64] = "", address[PCI_ADDRESS_LEN] = "";
	struct pci_address a;

	while (*path) {
		size_t len = strcspn(path, "/");

		if (len < sizeof(part)) {
			memcpy(part, path, len);
			part[len] = 0;
			if (gate_begins(part, "dfl-port.") || gate_begins(part, "dfl-fme."))
				memcpy(dfl, part, len + 1);
			else if (len == PCI_ADDRESS_LEN - 1 && pci_parse(part, &a))
				memcpy(address, part, len + 1);
		}
		path += len + (path[len] == '/');
	}
	if (*dfl)
		return judge_dfl(who, dfl, why);
	if (*address && pci_parse(address, &a) && shows_address(who, &a))
		return 0;
	return not_shown(why, *address ? address : "a device that is nowhere");
}

static int judge_uio(const struct gate_who *who, const char *name, char *why)
{
	char path[DEV_PATH_MAX], to[PATH_MAX];
	int rc = dev_path(path, "/sys/class/uio/%s", name);

	if (!rc)
		rc = sys_readlink(path, to, sizeof(to));
	return rc ? not_shown(why, name) : judge_path(who, to, why);
}

/* ---- all of them ---- */

int gate_judge_node(const struct gate_who *who, const char *real, char *why)
{
	const char *name = strrchr(real, '/') + 1;

	if (sees_all(who) && !gate_begins(real, "/dev/dfl-fme."))
		return 0;
	if (!strcmp(real, "/dev/null") || !strcmp(real, "/dev/iommu"))
		return 0;
	if (gate_begins(real, "/dev/vfio/"))
		return judge_vfio(who, real + strlen("/dev/vfio/"), why);
	if (gate_begins(real, "/dev/dfl-fme."))
		return judge_engine(who, name, why);
	if (gate_begins(real, "/dev/dfl-port."))
		return judge_dfl(who, name, why);
	if (gate_begins(real, "/dev/uio"))
		return judge_uio(who, name, why);
	return not_shown(why, name);
}

/* The classes by which what the file does is asked for. */
static uint32_t rights_of_attribute(const char *real)
{
	/* It chooses which clock is measured: a clock is read that way. */
	if (!strcmp(strrchr(real, '/') + 1, "userclk_freqcntrcmd"))
		return WIRE_RIGHT_MMIO_READ | WIRE_RIGHT_RECONFIGURE | WIRE_RIGHT_ADMIN;
	if (strstr(real, "/userclk"))
		return WIRE_RIGHT_RECONFIGURE | WIRE_RIGHT_ADMIN;
	if (strstr(real, "/errors/"))
		return WIRE_RIGHT_ERROR | WIRE_RIGHT_ADMIN;
	return WIRE_RIGHT_ADMIN;
}

int gate_judge_attribute(const struct gate_who *who, const char *real, char *why)
{
	if (!allows(who, rights_of_attribute(real)))
		return refuse(why, real, "its \"allow\" has no class for that");
	return sees_all(who) ? 0 : judge_path(who, real, why);
}

/* ---- sockets ---- */

static bool emulated(const char *path, struct pci_address *ret)
{
	CLEANUP_FREE struct emu_card *cards = NULL;
	char dir[EMU_DIR_MAX];
	size_t n = 0;

	if (!emu_dir_path(dir, sizeof(dir)) || !emu_dir_trusted(dir) || emu_dir_list(dir, &cards, &n))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!strcmp(cards[i].path, path)) {
			*ret = (struct pci_address){ .segment = cards[i].segment };
			return true;
		}
	return false;
}

/* With "sockets" the plugin gives those of the directory no address. */
static bool address_of_socket(const struct gate_who *who, const char *path, struct pci_address *ret)
{
	for (size_t i = 0; i < who->num_cards; i++)
		if (!strcmp(who->cards[i].path, path)) {
			*ret = who->cards[i].address;
			return true;
		}
	return !who->num_cards && emulated(path, ret);
}

int gate_judge_socket(const struct gate_who *who, const char *path, char *why)
{
	struct pci_address a;

	if (sees_all(who))
		return 0;
	return address_of_socket(who, path, &a) ? judge_function(who, &a, path, why) : not_shown(why, path);
}

/* ---- what the inventory has ---- */

int gate_judge_device(const struct gate_who *who, const char *device, char *why)
{
	return *device == '/' ? gate_judge_socket(who, device, why) : judge_address(who, device, why);
}

int gate_scouted(const struct gate_who *who, const char *device)
{
	struct scout_guids found;
	struct pci_address a;

	if (!(*device == '/' ? address_of_socket(who, device, &a) : pci_parse(device, &a)))
		return 0;
	return scout_ask(who->scout, &a, device, &found) == -EINPROGRESS ? -EINPROGRESS : 0;
}

static bool has_token(const char *address)
{
	char physfn[PCI_ADDRESS_LEN];
	uint64_t vfs;

	return (!sysfs_number(&vfs, "/sys/bus/pci/devices/%s/sriov_totalvfs", address) && vfs) ||
	       !sysfs_link(physfn, sizeof(physfn), "/sys/bus/pci/devices/%s/physfn", address);
}

int gate_judge_token(const struct gate_who *who, char *why)
{
	CLEANUP_FREE char(*list)[PCI_ADDRESS_LEN] = NULL;
	int rc = not_shown(why, "the token of virtual functions");
	size_t n = 0;

	if (pci_list_bound("vfio-pci", &list, &n))
		return rc;
	for (size_t i = 0; i < n && rc; i++) {
		int one = has_token(list[i]) ? judge_address(who, list[i], why) : -EPERM;

		if (one != -EPERM)
			rc = one;
	}
	return rc;
}
