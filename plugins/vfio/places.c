/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where devices may be: the sockets of the configuration, or, when it names none, the sockets in this
 * user's emulator directory, which `opae emu start` fills; and what is bound to the kernel's vfio-pci at
 * this moment.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/emu-dir.h"
#include "plugins/vfio/v-opae.h"

#define DRIVER "vfio-pci"

struct list {
	struct place *places;
	size_t num, room;
};

static struct place *add(struct list *l)
{
	struct place *grown;

	if (l->num == l->room) {
		grown = reallocarray(l->places, l->room * 2 + 16, sizeof(*grown));
		if (!grown)
			return NULL;
		l->places = grown;
		l->room = l->room * 2 + 16;
	}
	memset(&l->places[l->num], 0, sizeof(l->places[0]));
	return &l->places[l->num++];
}

/* ---- sockets ---- */

static int scan(struct list *l)
{
	CLEANUP_FREE struct emu_card *cards = NULL;
	char dir[VDEV_PATH_MAX];
	size_t n = 0;

	if (emu_dir_path(dir, sizeof(dir)) && emu_dir_trusted(dir))
		emu_dir_list(dir, &cards, &n); /* a folder that cannot be read has no cards */
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(cards[i].path);
		struct place *p = len < sizeof(p->path) ? add(l) : NULL;

		if (!p && len < sizeof(p->path))
			return -ENOMEM;
		if (!p)
			continue;
		memcpy(p->path, cards[i].path, len + 1);
		p->segment = cards[i].segment;
		p->socket_id = 0xff;
	}
	return 0;
}

static int configured(const struct v_opae *v, struct list *l)
{
	for (size_t i = 0; i < v->num_places; i++) {
		struct place *p = add(l);

		if (!p)
			return -ENOMEM;
		*p = v->places[i];
	}
	return 0;
}

/* ---- the kernel's ---- */

/* The first rule that fits; *ours tells whether the device is one without. */
static const struct rule *find_rule(const struct v_opae *v, const struct pci_address *a,
				    const struct pci_id *id, bool *ours)
{
	bool exact;

	*ours = v->known_ids && pci_fpga_name(id, &exact);
	for (size_t i = 0; i < v->num_rules; i++)
		if (pci_rule_fits(&v->rules[i].which, a, id)) {
			*ours = true;
			return &v->rules[i];
		}
	return NULL;
}

static void apply(const struct rule *r, struct place *p)
{
	p->has_guid = r->has_guid;
	memcpy(p->guid, r->guid, sizeof(p->guid));
	p->has_token = r->has_token;
	memcpy(p->vf_token, r->vf_token, sizeof(p->vf_token));
}

static int add_device(const struct v_opae *v, struct list *l, const char *address)
{
	const struct rule *rule;
	struct pci_address a;
	struct pci_id id;
	struct place *p;
	bool ours;
	int node;

	if (!pci_parse(address, &a) || pci_read_id(address, &id))
		return 0; /* it went away meanwhile */
	rule = find_rule(v, &a, &id, &ours);
	if (!ours)
		return 0;
	p = add(l);
	if (!p)
		return -ENOMEM;
	p->kernel = true;
	memcpy(p->path, address, strlen(address) + 1);
	place_set_address(p, &a);
	node = pci_numa_node(address);
	p->socket_id = node < 0 ? 0xff : (uint8_t)node;
	if (rule)
		apply(rule, p);
	return 0;
}

static int bound(const struct v_opae *v, struct list *l)
{
	CLEANUP_FREE char(*devices)[PCI_ADDRESS_LEN] = NULL;
	size_t n = 0;
	int rc;

	if (!v->known_ids && !v->num_rules)
		return 0;
	rc = pci_list_bound(DRIVER, &devices, &n);
	if (rc)
		return rc == -ENOMEM ? rc : 0; /* where sysfs cannot be read there are none to be told */
	for (size_t i = 0; i < n && !rc; i++)
		rc = add_device(v, l, devices[i]);
	return rc;
}

int places_list(struct instance *inst, struct place **ret, size_t *n)
{
	struct v_opae *v = v_opae_of(inst);
	struct list l = { 0 };
	int rc = v->scans ? scan(&l) : configured(v, &l);

	if (!rc)
		rc = bound(v, &l);
	if (rc) {
		free(l.places);
		return rc;
	}
	*ret = l.places;
	*n = l.num;
	return 0;
}
