/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef OPAE_PROPERTIES_H
#define OPAE_PROPERTIES_H

#include <opae/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * @file properties.h
 * @brief Properties of devices and accelerators; filters of fpgaEnumerate().
 *
 * Getters return FPGA_OK; FPGA_INVALID_PARAM: not a properties object, a NULL pointer, or a field
 * of the other object type (also while no type is set); FPGA_NOT_FOUND: the field is not set.
 * Setters return FPGA_OK or FPGA_INVALID_PARAM likewise. All calls may come from several threads.
 */

/**
 * Properties of an open device or accelerator, read anew.
 * @param prop receives an object; give it back to fpgaDestroyProperties()
 * @return FPGA_OK; FPGA_INVALID_PARAM; FPGA_NO_MEMORY; FPGA_EXCEPTION
 */
fpga_result fpgaGetPropertiesFromHandle(fpga_handle handle, fpga_properties *prop);
/** Properties of what a token names; a NULL token yields an empty object, to be used as filter. */
fpga_result fpgaGetProperties(fpga_token token, fpga_properties *prop);
/** Fills an existing object anew; everything that was set before is dropped. */
fpga_result fpgaUpdateProperties(fpga_token token, fpga_properties prop);
/** Unsets every field. */
fpga_result fpgaClearProperties(fpga_properties prop);
/** An independent copy. */
fpga_result fpgaCloneProperties(fpga_properties src, fpga_properties *dst);
/** Destroys an object and sets the variable to NULL. */
fpga_result fpgaDestroyProperties(fpga_properties *prop);

/** The FPGA_DEVICE of an accelerator. The token stays the library's: do not destroy it. */
fpga_result fpgaPropertiesGetParent(const fpga_properties prop, fpga_token *parent);
fpga_result fpgaPropertiesSetParent(fpga_properties prop, fpga_token parent);
/** Setting another type unsets the fields that only the former one has. */
fpga_result fpgaPropertiesGetObjectType(const fpga_properties prop, fpga_objtype *objtype);
fpga_result fpgaPropertiesSetObjectType(fpga_properties prop, fpga_objtype objtype);
/** Id of the accelerator; of an FPGA_DEVICE the id of its reconfiguration interface. */
fpga_result fpgaPropertiesGetGUID(const fpga_properties prop, fpga_guid *guid);
fpga_result fpgaPropertiesSetGUID(fpga_properties prop, fpga_guid guid);

/** PCI segment (domain). */
fpga_result fpgaPropertiesGetSegment(const fpga_properties prop, uint16_t *segment);
fpga_result fpgaPropertiesSetSegment(fpga_properties prop, uint16_t segment);
/** PCI bus. */
fpga_result fpgaPropertiesGetBus(const fpga_properties prop, uint8_t *bus);
fpga_result fpgaPropertiesSetBus(fpga_properties prop, uint8_t bus);
/** PCI device, 0 to 31. */
fpga_result fpgaPropertiesGetDevice(const fpga_properties prop, uint8_t *device);
fpga_result fpgaPropertiesSetDevice(fpga_properties prop, uint8_t device);
/** PCI function, 0 to 7; others are FPGA_INVALID_PARAM. */
fpga_result fpgaPropertiesGetFunction(const fpga_properties prop, uint8_t *function);
fpga_result fpgaPropertiesSetFunction(fpga_properties prop, uint8_t function);
/** NUMA node that the device is nearest to. */
fpga_result fpgaPropertiesGetSocketID(const fpga_properties prop, uint8_t *socket_id);
fpga_result fpgaPropertiesSetSocketID(fpga_properties prop, uint8_t socket_id);
/** PCI vendor id. */
fpga_result fpgaPropertiesGetVendorID(const fpga_properties prop, uint16_t *vendor_id);
fpga_result fpgaPropertiesSetVendorID(fpga_properties prop, uint16_t vendor_id);
/** PCI device id. */
fpga_result fpgaPropertiesGetDeviceID(const fpga_properties prop, uint16_t *device_id);
fpga_result fpgaPropertiesSetDeviceID(fpga_properties prop, uint16_t device_id);
/** PCI subsystem vendor id. */
fpga_result fpgaPropertiesGetSubsystemVendorID(const fpga_properties prop, uint16_t *subsystem_vendor_id);
fpga_result fpgaPropertiesSetSubsystemVendorID(fpga_properties prop, uint16_t subsystem_vendor_id);
/** PCI subsystem device id. */
fpga_result fpgaPropertiesGetSubsystemDeviceID(const fpga_properties prop, uint16_t *subsystem_device_id);
fpga_result fpgaPropertiesSetSubsystemDeviceID(fpga_properties prop, uint16_t subsystem_device_id);
/** Number of the object, the same in every run. */
fpga_result fpgaPropertiesGetObjectID(const fpga_properties prop, uint64_t *object_id);
fpga_result fpgaPropertiesSetObjectID(fpga_properties prop, uint64_t object_id);
/** Error registers; see error.h. */
fpga_result fpgaPropertiesGetNumErrors(const fpga_properties prop, uint32_t *num_errors);
fpga_result fpgaPropertiesSetNumErrors(fpga_properties prop, uint32_t num_errors);
/** By what interface the host of the device reaches it. */
fpga_result fpgaPropertiesGetInterface(const fpga_properties prop, fpga_interface *interface);
fpga_result fpgaPropertiesSetInterface(fpga_properties prop, fpga_interface interface);

