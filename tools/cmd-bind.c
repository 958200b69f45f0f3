/* SPDX-License-Identifier: BSD-3-Clause */
/* opae bind: a PCI device is given to vfio-pci and its nodes to a user. opae release: and back. */
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bind.h"

struct bind_options {
	struct bind_run run;
	char addresses[BIND_MANY][PCI_ADDRESS_LEN];
	size_t n;
	uid_t user;
	unsigned int vfs;
};

/* ---- arguments ---- */

static int parse_user(const char *text, uid_t *ret)
{
	const struct passwd *pw = getpwnam(text);
	uint64_t uid;

	if (pw) {
		*ret = pw->pw_uid;
		return EXIT_OK;
	}
	if (!parse_u64(text, &uid) || uid >= UINT32_MAX)
		return usage_error("there is no user '%s'", text);
	*ret = (uid_t)uid;
	return EXIT_OK;
}

static int parse_vfs(const char *text, unsigned int *ret)
{
	uint64_t n;

	if (!parse_u64(text, &n) || !n || n > BIND_MANY)
		return usage_error("--vfs takes a number from 1 to %d, not '%s'", BIND_MANY, text);
	*ret = (unsigned int)n;
	return EXIT_OK;
}

static int add_address(struct bind_options *o, const char *text)
{
	struct pci_address a;

	if (!pci_parse(text, &a))
		return usage_error("'%s' is no PCI address, [ssss:]bb:dd.f", text);
	if (o->n == BIND_MANY)
		return usage_error("at most %d devices at once", BIND_MANY);
	pci_format(&a, o->addresses[o->n]);
	for (size_t i = 0; i < o->n; i++)
		if (!strcmp(o->addresses[i], o->addresses[o->n]))
			return EXIT_OK;
	o->n++;
	return EXIT_OK;
}

static int parse(int argc, char *argv[], struct bind_options *o)
{
	bool binds = !strcmp(argv[0], "bind");
	int rc = EXIT_OK;

	for (int i = 1; i < argc && !rc; i++) {
		bool user = binds && !strcmp(argv[i], "--user"), vfs = binds && !strcmp(argv[i], "--vfs");

		if ((user || vfs) && i + 1 == argc)
			return usage_error("%s needs an argument", argv[i]);
		if (user)
			rc = parse_user(argv[++i], &o->user);
		else if (vfs)
			rc = parse_vfs(argv[++i], &o->vfs);
		else if (!strcmp(argv[i], "--dry-run"))
			o->run.dry = true;
		else if (!strcmp(argv[i], "--json"))
			o->run.json = true;
		else if (argv[i][0] == '-')
			rc = usage_error("%s has no option '%s'", argv[0], argv[i]);
		else
			rc = add_address(o, argv[i]);
	}
	if (!rc && !o->n)
		return usage_error("%s needs the address of a device", argv[0]);
	if (!rc && o->vfs && o->n > 1)
		return usage_error("--vfs is about one device");
	return rc;
}

/* Whom the device is for, unless --user says so: who called sudo, else who calls. */
static uid_t usual_user(void)
{
	const char *sudo = getenv("SUDO_UID");
	uint64_t uid;

	return sudo && parse_u64(sudo, &uid) && uid < UINT32_MAX ? (uid_t)uid : getuid();
}

/* ---- what both begin and end with ---- */

static bool begin(struct bind_options *o)
{
	struct bind_run *r = &o->run;
	const char *root = secure_getenv("OPAEX_DOCTOR_ROOT");

	dev_set_root(root);
	r->tree = root && *root;
	r->steps = json_object_new_array();
	r->notes = json_object_new_array();
	r->devices = json_object_new_array();
	if (!r->dry && !r->tree && geteuid()) {
		fprintf(stderr, "opae: %s changes drivers and device nodes, which root alone may: use sudo; "
				"--dry-run shows what it would do\n", r->verb);
		return false;
	}
	return r->dry || record_lock();
}

static void print_array(struct json_object *array, const char *before)
{
	for (size_t i = 0; i < json_object_array_length(array); i++)
		printf("%s%s\n", before, json_object_get_string(json_object_array_get_idx(array, i)));
}

static int finish(struct bind_run *r, bool good)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "dry_run", json_object_new_boolean(r->dry));
	json_object_object_add(o, "devices", r->devices);
	json_object_object_add(o, "steps", r->steps);
	json_object_object_add(o, "notes", r->notes);
	if (good && r->json) {
		print_json(r->verb, json_object_get(o));
	} else if (good && r->dry) {
		print_array(r->steps, "");
		print_array(r->notes, "# ");
	} else if (good) {
		print_array(r->notes, "note: ");
	}
	json_object_put(o);
	return good ? EXIT_OK : EXIT_FAILED;
}

static const char *text_of(struct json_object *o, const char *key)
{
	return json_object_get_string(json_object_object_get(o, key));
}

/* ---- bind ---- */

static void print_bound(struct json_object *o)
{
	struct json_object *nodes = json_object_object_get(o, "nodes");
	const char *before = text_of(o, "driver_before");

	printf("%s is %s to " VFIO_PCI " for uid %u:", text_of(o, "address"), text_of(o, "state"),
	       (unsigned int)json_object_get_int64(json_object_object_get(o, "user")));
	for (size_t i = 0; i < json_object_array_length(nodes); i++)
		printf(" %s", json_object_get_string(json_object_array_get_idx(nodes, i)));
	printf(" (before: %s)\n", *before ? before : "no driver");
}

