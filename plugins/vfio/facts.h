/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is known of a device: who it is, and the objects in it, one FPGA_DEVICE at most and an
 * FPGA_ACCELERATOR for each accelerator. Plain data: the inventory stores it as it is.
 */
#ifndef PLUGINS_VFIO_FACTS_H
#define PLUGINS_VFIO_FACTS_H

#include <opae/types.h>
#include <stdbool.h>
#include <stdint.h>

#define MAX_OBJECTS 9u /* a management engine and eight ports */
#define MAX_MMIO 2u    /* an accelerator's registers, and a signal tap */
#define MAX_BARS 6u
#define NO_VECTOR UINT32_MAX

/* A run of registers. */
struct span {
	uint32_t bar, unused; /* no gaps: facts are compared as bytes */
	uint64_t offset, size; /* bytes; size 0: there is none */
};

struct object {
	fpga_objtype type;
	fpga_guid guid; /* the accelerator's; of an FPGA_DEVICE the reconfiguration interface's */
	uint32_t num_mmio;
	struct span mmio[MAX_MMIO];
	struct span head; /* the FME's or the port's list of features; size 0: BAR0 is the accelerator */
	uint32_t first_vector, num_interrupts;
	uint32_t error_vector, unused; /* NO_VECTOR: errors come without */
	uint64_t errors;       /* offset of the error feature in head's BAR; 0: there is none */
	uint32_t port;	       /* number; of an accelerator with a port */
	uint32_t num_slots;    /* of an FPGA_DEVICE, as the next two */
	uint64_t bitstream_id, bitstream_metadata;
};

/* Where an object is tells which it is; what it is may have changed. */
static inline bool object_same_place(const struct object *a, const struct object *b)
{
	return a->type == b->type && a->head.bar == b->head.bar && a->head.offset == b->head.offset;
}

/* Whose word it is what is in a device. */
enum facts_source {
	FACTS_READ,	 /* its registers' */
	FACTS_GIVEN,	 /* the configuration's, of all of BAR0 */
	FACTS_SIMULATED, /* its registers', but that there is a card */
};

struct facts {
	uint16_t vendor, device, subsystem_vendor, subsystem_device;
	uint32_t vectors; /* interrupt vectors of the device, MSI-X or else MSI */
	uint32_t given;	  /* enum facts_source */
	uint32_t unused;
	uint32_t num_objects;
	struct object objects[MAX_OBJECTS];
	char defect[120]; /* the first thing that was wrong with its registers, or "" */
};

#endif
