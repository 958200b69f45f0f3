/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef OPAE_CXX_CORE_H
#define OPAE_CXX_CORE_H

/**
 * @file core.h
 * @brief OPAE for C++: everything of libopae-cxx-core. C++11 is enough.
 *
 * Objects are made by static functions and held by std::shared_ptr; the last reference frees what
 * stands behind. A shared_buffer and an event hold their handle, so the order in which references
 * go does not matter. What fails throws: see except.h. A null shared_ptr given as argument throws
 * std::invalid_argument.
 *
 * Threads: handles, tokens, events and sysobjects may be used by several threads at once, a handle
 * even while another closes it. A properties object and what it contains, and a shared_buffer that
 * is being released, belong to one thread at a time.
 */
#include <opae/cxx/core/errors.h>
#include <opae/cxx/core/events.h>
#include <opae/cxx/core/except.h>
#include <opae/cxx/core/handle.h>
#include <opae/cxx/core/properties.h>
#include <opae/cxx/core/pvalue.h>
#include <opae/cxx/core/shared_buffer.h>
#include <opae/cxx/core/sysobject.h>
#include <opae/cxx/core/token.h>
#include <opae/cxx/core/version.h>

#endif