int cmd_bind(int argc, char *argv[])
{
	struct bind_options o = { .run = { .verb = "bind" }, .user = usual_user() };
	const char(*all)[PCI_ADDRESS_LEN] = (const char(*)[PCI_ADDRESS_LEN])o.addresses;
	int rc = parse(argc, argv, &o);
	bool good;

	if (rc)
		return rc;
	good = begin(&o);
	if (good && o.vfs)
		good = bind_vfs(&o.run, o.addresses[0], o.vfs, o.user);
	else if (good)
		good = bind_devices(&o.run, all, o.n, o.user, "");
	if (good && !o.run.dry && !o.run.json)
		for (size_t i = 0; i < json_object_array_length(o.run.devices); i++)
			print_bound(json_object_array_get_idx(o.run.devices, i));
	return finish(&o.run, good);
}

/* ---- release ---- */

static bool no_record(const char *address)
{
	char mend[320], driver[64], unbind[128] = "", override[64], clear[128] = "";

	bind_driver(address, driver);
	bind_override(address, override);
	if (*driver && strcmp(driver, VFIO_PCI))
		return bind_refuse(address, "opae doctor   # shows how it is",
				   "`opae bind` did not bind it, and %s has it", driver);
	if (*driver)
		snprintf(unbind, sizeof(unbind), "echo %s | sudo tee " DEVICE "/driver/unbind; ", address,
			 address);
	if (*override)
		snprintf(clear, sizeof(clear), "echo | sudo tee " DEVICE "/driver_override; ", address);
	snprintf(mend, sizeof(mend), "by hand: %s%secho %s | sudo tee /sys/bus/pci/drivers_probe", unbind,
		 clear, address);
	return bind_refuse(address, mend, "`opae bind` did not bind it, so nobody has noted how it was "
					  "before");
}

static bool check_driver(const struct bind_record *rec, const struct pci_info *info)
{
	char mend[160];
	uint64_t vfs = 0;

	snprintf(mend, sizeof(mend), "as it is meant to be, is it not? then: sudo rm " BIND_DIR "/%s",
		 rec->address);
	if (*info->driver && strcmp(info->driver, VFIO_PCI) && strcmp(info->driver, rec->driver))
		return bind_refuse(rec->address, mend, "somebody has bound it to %s since", info->driver);
	sysfs_number(&vfs, DEVICE "/sriov_numvfs", rec->address);
	if (!vfs || vfs == rec->vfs || (!rec->vfs && (!rec->device || !strcmp(info->driver, rec->driver))))
		return true; /* none, or ours; or they stay where they are */
	snprintf(mend, sizeof(mend), "echo 0 | sudo tee " DEVICE "/sriov_numvfs", rec->address);
	return bind_refuse(rec->address, mend, "it has %u VFs that `opae bind` did not make, and they "
					       "would go too", (unsigned int)vfs);
}

static bool check_holder(const char *address)
{
	char who[96], mend[128];

	if (!bind_held(address, who, sizeof(who)))
		return true;
	snprintf(mend, sizeof(mend), "end it, then: sudo opae release %s", address);
	return bind_refuse(address, mend, "%s has it open", who);
}

static bool check_holders(const struct bind_record *rec)
{
	char vf[PCI_ADDRESS_LEN];

	for (unsigned int i = 0; bind_vf(rec->address, i, vf); i++)
		if (!check_holder(vf))
			return false;
	return !rec->device || check_holder(rec->address);
}

static bool may_release(const char *address, struct bind_record *rec)
{
	char mend[96];
	struct pci_info info;
	int rc = record_load(address, rec);

	if (rc == -ENOENT && bind_exists(BIND_DIR "/%s", address)) {
		*rec = (struct bind_record){ 0 }; /* one of another boot: the file alone is left */
		snprintf(rec->address, sizeof(rec->address), "%s", address);
		return true;
	}
	if (rc == -ENOENT && pci_read(address, &info) == -ENOENT)
		return bind_refuse(address, "lspci   # shows what there is", "there is no such PCI device");
	if (rc)
		return rc == -ENOENT && no_record(address);
	snprintf(mend, sizeof(mend), "sudo rm " BIND_DIR "/%s", address);
	if (pci_read(address, &info))
		return bind_refuse(address, mend, "the device is gone");
	return record_fits(rec, &info.id) && check_driver(rec, &info) && check_holders(rec);
}

static void report(struct bind_run *r, const struct bind_record *rec)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "address", json_object_new_string(rec->address));
	json_object_object_add(o, "state", json_object_new_string(r->dry ? "planned" : "released"));
	json_object_object_add(o, "driver", json_object_new_string(rec->driver));
	json_object_array_add(r->devices, o);
	if (!r->dry && !r->json)
		printf("%s is as it was before%s%s\n", rec->address,
		       !rec->device   ? "" :
		       *rec->driver ? ": bound to " :
					": without a driver", rec->device ? rec->driver : "");
}

int cmd_release(int argc, char *argv[])
{
	struct bind_options o = { .run = { .verb = "release" } };
	struct bind_record recs[BIND_MANY];
	int rc = parse(argc, argv, &o);
	bool good;

	if (rc)
		return rc;
	good = begin(&o);
	for (size_t i = 0; i < o.n && good; i++)
		good = may_release(o.addresses[i], &recs[i]);
	for (size_t i = 0; i < o.n && good; i++) {
		struct bind_record rec = recs[i]; /* what is undone is taken from it */

		good = !bind_undo(&o.run, &rec);
		if (good)
			report(&o.run, &recs[i]);
	}
	return finish(&o.run, good);
}
