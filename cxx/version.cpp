/* SPDX-License-Identifier: BSD-3-Clause */
#include <opae/cxx/core/version.h>
#include <opae/version.h>

#include "cxx/internal.h"

namespace opae
{
namespace fpga
{
namespace types
{

fpga_version version::as_struct()
{
	fpga_version v = fpga_version();

	ASSERT_FPGA_OK(fpgaGetOPAECVersion(&v));
	return v;
}

std::string version::as_string()
{
	char text[FPGA_VERSION_STR_MAX] = "";

	ASSERT_FPGA_OK(fpgaGetOPAECVersionString(text, sizeof(text)));
	return text;
}

std::string version::build()
{
	char text[FPGA_BUILD_STR_MAX] = "";

	ASSERT_FPGA_OK(fpgaGetOPAECBuildString(text, sizeof(text)));
	return text;
}

} // namespace types
} // namespace fpga
} // namespace opae
