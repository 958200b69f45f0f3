/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of the plugin share: the instance, tokens, handles. */
#ifndef PLUGINS_VFIO_VFIO_H
#define PLUGINS_VFIO_VFIO_H

#include <opae/plugin.h>
#include <pthread.h>

#include "plugins/vfio/buffer.h"
#include "plugins/vfio/device.h"

#define MAX_MMIO 1u
#define MAX_VECTORS 2048u

/* Where a device is. */
struct place {
	char path[VDEV_PATH_MAX];
	uint16_t segment;
	uint8_t bus, device, function;
};

/* What a look at a device has told. */
struct facts {
	bool known; /* the rest is valid; false: it was held whenever we looked */
	uint16_t vendor, device, subsystem_vendor, subsystem_device;
	fpga_guid guid;
	uint32_t num_mmio, num_interrupts;
};

struct known_device;
struct handle;

struct instance {
	/* Configuration, constant after configure. */
	struct place *places;
	size_t num_places;
	bool scans; /* no sockets were named: the emulator directory is looked at instead */
	int64_t call_ns, spin_ns;

	pthread_mutex_t lock;       /* guards the next two */
	struct known_device *known; /* what was learned of devices in this process */
	struct handle *open;        /* devices that this process holds */
};

struct token {
	struct instance *inst;
	struct place place;
	struct facts facts;
	fpga_accelerator_state state;
	int64_t looked_at; /* when state was found out */
};

/*
 * An MMIO region as the read and write functions see it. The window is the part that is mapped;
 * an access inside it is one load or store.
 */
struct mmio {
	uint64_t size;
	uint64_t window, window_len; /* offset and bytes; window_len 0: nothing is mapped */
	uint8_t *at;                 /* of the window */
	uint32_t region;             /* VFIO index */
	struct vdev_region *map;     /* all mapped parts; away from here, so that this stays small */
};

struct event {
	int fd;
	_Atomic unsigned int refs;
};

struct handle {
	struct vdev *dev;
	struct mmio mmio[MAX_MMIO];
	uint32_t num_mmio;
	bool avx512;

	struct token token; /* a copy: what was opened */
	struct handle *next_open;
	struct buffers buffers;

	pthread_mutex_t event_lock; /* guards the next three */
	struct event **vectors;     /* what each vector is bound to; NULL: nothing */
	uint32_t num_vectors;
	int sink; /* eventfd for vectors that had an event once; -1: not made yet */
};

/* Sets the reason and returns the code. */
fpga_result say(fpga_result r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The same for a negative errno of the device: its own words follow. */
fpga_result say_device(struct vdev *d, int rc, const char *what);
void debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
const struct opae_host *vfio_host(void);

/* config.c: 0, or a result with the reason set. */
fpga_result config_read(const char *json, struct instance *inst);

/* places.c: where to look. The caller frees. */
int places_list(struct instance *inst, struct place **ret, size_t *n);
bool place_parse_address(const char *text, struct place *p);

/* look.c: finds out about a device by opening it for a moment. */
void look_at(struct instance *inst, const struct place *p, struct token *ret);
bool look_was_device(const struct token *t); /* something is there */
fpga_accelerator_state look_state(struct instance *inst, const struct place *p);
int look_read_facts(struct vdev *d, struct facts *ret);
void look_forget_all(struct instance *inst);
/* Connects; one that is held only for a look by somebody else is tried again for patience_ns. */
int look_open(struct instance *inst, const char *path, struct vdev_options *opt,
	      int64_t patience_ns, char *why, size_t why_len, struct vdev **ret);

/* The functions of the table. */
fpga_result vfio_enumerate(void *instance, const fpga_properties *filters, uint32_t num_filters,
			   fpga_token *tokens, uint32_t max_tokens, uint32_t *num_matches);
fpga_result vfio_clone_token(fpga_token src, fpga_token *dst);
fpga_result vfio_destroy_token(fpga_token *token);
fpga_result vfio_get_properties(fpga_token token, fpga_properties *prop);
fpga_result vfio_update_properties(fpga_token token, fpga_properties prop);
bool vfio_same_token(fpga_token a, fpga_token b);
fpga_result vfio_open(fpga_token token, fpga_handle *handle, int flags);
fpga_result vfio_close(fpga_handle handle);
fpga_result vfio_reset(fpga_handle handle);
fpga_result vfio_quiesce(fpga_handle handle);
fpga_result vfio_properties_from_handle(fpga_handle handle, fpga_properties *prop);
fpga_result vfio_read64(fpga_handle handle, uint32_t num, uint64_t offset, uint64_t *value);
fpga_result vfio_read32(fpga_handle handle, uint32_t num, uint64_t offset, uint32_t *value);
fpga_result vfio_write64(fpga_handle handle, uint32_t num, uint64_t offset, uint64_t value);
fpga_result vfio_write32(fpga_handle handle, uint32_t num, uint64_t offset, uint32_t value);
fpga_result vfio_write512(fpga_handle handle, uint32_t num, uint64_t offset, const void *value);
fpga_result vfio_map_mmio(fpga_handle handle, uint32_t num, uint64_t **ptr);
fpga_result vfio_unmap_mmio(fpga_handle handle, uint32_t num);
fpga_result vfio_mmio_info(fpga_handle handle, uint32_t num, struct opaex_mmio_info *info);
fpga_result vfio_prepare_buffer(fpga_handle handle, uint64_t len, void **buf, uint64_t *wsid,
				int flags);
fpga_result vfio_release_buffer(fpga_handle handle, uint64_t wsid);
fpga_result vfio_get_ioaddress(fpga_handle handle, uint64_t wsid, uint64_t *ioaddr);
fpga_result vfio_get_ws_info(fpga_handle handle, uint64_t wsid, uint64_t *ioaddr, void **buf,
			     uint64_t *len);
fpga_result vfio_create_event(void *instance, fpga_event_handle *eh);
fpga_result vfio_destroy_event(fpga_event_handle *eh);
fpga_result vfio_event_fd(const fpga_event_handle eh, int *fd);
fpga_result vfio_register_event(fpga_handle handle, fpga_event_type type, fpga_event_handle eh,
				uint32_t flags);
fpga_result vfio_unregister_event(fpga_handle handle, fpga_event_type type, fpga_event_handle eh);

int mmio_init(struct handle *h);
void mmio_done(struct handle *h);
int events_init(struct handle *h);
void events_done(struct handle *h);

#endif
