/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef OPAE_CXX_CORE_ERRORS_H
#define OPAE_CXX_CORE_ERRORS_H

#include <opae/cxx/core/token.h>
#include <opae/error.h>
#include <opae/types_enum.h>

#include <memory>
#include <string>

namespace opae
{
namespace fpga
{
namespace types
{

/** An error register of a device or a port. */
class OPAECXX_API error
{
public:
	typedef std::shared_ptr<error> ptr_t;

	error(const error &e) = delete;
	error &operator=(const error &e) = delete;
	~error()
	{
	}

	/**
	 * @param num from 0 to the property num_errors - 1
	 * @throws not_found: no such register; not_supported; no_access; exception
	 */
	static error::ptr_t get(token::ptr_t tok, uint32_t num);

	std::string name()
	{
		return error_info_.name;
	}
	bool can_clear()
	{
		return error_info_.can_clear;
	}

	/** Reads the register now. */
	uint64_t read_value();

	fpga_error_info c_type() const
	{
		return error_info_;
	}

private:
	error(token::ptr_t token, uint32_t num);

	token::ptr_t token_;
	fpga_error_info error_info_;
	uint32_t error_num_;
};

} // namespace types
} // namespace fpga
} // namespace opae

#endif
