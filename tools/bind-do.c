/* SPDX-License-Identifier: BSD-3-Clause */
/* Devices are bound: all that are named, or none. Each has its record before it is touched. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bind.h"

/* TO_GIVE: it is bound, but its nodes are not the user's. */
enum state { TO_BIND, TO_GIVE, BOUND_ALREADY, REFUSED };

struct target {
	struct pci_info info;
	struct bind_record rec;
	enum state state;
	/* Of one TO_GIVE: whose it was at the beginning of this call. */
	uid_t last_user;
	struct bind_node last[2];
	size_t num_last;
};

/* ---- before ---- */

static bool owned(const char *address, uid_t user)
{
	struct bind_node nodes[2];
	size_t n = bind_nodes(address, nodes);

	for (size_t i = 0; i < n; i++)
		if (nodes[i].uid != user || (nodes[i].mode & 0600) != 0600)
			return false;
	return n > 0;
}

/* What its record means for a bind of the device. */
static enum state judge_record(struct target *t, uid_t user)
{
	const struct bind_record *rec = &t->rec;
	char mend[96];

	snprintf(mend, sizeof(mend), "sudo opae release %s", rec->address);
	if (!record_fits(rec, &t->info.id))
		return REFUSED;
	if (!rec->complete)
		bind_refuse(rec->address, mend, "a bind of it was broken off");
	else if (!rec->device)
		bind_refuse(rec->address, mend, "its VFs are bound; it must be released first, and can then "
						"be bound, and --vfs after that");
	else if (strcmp(t->info.driver, VFIO_PCI))
		bind_refuse(rec->address, mend, "it was bound, but somebody has changed its driver (%s) "
						"since", *t->info.driver ? t->info.driver : "none");
	else if (rec->user == user && owned(rec->address, user))
		return BOUND_ALREADY;
	else
		return TO_GIVE;
	return REFUSED;
}

/* A group's node has one owner: what else of it is bound must be named as well, or be his already. */
static bool check_neighbours(const struct target *t, const char (*all)[PCI_ADDRESS_LEN], size_t n,
			     uid_t user)
{
	struct bind_record other;
	char node[64], mend[160];

	snprintf(node, sizeof(node), "/dev/vfio/%u", t->info.group);
	if (!record_with_node(all, n, node, &other) || other.user == user)
		return true;
	snprintf(mend, sizeof(mend), "sudo opae bind --user %u %s %s   # both for one user", user,
		 t->rec.address, other.address);
	return bind_refuse(t->rec.address, mend, "its IOMMU group %u is bound for uid %u, by %s",
			   t->info.group, other.user, other.address);
}

static enum state judge(struct target *t, const char (*all)[PCI_ADDRESS_LEN], size_t n,
			const char *address, uid_t user)
{
	int rc = pci_read(address, &t->info);
	enum state state;

	if (rc) {
		bind_refuse(address, "lspci   # shows what there is", "%s",
			    rc == -ENOENT ? "there is no such PCI device" : strerror(-rc));
		return REFUSED;
	}
	rc = record_load(address, &t->rec);
	if (rc && rc != -ENOENT)
		return REFUSED;
	state = rc ? TO_BIND : judge_record(t, user);
	if (state == TO_BIND)
		t->rec = record_new(address, &t->info, user);
	if (state == TO_BIND && !bind_check(all, n, address, &t->info))
		return REFUSED;
	return state < BOUND_ALREADY && !check_neighbours(t, all, n, user) ? REFUSED : state;
}

/* ---- the driver ---- */

static int load_module(struct bind_run *r, struct bind_record *rec)
{
	int rc;

	if (bind_exists("/sys/bus/pci/drivers/" VFIO_PCI))
		return 0;
	if (r->tree && !r->dry) {
		bind_refuse(rec->address, "make /sys/bus/pci/drivers/" VFIO_PCI " in the tree",
			    "the driver " VFIO_PCI " is not there");
		return -ENOENT;
	}
	/* Of several devices in a dry run the first loads it for all. */
	for (size_t i = 0; r->dry && i < json_object_array_length(r->steps); i++)
		if (!strcmp(json_object_get_string(json_object_array_get_idx(r->steps, i)),
			    "modprobe " VFIO_PCI))
			return 0;
	rec->module = true;
	rc = record_save(r, rec);
	return rc ? rc : step_modprobe(r, true);
}

