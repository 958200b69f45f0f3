/* SPDX-License-Identifier: BSD-3-Clause */
/* What the classes share inside the library. */
#ifndef CXX_INTERNAL_H
#define CXX_INTERNAL_H

#include <opae/ext.h>
#include <opae/log.h>
#include <opae/types.h>
#include <opae/utils.h>

#include <stdexcept>
#include <string>

namespace opae
{
namespace fpga
{
namespace types
{
namespace detail
{

/* The argument, which must not be an empty pointer: a mistake of the program, not of a device. */
template <typename P> const P &need(const P &pointer, const char *name)
{
	if (!pointer)
		throw std::invalid_argument(std::string(name) + " is an empty pointer");
	return pointer;
}

/* A failure where nothing may be thrown. */
inline void report(fpga_result r, const char *call) noexcept
{
	if (r != FPGA_OK)
		opae_print(OPAE_LOG_ERROR, "%s: %s: %s\n", call, fpgaErrStr(r),
			   opaex_error_detail());
}

} // namespace detail
} // namespace types
} // namespace fpga
} // namespace opae

#endif
