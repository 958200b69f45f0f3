/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the core's files share: the instance, tokens, handles. The core is all of a plugin that drives
 * accelerators the VFIO way but where they are and how they are reached: this plugin's (v-opae.h), or that of
 * simulations (plugins/ase).
 */
#ifndef PLUGINS_VFIO_VFIO_H
#define PLUGINS_VFIO_VFIO_H

#include <opae/plugin.h>
#include <pthread.h>

#include "dev/pci.h"
#include "plugins/vfio/buffer.h"
#include "plugins/vfio/device.h"
#include "plugins/vfio/facts.h"

#define MAX_VECTORS 2048u

/* Where a device is, and what the configuration says of it. */
struct place {
	char path[VDEV_PATH_MAX]; /* its socket; of one behind the kernel's vfio-pci its address */
	bool kernel;
	bool simulated; /* registers alone: there is no card, and its FPGA_DEVICE is made up */
	uint16_t segment;
	uint8_t bus, device, function;
	uint8_t socket_id; /* NUMA node; 0xff: none is near, or it is not known */
	bool has_guid, has_token;
	fpga_guid guid;	      /* what is all of BAR0, whose registers need not tell */
	uint8_t vf_token[16]; /* of its physical function */
};

struct card;
struct inventory;
struct instance;

/* What the core asks the plugin. */
struct plugin_ways {
	/* Where to look. The caller frees. */
	int (*list)(struct instance *inst, struct place **ret, size_t *n);
	/* Opens the device by the way that leads to it. As vdev_ops' open. */
	int (*open)(struct instance *inst, const struct place *p, struct vdev_options *opt, char *why,
		    size_t why_len, struct vdev **ret);
	/*
	 * A server that is silent for so long is held, or slow: nothing tells them apart but patience. One
	 * that answered once, or was held before, gets look_ns. Of one that never answered nothing is known
	 * but that it is there, so no program finds its accelerators: it has first_word_ns for its first
	 * word, which a busy machine may take, and first_look_ns for each that follows.
	 */
	int64_t first_word_ns, first_look_ns, look_ns;
	int64_t budget_ns; /* for all that is read of one to know what it is; see facts_budget() */
};

/* The plugin's own begins with it. */
struct instance {
	/* Constant after configure. */
	const struct plugin_ways *ways;
	int64_t call_ns, spin_ns;

	struct inventory *inventory;
	pthread_mutex_t lock; /* guards the next */
	struct card *cards;   /* devices that this process holds */
};

/* Facts that tokens share; they never change. */
struct shared_facts {
	_Atomic unsigned int refs;
	struct facts f;
};

struct token {
	struct instance *inst;
	struct place place;
	struct shared_facts *facts; /* NULL: the device was held whenever we looked */
	uint32_t object;	    /* of the facts */
	bool held;	   /* by another process, */
	int64_t looked_at; /* when that was found out */
};

/*
 * An MMIO region as the read and write functions see it. The window is the part that is mapped;
 * an access inside it is one load or store.
 */
struct mmio {
	uint64_t size;
	uint64_t window, window_len; /* offset and bytes; window_len 0: nothing is mapped */
	uint8_t *at;		     /* of the window */
	uint64_t base;		     /* of the region in its BAR */
	uint32_t bar;
	const struct vdev_region *map; /* the BAR's mapped parts */
};

struct event {
	int fd;
	_Atomic unsigned int refs;
};

struct handle {
	struct vdev *dev; /* the card's */
	struct mmio mmio[MAX_MMIO];
	uint32_t num_mmio;
	bool avx512;

	struct card *card;
	struct object object; /* a copy: what was opened */
	struct token token;
	bool shared;
	const struct handle *parent; /* of an accelerator's child: its parent, which is closed later */
	struct handle *next;	     /* of the card's */
};