/* FPGA_DEVICE alone */
/** Slots that can be reconfigured. */
fpga_result fpgaPropertiesGetNumSlots(const fpga_properties prop, uint32_t *num_slots);
fpga_result fpgaPropertiesSetNumSlots(fpga_properties prop, uint32_t num_slots);
/** Id of the static part of the FPGA. */
fpga_result fpgaPropertiesGetBBSID(const fpga_properties prop, uint64_t *bbs_id);
fpga_result fpgaPropertiesSetBBSID(fpga_properties prop, uint64_t bbs_id);
/** Its version. */
fpga_result fpgaPropertiesGetBBSVersion(const fpga_properties prop, fpga_version *bbs_version);
fpga_result fpgaPropertiesSetBBSVersion(fpga_properties prop, fpga_version bbs_version);

/* FPGA_ACCELERATOR alone */
/** Open somewhere, or free. */
fpga_result fpgaPropertiesGetAcceleratorState(const fpga_properties prop, fpga_accelerator_state *state);
fpga_result fpgaPropertiesSetAcceleratorState(fpga_properties prop, fpga_accelerator_state state);
/** MMIO regions. */
fpga_result fpgaPropertiesGetNumMMIO(const fpga_properties prop, uint32_t *mmio_spaces);
fpga_result fpgaPropertiesSetNumMMIO(fpga_properties prop, uint32_t mmio_spaces);
/** Interrupts. */
fpga_result fpgaPropertiesGetNumInterrupts(const fpga_properties prop, uint32_t *num_interrupts);
fpga_result fpgaPropertiesSetNumInterrupts(fpga_properties prop, uint32_t num_interrupts);

/* In OPAE's API, and never filled by a plugin of it: always FPGA_NOT_SUPPORTED. */
fpga_result fpgaPropertiesGetModel(const fpga_properties prop, char *model);
fpga_result fpgaPropertiesSetModel(fpga_properties prop, char *model);
fpga_result fpgaPropertiesGetLocalMemorySize(const fpga_properties prop, uint64_t *lms);
fpga_result fpgaPropertiesSetLocalMemorySize(fpga_properties prop, uint64_t lms);
fpga_result fpgaPropertiesGetCapabilities(const fpga_properties prop, uint64_t *capabilities);
fpga_result fpgaPropertiesSetCapabilities(fpga_properties prop, uint64_t capabilities);

/** Longest host name, the NUL included. */
#define OPAEX_HOSTNAME_MAX 256
/**
 * The host that a remote device is at; not set for a local one. An extension of this library.
 * @param len room in hostname, the NUL included; FPGA_INVALID_PARAM when it does not fit
 */
fpga_result fpgaPropertiesGetHostname(const fpga_properties prop, char *hostname, size_t len);
fpga_result fpgaPropertiesSetHostname(fpga_properties prop, const char *hostname);

#ifdef __cplusplus
}
#endif

#endif
