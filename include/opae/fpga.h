/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef OPAE_FPGA_H
#define OPAE_FPGA_H

/**
 * @file fpga.h
 * @brief The whole OPAE C API. Extensions of this library are in opae/ext.h.
 */
#include <opae/log.h>

#include <opae/access.h>
#include <opae/buffer.h>
#include <opae/enum.h>
#include <opae/error.h>
#include <opae/event.h>
#include <opae/init.h>
#include <opae/manage.h>
#include <opae/metrics.h>
#include <opae/mmio.h>
#include <opae/properties.h>
#include <opae/sysobject.h>
#include <opae/types.h>
#include <opae/types_enum.h>
#include <opae/umsg.h>
#include <opae/userclk.h>
#include <opae/utils.h>
#include <opae/version.h>

#endif
