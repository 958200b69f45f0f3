/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef OPAE_INIT_H
#define OPAE_INIT_H

#include <opae/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Loads and initializes the plugins that a configuration names. It runs by itself before main(),
 * unless the environment variable OPAE_EXPLICIT_INITIALIZE is set. It opens no device. A plugin
 * that cannot be used costs the others nothing; `opae plugins` shows why.
 *
 * @param config_file path of the configuration, or NULL to search for it (opae.cfg(5))
 * @return FPGA_OK also when it was initialized before, when plugins failed and when there is no
 *         device; FPGA_NO_MEMORY
 */
fpga_result fpgaInitialize(const char *config_file);

/**
 * Closes every handle, destroys every token, object, event handle and properties object, and
 * finalizes the plugins. Harmless when not initialized.
 *
 * @return FPGA_OK, or FPGA_EXCEPTION when a plugin failed to finalize
 */
fpga_result fpgaFinalize(void);

#ifdef __cplusplus
}
#endif

#endif