/* Sets the reason and returns the code. */
fpga_result say(fpga_result r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The same for a negative errno of the device: its own words follow. */
fpga_result say_device(struct vdev *d, int rc, const char *what);
void debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* For the user's eyes: what no call's result can tell. */
void core_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
const struct opae_host *vfio_host(void);

/* core.c: takes the host's services, once; name: in the log. */
void core_begin(opae_api_adapter_table *table, const char *name);
/* The table but for its beginning and end, which call the next two. */
void core_fill(opae_api_adapter_table *table, struct instance *inst);
int core_initialize(struct instance *inst, bool alone); /* inventory_new_private() */
void core_finalize(struct instance *inst);

static inline void place_set_address(struct place *p, const struct pci_address *a)
{
	p->segment = a->segment;
	p->bus = a->bus;
	p->device = a->device;
	p->function = a->function;
}

/* token.c */
struct shared_facts *facts_share(const struct facts *f); /* a copy with one reference; NULL: no memory */
struct shared_facts *facts_ref(struct shared_facts *s);	 /* NULL is fine, here and below */
void facts_unref(struct shared_facts *s);
const struct object *token_object(const struct token *t); /* NULL: nothing is known */

/* The functions of the table. */
fpga_result vfio_enumerate(void *instance, const fpga_properties *filters, uint32_t num_filters,
			   fpga_token *tokens, uint32_t max_tokens, uint32_t *num_matches);
fpga_result vfio_clone_token(fpga_token src, fpga_token *dst);
fpga_result vfio_destroy_token(fpga_token *token);
fpga_result vfio_get_properties(fpga_token token, fpga_properties *prop);
fpga_result vfio_update_properties(fpga_token token, fpga_properties prop);
fpga_result vfio_parent_of(fpga_token token, fpga_token *parent);
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
fpga_result vfio_mmio_window(fpga_handle handle, uint32_t num, struct opae_mmio_window *window);
fpga_result vfio_mmio_info(fpga_handle handle, uint32_t num, struct opaex_mmio_info *info);
fpga_result vfio_prepare_buffer(fpga_handle handle, uint64_t len, void **buf, uint64_t *wsid,
				int flags);
fpga_result vfio_release_buffer(fpga_handle handle, uint64_t wsid);
fpga_result vfio_get_ioaddress(fpga_handle handle, uint64_t wsid, uint64_t *ioaddr);
fpga_result vfio_pin_buffer(fpga_handle handle, void *buf, uint64_t len, uint64_t ioaddr);
fpga_result vfio_unpin_buffer(fpga_handle handle, void *buf, uint64_t len, uint64_t ioaddr);
fpga_result vfio_get_ws_info(fpga_handle handle, uint64_t wsid, uint64_t *ioaddr, void **buf,
			     uint64_t *len);
fpga_result vfio_create_event(void *instance, fpga_event_handle *eh);
fpga_result vfio_destroy_event(fpga_event_handle *eh);
fpga_result vfio_event_fd(const fpga_event_handle eh, int *fd);
fpga_result vfio_register_event(fpga_handle handle, fpga_event_type type, fpga_event_handle eh,
				uint32_t flags);
fpga_result vfio_unregister_event(fpga_handle handle, fpga_event_type type, fpga_event_handle eh);

fpga_result vfio_read_error(fpga_token token, uint32_t n, uint64_t *value);
fpga_result vfio_clear_error(fpga_token token, uint32_t n);
fpga_result vfio_clear_all_errors(fpga_token token);
fpga_result vfio_get_error_info(fpga_token token, uint32_t n, struct fpga_error_info *info);
fpga_result vfio_token_get_object(fpga_token token, const char *name, fpga_object *object,
				  int flags);
fpga_result vfio_handle_get_object(fpga_handle handle, const char *name, fpga_object *object,
				   int flags);
fpga_result vfio_object_get_object(fpga_object parent, const char *name, fpga_object *object,
				   int flags);
fpga_result vfio_object_get_object_at(fpga_object parent, size_t i, fpga_object *object);
fpga_result vfio_destroy_object(fpga_object *object);
fpga_result vfio_object_get_type(fpga_object object, enum fpga_sysobject_type *type);
fpga_result vfio_object_get_size(fpga_object object, uint32_t *size, int flags);
fpga_result vfio_object_read(fpga_object object, uint8_t *buffer, size_t offset, size_t len,
			     int flags);
fpga_result vfio_object_read64(fpga_object object, uint64_t *value, int flags);
fpga_result vfio_object_write64(fpga_object object, uint64_t value, int flags);

/* mmio.c: gives the handle a region; the BAR's description must outlive the handle. */
void mmio_add(struct handle *h, const struct span *where, const struct vdev_region *bar);

#endif
