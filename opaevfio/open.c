/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Opening and closing. Closing takes what is half open, so a failure needs no other way back.
 *
 * Each device has an address space of its own, as OPAE's library does it: the struct promises that the
 * allocator in it knows all of its addresses.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uuid/uuid.h>

#include "base/cleanup.h"
#include "dev/sysfs.h"
#include "opaevfio/opaevfio.h"

/* OPAE's numbers; some mean two things. */
enum {
	NO_DEVICE = 1,
	NOT_OPENED = 2, /* programs take it for busy */
	NO_TOKEN = 2,
	BAD_TOKEN = 3,
	NO_REGIONS = 3,
	NO_COMMAND = 4,
	NO_INFO = 5,
	NO_LOCK = 9,
	NO_MEMORY = 11,
};

static int code_of(enum vfio_step step)
{
	static const int codes[] = {
		[VFIO_STEP_DEVICE] = NO_DEVICE,
		[VFIO_STEP_DRIVER] = NO_DEVICE,
		[VFIO_STEP_IOMMU_OFF] = NO_DEVICE,
		[VFIO_STEP_CONTAINER] = 4,
		[VFIO_STEP_API] = 5,
		[VFIO_STEP_TYPE1] = 6,
		[VFIO_STEP_NODE] = NOT_OPENED,
		[VFIO_STEP_STATUS] = 3,
		[VFIO_STEP_VIABLE] = 4,
		[VFIO_STEP_SET_CONTAINER] = 7,
		[VFIO_STEP_SET_IOMMU] = 8,
		[VFIO_STEP_GET_DEVICE] = NOT_OPENED,
		[VFIO_STEP_TOKEN] = NOT_OPENED,
		[VFIO_STEP_INFO] = NO_INFO,
	};

	return step < sizeof(codes) / sizeof(codes[0]) && codes[step] ? codes[step] : NO_INFO;
}

static bool long_form(const char *text, char out[PCI_ADDRESS_LEN])
{
	struct pci_address a;

	if (!pci_parse(text, &a))
		return false;
	pci_format(&a, out);
	return true;
}

int opae_vfio_dev_busy(const char *pciaddr)
{
	char address[PCI_ADDRESS_LEN], path[DEV_PATH_MAX];
	CLEANUP_CLOSE int fd = -1;
	struct pci_info info;

	if (!pciaddr || !long_form(pciaddr, address) || pci_read(address, &info) ||
	    info.group == PCI_NO_GROUP || dev_path(path, "/dev/vfio/%u", info.group))
		return NO_DEVICE;
	fd = sys_open(path, O_RDWR, 0);
	return fd < 0 ? NOT_OPENED : 0;
}

/* ---- what the struct tells ---- */

static void blank(struct opae_vfio *v)
{
	memset(v, 0, sizeof(*v));
	v->cont_fd = v->group.group_fd = v->device.device_fd = -1;
	mem_alloc_init(&v->iova_alloc);
}

static int make_names(struct opae_vfio *v, const struct vfio_device *d)
{
	char path[DEV_PATH_MAX];
	int rc = dev_path(path, "/dev/vfio/vfio");

	if (!rc)
		v->cont_device = strdup(path);
	if (!rc)
		rc = dev_path(path, "/dev/vfio/%u", d->space->group);
	if (!rc)
		v->group.group_device = strdup(path);
	v->cont_pciaddr = strdup(d->address);
	return rc ? rc : v->cont_device && v->group.group_device && v->cont_pciaddr ? 0 : -ENOMEM;
}

/* All that the IOMMU tells; dev/ has those of them that are good for buffers. */
static int make_ranges(struct opae_vfio *v, struct vfio_space *s)
{
	struct opae_vfio_iova_range **end = &v->cont_ranges;
	struct iommu_range r[IOMMU_MAX_RANGES];
	uint32_t n = 0;
	int rc = s->iommu.ops->ranges(&s->iommu, r, &n);

	for (uint32_t i = 0; i < n && !rc; i++) {
		*end = calloc(1, sizeof(**end));
		if (!*end)
			return -ENOMEM;
		(*end)->start = r[i].first;
		(*end)->end = r[i].last;
		end = &(*end)->next;
	}
	return rc;
}

static int make_addresses(struct opae_vfio *v, const struct iova_space *s)
{
	for (size_t i = 0; i < s->num; i++)
		if (mem_alloc_add_free(&v->iova_alloc, s->holes[i].first,
				       s->holes[i].last - s->holes[i].first + 1))
			return -ENOMEM;
	return 0;
}