static int take(struct bind_run *r, struct bind_record *rec)
{
	static const char mend[] = "dmesg | tail   # why " VFIO_PCI " does not take it";
	int rc = load_module(r, rec);

	if (!rc && strcmp(rec->override, VFIO_PCI))
		rc = step_write(r, VFIO_PCI, NULL, DEVICE "/driver_override", rec->address);
	if (!rc && *rec->driver)
		rc = step_unbind(r, rec->address);
	if (!rc)
		rc = step_write(r, rec->address, mend, "/sys/bus/pci/drivers_probe");
	return rc ? rc : step_wait(r, rec->address, VFIO_PCI, mend);
}

/* ---- the nodes ---- */

/*
 * How a node was before anybody bound a device that has it: another of the group may have been first. What
 * the record says of it already is older than what is there now.
 */
static void note_node(struct bind_record *rec, const struct bind_node *now)
{
	struct bind_node before = *now;
	struct bind_record other;

	for (size_t i = 0; i < rec->num_nodes; i++)
		if (!strcmp(rec->nodes[i].path, now->path))
			return;
	if (rec->num_nodes == 2)
		return;
	if (record_with_node(&rec->address, 1, now->path, &other))
		for (size_t i = 0; i < other.num_nodes; i++)
			if (!strcmp(other.nodes[i].path, now->path))
				before = other.nodes[i];
	rec->nodes[rec->num_nodes++] = before;
}

static int give_node(struct bind_run *r, const struct bind_node *node, uid_t user)
{
	int rc = node->uid == user ? 0 : step_owner(r, node->path, user, (gid_t)-1);

	if (!rc && (node->mode & 0600) != 0600)
		rc = step_mode(r, node->path, node->mode | 0600);
	return rc;
}

/* Of a device that is not bound yet nobody knows whether there will be both. */
static void plan_nodes(struct bind_run *r, const struct target *t, uid_t user)
{
	char node[DEV_PATH_MAX], folder[DEV_PATH_MAX], name[DEV_PATH_MAX];

	if (dev_path(node, "/dev/vfio/%u", t->info.group) || dev_path(folder, "/dev/vfio/devices") ||
	    dev_path(name, DEVICE "/vfio-dev", t->rec.address))
		return;
	step_command(r, "chown %u %s", user, node);
	if (bind_exists("/dev/iommu"))
		step_command(r, "chown %u %s/$(ls %s)", user, folder, name);
}

static void note_access(struct bind_run *r, const char *path, const char *what, uid_t user)
{
	struct bind_node node;

	if (!bind_node_stat(path, &node) && !bind_may_use(&node, user))
		bind_note(r, "uid %u may not open %s (of uid %u, gid %u, mode %04o), which %s: sudo "
			     "setfacl -m u:%u:rw %s   # for good: echo 'KERNEL==\"%s\", OWNER=\"%u\"' | "
			     "sudo tee -a /etc/udev/rules.d/90-vfio.rules", user, path, node.uid,
			  node.gid, node.mode, what, user, path, strrchr(path, '/') + 1, user);
}

static int give(struct bind_run *r, struct target *t, uid_t user)
{
	struct bind_node nodes[2];
	size_t n = bind_nodes(t->rec.address, nodes);
	bool own_node = false;
	int rc;

	if (r->dry && strcmp(t->info.driver, VFIO_PCI)) {
		plan_nodes(r, t, user);
		return 0;
	}
	for (size_t i = 0; i < n; i++) {
		note_node(&t->rec, &nodes[i]);
		own_node |= !strncmp(nodes[i].path, "/dev/vfio/devices/", 18);
	}
	rc = record_save(r, &t->rec);
	for (size_t i = 0; i < n && !rc; i++)
		rc = give_node(r, &nodes[i], user);
	if (own_node)
		note_access(r, "/dev/iommu", "the way by iommufd needs", user);
	if (n > own_node)
		note_access(r, "/dev/vfio/vfio", "the way by the group needs", user);
	return rc;
}

/* ---- all ---- */

