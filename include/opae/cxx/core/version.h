/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef OPAE_CXX_CORE_VERSION_H
#define OPAE_CXX_CORE_VERSION_H

#include <opae/cxx/core/except.h>
#include <opae/types.h>

#include <string>

namespace opae
{
namespace fpga
{
namespace types
{

/** The version of the OPAE API that the library implements. */
class OPAECXX_API version
{
public:
	static fpga_version as_struct();
	static std::string as_string();
	/** From what the library was built. */
	static std::string build();
};

} // namespace types
} // namespace fpga
} // namespace opae

#endif
