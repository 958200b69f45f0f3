/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef OPAE_SYSOBJECT_H
#define OPAE_SYSOBJECT_H

#include <opae/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * @file sysobject.h
 * @brief Values that a device shows in sysfs, by name: attributes, and the containers (folders) that
 * they are in.
 *
 * Names are relative to the device's folder, with '/' between the parts; they contain no ".." and do
 * not begin with '.' or '/'. No symbolic link is followed: what is reached is the device's own.
 *
 * Objects are destroyed by the caller. One that came from a handle is invalid once the handle is
 * closed.
 *
 * flags are of enum fpga_sysobject_flags:
 * - FPGA_OBJECT_GLOB: the name is a pattern, as of fnmatch(3), part by part. One that stands for
 *   several objects gives a container of them, by name. A part "**" with something behind it, which
 *   can be there once, stands for one to five folders: the fewest that lead to something count, and
 *   of what they lead to the first.
 * - FPGA_OBJECT_RECURSE_ONE, FPGA_OBJECT_RECURSE_ALL: load what is in a container, or in all below it
 *   to a depth of 16. Without them the container is there, but nothing of it is loaded.
 * - FPGA_OBJECT_SYNC: an attribute is read anew. Otherwise counts what was read when the object was
 *   made or written.
 * - FPGA_OBJECT_RAW: eight bytes as they are, instead of text.
 *
 * All calls return FPGA_OK; FPGA_INVALID_PARAM: also for a container where an attribute is wanted, and
 * the other way round; FPGA_NOT_FOUND: also when the device has gone; FPGA_NO_ACCESS: this user may not
 * read or write it, or nobody; FPGA_NO_MEMORY; FPGA_NOT_SUPPORTED: the device has no such objects;
 * FPGA_BUSY: the device refuses it for now; FPGA_EXCEPTION: the driver failed, the device of a handle
 * has gone, or an attribute has more than 4 MiB. One call loads at most 4096 objects and 64 MiB; a name
 * that stands for more is FPGA_INVALID_PARAM.
 */

/** An object of a token; it can be read but not written. */
fpga_result fpgaTokenGetObject(fpga_token token, const char *name, fpga_object *object, int flags);
/** An object of a handle; it can be written too. */
fpga_result fpgaHandleGetObject(fpga_handle handle, const char *name, fpga_object *object,
				int flags);
/** An object inside a container. In a container that a pattern gave, the name is relative to the folder that
 * stands before the pattern's first wildcard. */
fpga_result fpgaObjectGetObject(fpga_object parent, const char *name, fpga_object *object,
				int flags);
/** A copy of the idx-th loaded child of a container, with all that is loaded below it; destroyed by
 * itself. */
fpga_result fpgaObjectGetObjectAt(fpga_object parent, size_t idx, fpga_object *object);
/** Container or attribute. */
fpga_result fpgaObjectGetType(fpga_object obj, enum fpga_sysobject_type *type);
/** Destroys an object; FPGA_INVALID_PARAM when it was destroyed before. */
fpga_result fpgaDestroyObject(fpga_object *object);
/** Bytes of an attribute, or number of loaded children of a container: 0 of one that is empty, or was
 * not loaded. */
fpga_result fpgaObjectGetSize(fpga_object obj, uint32_t *value, int flags);
/** Copies len bytes from offset on; FPGA_INVALID_PARAM when the attribute ends before. */
fpga_result fpgaObjectRead(fpga_object obj, uint8_t *buffer, size_t offset, size_t len, int flags);
/** Reads a number: text in any C notation, of which nothing counts behind the first white space;
 * FPGA_INVALID_PARAM when it is none. With FPGA_OBJECT_RAW the first 8 bytes, with zeros for those that
 * are not there. */
fpga_result fpgaObjectRead64(fpga_object obj, uint64_t *value, int flags);
/** Writes a number: as text ("0x..."), or 8 bytes with FPGA_OBJECT_RAW. FPGA_INVALID_PARAM also when the
 * object came from a token, or the driver refuses the value. */
fpga_result fpgaObjectWrite64(fpga_object obj, uint64_t value, int flags);

#ifdef __cplusplus
}
#endif

#endif
