/* SPDX-License-Identifier: BSD-3-Clause */
/* What an FME or a port says of itself, read at one moment. */
#ifndef PLUGINS_LOCAL_SNAPSHOT_H
#define PLUGINS_LOCAL_SNAPSHOT_H

#include "plugins/local/local.h"

/* What the devices of one card have in common, so that it is read once for all of them. */
struct card {
	char address[PCI_ADDRESS_LEN]; /* "": nothing was read yet */
	struct pci_id id;
	int id_rc; /* why the ids are not known; 0: they are */
	uint8_t socket_id;
};

/* Reads the card of a device, unless that is what was read last. */
void snapshot_read_card(const struct dfl_device *d, struct card *card);
/* Reads all of a device. A card of another address than the device's is read anew. */
void snapshot_read(struct instance *inst, const struct dfl_device *d, struct card *card,
		   struct snapshot *ret);
/* Of an FME no more than how many slots it has, and what a bitstream for them must have been made for. */
void snapshot_read_slots(const struct dfl_device *fme, struct snapshot *ret);
/* Into a properties object. */
fpga_result snapshot_write(const struct snapshot *s, fpga_properties prop);
/* Stable across runs: made of the card's address and which of its devices it is. */
uint64_t snapshot_object_id(const struct dfl_device *d, uint32_t port);

#endif