static int bind_one(struct bind_run *r, struct target *t, uid_t user, const char *pf)
{
	struct pci_info of_pf;
	int rc;

	snprintf(t->rec.pf, sizeof(t->rec.pf), "%s", pf);
	t->rec.device = true;
	rc = record_save(r, &t->rec);
	step_remark(r, "%s: notes in " BIND_DIR " how it was (driver %s)", t->rec.address,
		    *t->rec.driver ? t->rec.driver : "none");
	if (!rc && strcmp(t->rec.driver, VFIO_PCI))
		rc = take(r, &t->rec);
	if (!rc)
		rc = give(r, t, user);
	if (rc)
		return rc;
	if (*t->info.physfn && !pci_read(t->info.physfn, &of_pf) && !strcmp(of_pf.driver, VFIO_PCI))
		bind_note(r, "%s is a VF of %s, which " VFIO_PCI " has: who opens it must know the VF token "
			     "that the user of the PF has set", t->rec.address, t->info.physfn);
	t->rec.complete = true;
	return record_save(r, &t->rec);
}

/* The record keeps what was before the first bind: release leads back there, whoever has had it since. */
static int give_anew(struct bind_run *r, struct target *t, uid_t user)
{
	t->last_user = t->rec.user;
	t->num_last = bind_nodes(t->rec.address, t->last);
	t->rec.user = user;
	step_remark(r, "%s: it is bound, and its nodes are given to uid %u", t->rec.address, user);
	return give(r, t, user);
}

static int bind_or_give(struct bind_run *r, struct target *t, uid_t user, const char *pf)
{
	switch (t->state) {
	case TO_BIND:
		return bind_one(r, t, user, pf);
	case TO_GIVE:
		return give_anew(r, t, user);
	default:
		return 0;
	}
}

static void report(struct bind_run *r, const struct target *t, uid_t user)
{
	struct json_object *o = json_object_new_object(), *list = json_object_new_array();
	struct bind_node nodes[2];
	size_t n = r->dry && t->state == TO_BIND ? 0 : bind_nodes(t->rec.address, nodes);

	json_object_object_add(o, "address", json_object_new_string(t->rec.address));
	json_object_object_add(o, "state",
			       json_object_new_string(t->state == BOUND_ALREADY ? "bound already" :
						      r->dry			? "planned" :
										  "bound"));
	json_object_object_add(o, "user", json_u64(user));
	json_object_object_add(o, "driver_before", json_object_new_string(t->rec.driver));
	for (size_t i = 0; i < n; i++)
		json_object_array_add(list, json_object_new_string(nodes[i].path));
	json_object_object_add(o, "nodes", list);
	json_object_array_add(r->devices, o);
}

static int take_back(struct bind_run *r, struct target *t)
{
	int rc = 0;

	for (size_t i = 0; i < t->num_last && !rc; i++) {
		rc = step_owner(r, t->last[i].path, t->last[i].uid, t->last[i].gid);
		if (!rc)
			rc = step_mode(r, t->last[i].path, t->last[i].mode);
	}
	t->rec.user = t->last_user;
	return rc ? rc : record_save(r, &t->rec);
}

/* Of those that this call has bound, the last first. */
static void roll_back(struct bind_run *r, struct target *all, size_t n)
{
	for (size_t i = n; i--;) {
		const char *address = all[i].rec.address;
		int rc;

		if (all[i].state == BOUND_ALREADY)
			continue;
		rc = all[i].state == TO_GIVE ? take_back(r, &all[i]) : bind_undo(r, &all[i].rec);
		if (rc)
			fprintf(stderr, "opae: %s: it could not be put back: sudo opae release %s, "
					"when what is in the way is gone\n", address, address);
		else
			fprintf(stderr, "opae: %s: it is as it was before\n", address);
	}
}

bool bind_devices(struct bind_run *r, const char (*all)[PCI_ADDRESS_LEN], size_t n, uid_t user,
		  const char *pf)
{
	struct target *targets = calloc(n, sizeof(*targets));
	bool good = targets != NULL;
	size_t done = 0;

	for (size_t i = 0; i < n && good; i++) {
		targets[i].state = judge(&targets[i], all, n, all[i], user);
		good = targets[i].state != REFUSED;
	}
	while (good && done < n)
		good = !bind_or_give(r, &targets[done++], user, pf);
	if (!good && !r->dry)
		roll_back(r, targets, done);
	for (size_t i = 0; i < n && good; i++)
		report(r, &targets[i], user);
	free(targets);
	return good;
}
