/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Finding out what a device is without keeping it: connect, read, leave. A device that somebody
 * holds is not disturbed; what this process learned of it earlier is told instead.
 */
#include <errno.h>
#include <linux/pci_regs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "plugins/vfio/vfio.h"

#define LOOK_NS (200 * NS_PER_MS)    /* a server that is silent for so long is held */
#define PATIENCE_NS (20 * NS_PER_MS) /* for another that only looks, */
#define PATIENCE_UNKNOWN_NS (150 * NS_PER_MS) /* and when nothing is known to tell instead */
#define PAUSE_NS (2 * NS_PER_MS)

#define DFH_TYPE(dfh) ((dfh) >> 60)
#define DFH_TYPE_AFU 1u

/* Another process of the same path is another device: its socket is another file. */
struct identity {
	dev_t dev;
	ino_t ino;
	struct timespec changed;
};

struct known_device {
	struct known_device *next;
	char path[VDEV_PATH_MAX];
	struct identity identity;
	struct facts facts;
};

static bool identify(const char *path, struct identity *ret)
{
	struct stat st;

	memset(ret, 0, sizeof(*ret));
	if (stat(path, &st))
		return false;
	ret->dev = st.st_dev;
	ret->ino = st.st_ino;
	ret->changed = st.st_ctim;
	return true;
}

static struct known_device *find_known(struct instance *inst, const char *path)
{
	for (struct known_device *k = inst->known; k; k = k->next)
		if (!strcmp(k->path, path))
			return k;
	return NULL;
}

static void remember(struct instance *inst, const char *path, const struct facts *facts)
{
	struct known_device *k;
	struct identity id;
	SCOPED_LOCK(&inst->lock);

	if (!identify(path, &id))
		return;
	k = find_known(inst, path);
	if (!k) {
		k = calloc(1, sizeof(*k));
		if (!k)
			return; /* it is looked at again, that is all */
		memcpy(k->path, path, strlen(path) + 1);
		k->next = inst->known;
		inst->known = k;
	}
	k->identity = id;
	k->facts = *facts;
}

static void recall(struct instance *inst, const char *path, struct facts *ret)
{
	struct known_device *k;
	struct identity id;
	SCOPED_LOCK(&inst->lock);

	k = find_known(inst, path);
	if (k && identify(path, &id) && !memcmp(&id, &k->identity, sizeof(id)))
		*ret = k->facts;
}

void look_forget_all(struct instance *inst)
{
	struct known_device *next;
	SCOPED_LOCK(&inst->lock);

	for (struct known_device *k = inst->known; k; k = next) {
		next = k->next;
		free(k);
	}
	inst->known = NULL;
}

int look_open(struct instance *inst, const char *path, struct vdev_options *opt,
	      int64_t patience_ns, char *why, size_t why_len, struct vdev **ret)
{
	int64_t end = clock_deadline(patience_ns);
	int rc;

	opt->call_ns = opt->to_use ? inst->call_ns : LOOK_NS;
	opt->spin_ns = inst->spin_ns;
	for (;;) {
		rc = way_vfio_user.open(path, opt, why, why_len, ret);
		if (rc != -EBUSY || clock_now_ns() >= end)
			return rc;
		clock_sleep_ns(PAUSE_NS);
	}
}

static uint16_t at16(const uint8_t *config, unsigned int offset)
{
	return (uint16_t)(config[offset] | config[offset + 1] << 8);
}

static void put_be64(uint8_t *at, uint64_t v)
{
	for (int i = 0; i < 8; i++)
		at[i] = (uint8_t)(v >> (56 - 8 * i));
}

/* The AFU's header: is there one, and whose it is. Memory accesses must be on. */
static int read_afu(struct vdev *d, struct facts *ret)
{
	uint64_t head[3];
	int rc = 0;

	for (unsigned int i = 0; i < 3 && !rc; i++)
		rc = d->ops->read(d, VDEV_BAR0, 8 * i, &head[i], 8);
	if (rc)
		return rc;
	if (DFH_TYPE(head[0]) != DFH_TYPE_AFU || head[0] == UINT64_MAX)
		return -ENODEV;
	put_be64(ret->guid, head[2]);
	put_be64(ret->guid + 8, head[1]);
	return 0;
}

