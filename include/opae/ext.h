/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef OPAE_EXT_H
#define OPAE_EXT_H

#include <opae/properties.h>
#include <opae/remote.h>
#include <opae/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * @file ext.h
 * @brief What this library offers beyond OPAE. Everything begins with opaex_.
 */

/**
 * Why the last call of this thread that failed did so: one line of text that names the thing and,
 * where there is one, the fix. Never NULL; "" when none failed so far. Good until the thread's next
 * call of the API.
 */
const char *opaex_error_detail(void);

/**
 * fpgaOpen() without the accelerator's children: for who looks at registers, and for who opens the
 * children himself. The handle has none, and its buffers are its own alone.
 * @return as fpgaOpen()
 */
fpga_result opaex_open_alone(fpga_token token, fpga_handle *handle, int flags);

/** How the accesses to an MMIO region are made. */
enum opaex_mmio_flags {
	OPAEX_MMIO_MAPPED = 1u << 0,  /**< all of it is memory: nanoseconds, and by pointer */
	OPAEX_MMIO_TRAPPED = 1u << 1, /**< some or all accesses are messages: microseconds */
	OPAEX_MMIO_READ = 1u << 2,
	OPAEX_MMIO_WRITE = 1u << 3,
};

/** An MMIO region. */
struct opaex_mmio_info {
	uint64_t size;  /**< bytes */
	uint32_t flags; /**< of enum opaex_mmio_flags */
	uint32_t reserved;
};

/* A structure and a function of one name, as stat is: C++ warns of it when it is asked to. */
#if defined(__cplusplus) && defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#endif

/** @return FPGA_OK; FPGA_INVALID_PARAM; FPGA_NOT_SUPPORTED */
fpga_result opaex_mmio_info(fpga_handle handle, uint32_t mmio_num, struct opaex_mmio_info *info);

#if defined(__cplusplus) && defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

/**
 * Stops the device from reaching memory, until fpgaReset().
 * @return FPGA_OK; FPGA_INVALID_PARAM; FPGA_NOT_SUPPORTED; FPGA_EXCEPTION
 */
fpga_result opaex_quiesce(fpga_handle handle);

/**
 * Gives a buffer of another handle of this process to an accelerator as well, at the IO address that it has
 * there: what fpgaPrepareBuffer() does by itself for the children of an accelerator with several ports. For
 * who opens the children himself (opaex_open_alone()); he takes the buffer back from each before he releases
 * it.
 *
 * @param buf    the buffer as fpgaPrepareBuffer() returned it
 * @param len    bytes, as they were asked for
 * @param ioaddr bytes, as fpgaGetIOAddress() tells
 * @return FPGA_OK; FPGA_INVALID_PARAM: no such buffer, or not one that this accelerator can be given;
 *         FPGA_BUSY: the address is in use there; FPGA_NO_MEMORY; FPGA_NOT_SUPPORTED; FPGA_EXCEPTION
 */
fpga_result opaex_pin_buffer(fpga_handle handle, void *buf, uint64_t len, uint64_t ioaddr);

/** Takes it back. @return FPGA_OK; FPGA_INVALID_PARAM; FPGA_NOT_SUPPORTED; FPGA_EXCEPTION */
fpga_result opaex_unpin_buffer(fpga_handle handle, void *buf, uint64_t len, uint64_t ioaddr);

/** A plugin that the configuration names. The texts are good until the process ends. */
struct opaex_plugin {
	const char *name;        /**< as in the configuration */
	const char *file;        /**< what was loaded, or should have been */
	const char *description; /**< one line of the plugin's own */
	const char *state;       /**< "ready", "failed" or "disabled" */
	const char *reason;      /**< why it is not ready, or "" */
	uint32_t abi_major, abi_minor;
};

/** How many there are, working or not. */
uint32_t opaex_plugin_count(void);
/** @return FPGA_OK; FPGA_INVALID_PARAM; FPGA_NOT_FOUND: no such index */
fpga_result opaex_plugin_get(uint32_t index, struct opaex_plugin *plugin);

/**
 * The "configuration" that the plugin with this index was given: JSON text, "{}" when there was none,
 * "" when there is no such plugin. Good until the process ends.
 */
const char *opaex_plugin_configuration(uint32_t index);

/** Path of the configuration in force; "" for what is built in. */
const char *opaex_config_path(void);

/**
 * Why a configuration file that comes first in the search is not the one in force: it is broken, or
 * may not be read. One line that names the file; "" when nothing is wrong. Good until the library is
 * initialized again.
 */
const char *opaex_config_problem(void);

#ifdef __cplusplus
}
#endif

#endif
