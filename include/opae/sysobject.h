/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef OPAE_SYSOBJECT_H
#define OPAE_SYSOBJECT_H

#include <opae/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * @file sysobject.h
 * @brief Values that a device shows in sysfs, by name.
 *
 * Names are relative, with '/' between the parts; they contain no ".." and do not begin with '.'
 * or '/'. Objects are destroyed by the caller. One that came from a handle is invalid once the
 * handle is closed. All calls return FPGA_OK; FPGA_INVALID_PARAM; FPGA_NOT_FOUND; FPGA_NO_ACCESS;
 * FPGA_NO_MEMORY; FPGA_NOT_SUPPORTED; FPGA_EXCEPTION. flags are of enum fpga_sysobject_flags.
 */

/** An object of a token; it can be read but not written. */
fpga_result fpgaTokenGetObject(fpga_token token, const char *name, fpga_object *object, int flags);
/** An object of a handle; it can be written too. */
fpga_result fpgaHandleGetObject(fpga_handle handle, const char *name, fpga_object *object,
				int flags);
/** An object inside a container. */
fpga_result fpgaObjectGetObject(fpga_object parent, const char *name, fpga_object *object,
				int flags);
/** The idx-th loaded child of a container. */
fpga_result fpgaObjectGetObjectAt(fpga_object parent, size_t idx, fpga_object *object);
/** Container or attribute. */
fpga_result fpgaObjectGetType(fpga_object obj, enum fpga_sysobject_type *type);
/** Destroys an object; FPGA_INVALID_PARAM when it was destroyed before. */
fpga_result fpgaDestroyObject(fpga_object *object);
/** Bytes of an attribute, or number of loaded children of a container. */
fpga_result fpgaObjectGetSize(fpga_object obj, uint32_t *value, int flags);
/** Copies len bytes from offset on. */
fpga_result fpgaObjectRead(fpga_object obj, uint8_t *buffer, size_t offset, size_t len, int flags);
/** Reads a number: text in any C notation, or 8 bytes with FPGA_OBJECT_RAW. */
fpga_result fpgaObjectRead64(fpga_object obj, uint64_t *value, int flags);
/** Writes a number. */
fpga_result fpgaObjectWrite64(fpga_object obj, uint64_t value, int flags);

#ifdef __cplusplus
}
#endif

#endif
