/* SPDX-License-Identifier: BSD-3-Clause */
/* v-opae's own part beside the core: what its configuration says, and where devices are. */
#ifndef PLUGINS_VFIO_V_OPAE_H
#define PLUGINS_VFIO_V_OPAE_H

#include "dev/pci-rule.h"
#include "plugins/vfio/vfio.h"

/* Which devices behind the kernel's vfio-pci are ours. */
struct rule {
	struct pci_rule which;
	bool has_guid, has_token;
	fpga_guid guid;
	uint8_t vf_token[16];
};

struct v_opae {
	struct instance core;
	/* Configuration, constant after configure. */
	struct place *places;
	size_t num_places;
	bool scans; /* no sockets were named: the emulator directory is looked at instead */
	struct rule *rules; /* for the kernel's devices */
	size_t num_rules;
	bool known_ids; /* no devices were named: those are ours whose ids are known as FPGAs' */
	enum vfio_way kernel_way;

	struct vfio_spaces spaces;
};

static inline struct v_opae *v_opae_of(struct instance *inst)
{
	return (struct v_opae *)inst;
}

/* config.c: 0, or a result with the reason set. */
fpga_result config_read(const char *json, struct v_opae *v);

/* config-devices.c: "devices". */
struct json_object;
fpga_result config_devices(struct v_opae *v, struct json_object *list);

/* places.c: as struct plugin_ways has it. */
int places_list(struct instance *inst, struct place **ret, size_t *n);

/* vf-token.c: opens a device behind the kernel. A virtual function is opened with the token that this
 * user's processes share, unless the configuration gives another. */
int kernel_open(struct v_opae *v, const struct place *p, struct vdev_options *opt, char *why,
		size_t why_len, struct vdev **ret);

#endif
