/* SPDX-License-Identifier: BSD-3-Clause */
#include <opae/cxx/core/errors.h>

#include "cxx/internal.h"

namespace opae
{
namespace fpga
{
namespace types
{

error::error(token::ptr_t token, uint32_t num) : token_(token), error_info_(), error_num_(num)
{
}

error::ptr_t error::get(token::ptr_t tok, uint32_t num)
{
	ptr_t p(new error(detail::need(tok, "the token"), num));

	ASSERT_FPGA_OK(fpgaGetErrorInfo(tok->c_type(), num, &p->error_info_));
	return p;
}

uint64_t error::read_value()
{
	uint64_t value = 0;

	ASSERT_FPGA_OK(fpgaReadError(token_->c_type(), error_num_, &value));
	return value;
}

} // namespace types
} // namespace fpga
} // namespace opae