/* The kernel hands a device over that neither answers nor writes to memory. */
static bool set_command(const struct opae_vfio_device *d)
{
	off_t at = (off_t)d->device_config_offset + PCI_COMMAND;
	uint16_t command;

	if (sys_pread(d->device_fd, &command, sizeof(command), at) != sizeof(command))
		return false;
	command = (uint16_t)(command | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	return sys_pwrite(d->device_fd, &command, sizeof(command), at) == sizeof(command);
}

static int code_or_memory(int rc, int code)
{
	return rc == -ENOMEM ? NO_MEMORY : rc ? code : 0;
}

static int describe(struct opae_vfio *v, const struct vfio_device *d)
{
	int code = code_or_memory(make_names(v, d), NO_INFO);
	struct vfio_region config;

	v->cont_fd = d->space->iommu.fd;
	v->group.group_fd = d->space->group_fd;
	v->device.device_fd = d->fd;
	v->device.device_num_regions = d->num_regions;
	v->device.device_num_irqs = d->num_irqs;
	if (!code)
		code = code_or_memory(make_ranges(v, d->space), NO_INFO);
	if (!code)
		code = code_or_memory(make_addresses(v, &d->space->addresses.space), NO_INFO);
	if (!code)
		code = code_or_memory(dev_vfio_region(d, VFIO_PCI_CONFIG_REGION_INDEX, &config), NO_REGIONS);
	if (code)
		return code;
	v->device.device_config_offset = config.offset;
	if (!set_command(&v->device))
		return NO_COMMAND;
	code = code_or_memory(regions_make(v), NO_REGIONS);
	return code ? code : code_or_memory(irqs_make(v), NO_INFO);
}

/* ---- life ---- */

static int make_lock(pthread_mutex_t *lock)
{
	pthread_mutexattr_t attr;
	int rc = pthread_mutexattr_init(&attr);

	if (rc)
		return rc;
	rc = pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE); /* OPAE's is, and programs hold it */
	if (!rc)
		rc = pthread_mutex_init(lock, &attr);
	pthread_mutexattr_destroy(&attr);
	return rc;
}

/* From here on there is something to close. */
static int begin(struct opae_vfio *v)
{
	struct hold *h = calloc(1, sizeof(*h));

	if (!h)
		return NO_MEMORY;
	if (make_lock(&v->lock)) {
		free(h);
		return NO_LOCK;
	}
	if (buffers_make(v)) {
		pthread_mutex_destroy(&v->lock);
		free(h);
		return NO_MEMORY;
	}
	h->v = v;
	h->d.fd = -1;
	dev_vfio_spaces_init(&h->spaces);
	v->cont_buffers.cleanup_context = h;
	return 0;
}

static int open_with(struct opae_vfio *v, const char *pciaddr, const uint8_t *token)
{
	struct vfio_request rq = { .way = VFIO_WAY_GROUP, .vf_token = token };
	struct vfio_failure why = { .step = VFIO_STEP_NONE };
	char address[PCI_ADDRESS_LEN];
	int code;

	blank(v);
	if (!pciaddr || !long_form(pciaddr, address))
		return NO_DEVICE;
	code = begin(v);
	if (code)
		return code;
	rq.address = address;
	rq.spaces = &hold_of(v)->spaces;
	if (dev_vfio_open(&rq, &why, &hold_of(v)->d))
		code = code_of(why.step);
	else
		code = describe(v, &hold_of(v)->d);
	if (code)
		opae_vfio_close(v);
	return code;
}

int opae_vfio_open(struct opae_vfio *v, const char *pciaddr)
{
	return v ? open_with(v, pciaddr, NULL) : NO_DEVICE;
}

int opae_vfio_secure_open(struct opae_vfio *v, const char *pciaddr, const char *token)
{
	uuid_t guid;

	if (!v)
		return NO_DEVICE;
	blank(v);
	if (!pciaddr)
		return NO_DEVICE;
	if (!token)
		return NO_TOKEN;
	return uuid_parse(token, guid) ? BAD_TOKEN : open_with(v, pciaddr, guid);
}

void opae_vfio_close(struct opae_vfio *v)
{
	struct hold *h = v ? hold_of(v) : NULL;

	if (!h)
		return;
	opae_hash_map_destroy(&v->cont_buffers);
	regions_free(v);
	irqs_free(v);
	for (struct opae_vfio_iova_range *r = v->cont_ranges, *next; r; r = next) {
		next = r->next;
		free(r);
	}
	mem_alloc_destroy(&v->iova_alloc);
	free(v->cont_device);
	free(v->cont_pciaddr);
	free(v->group.group_device);
	dev_vfio_close(&h->d);
	dev_vfio_spaces_done(&h->spaces);
	free(h);
	pthread_mutex_destroy(&v->lock);
	blank(v);
}

/* ---- two devices ---- */

/* In the order of their addresses, so that two threads do not wait for each other. */
int opae_vfio_apply_group_constraint(struct opae_vfio *new_v, struct opae_vfio *v)
{
	struct opae_vfio *first = new_v < v ? new_v : v, *second = new_v < v ? v : new_v;
	int rc;

	if (!new_v || !v)
		return 1;
	if (pthread_mutex_lock(&first->lock))
		return 2;
	if (pthread_mutex_lock(&second->lock)) {
		pthread_mutex_unlock(&first->lock);
		return 2;
	}
	rc = mem_alloc_apply_constraint(&v->iova_alloc, &new_v->iova_alloc);
	pthread_mutex_unlock(&second->lock);
	pthread_mutex_unlock(&first->lock);
	return rc;
}