static int read_header(struct vdev *d, struct facts *ret)
{
	uint8_t config[64];
	uint16_t command;
	int rc = d->ops->read(d, VDEV_CONFIG, 0, config, sizeof(config));

	if (rc)
		return rc;
	ret->vendor = at16(config, PCI_VENDOR_ID);
	ret->device = at16(config, PCI_DEVICE_ID);
	ret->subsystem_vendor = at16(config, PCI_SUBSYSTEM_VENDOR_ID);
	ret->subsystem_device = at16(config, PCI_SUBSYSTEM_ID);
	command = (uint16_t)(at16(config, PCI_COMMAND) | PCI_COMMAND_MEMORY);
	return d->ops->write(d, VDEV_CONFIG, PCI_COMMAND, &command, sizeof(command));
}

int look_read_facts(struct vdev *d, struct facts *ret)
{
	struct facts f = { .num_mmio = 1 };
	struct vdev_region bar0;
	int rc = read_header(d, &f);

	if (!rc)
		rc = d->ops->region(d, VDEV_BAR0, &bar0);
	if (!rc && (bar0.size < 0x18 || !bar0.read))
		rc = -ENODEV;
	if (!rc)
		rc = read_afu(d, &f);
	if (!rc)
		rc = d->ops->irq_count(d, VDEV_MSIX, &f.num_interrupts);
	f.known = !rc;
	if (!rc)
		*ret = f;
	return rc;
}

static bool held_here(struct instance *inst, const char *path, struct facts *facts)
{
	SCOPED_LOCK(&inst->lock);

	for (struct handle *h = inst->open; h; h = h->next_open)
		if (!strcmp(h->token.place.path, path)) {
			if (facts)
				*facts = h->token.facts;
			return true;
		}
	return false;
}

/* Opens the device for a moment. 0, -EBUSY, or why there is none. */
static int glance(struct instance *inst, const char *path, int64_t patience_ns,
		  struct facts *facts)
{
	struct vdev_options opt = { .connect_ns = LOOK_NS };
	struct vdev *d;
	char why[160];
	int rc = look_open(inst, path, &opt, patience_ns, why, sizeof(why), &d);

	if (rc) {
		debug("%s: %s", path, why);
		return rc;
	}
	if (facts)
		rc = look_read_facts(d, facts);
	if (rc) {
		d->ops->why(d, why, sizeof(why));
		debug("%s: %s", path, rc == -ENODEV ? "its BAR0 begins with no AFU header" : why);
	}
	d->ops->close(d);
	return rc == -ETIMEDOUT ? -EBUSY : rc; /* silent later than at once: held as well */
}

void look_at(struct instance *inst, const struct place *p, struct token *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->inst = inst;
	ret->place = *p;
	ret->state = FPGA_ACCELERATOR_ASSIGNED;
	if (!held_here(inst, p->path, &ret->facts)) {
		int rc;

		recall(inst, p->path, &ret->facts); /* what is told of a device that is held */
		rc = glance(inst, p->path,
			    ret->facts.known ? PATIENCE_NS : PATIENCE_UNKNOWN_NS, &ret->facts);
		if (!rc) {
			ret->state = FPGA_ACCELERATOR_UNASSIGNED;
			remember(inst, p->path, &ret->facts);
		} else if (rc != -EBUSY) {
			ret->inst = NULL;
		}
	}
	ret->looked_at = clock_now_ns();
}

bool look_was_device(const struct token *t)
{
	return t->inst != NULL;
}

fpga_accelerator_state look_state(struct instance *inst, const struct place *p)
{
	bool held = held_here(inst, p->path, NULL) ||
		    glance(inst, p->path, PATIENCE_NS, NULL) == -EBUSY;

	return held ? FPGA_ACCELERATOR_ASSIGNED : FPGA_ACCELERATOR_UNASSIGNED;
}
