/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef OPAE_CXX_CORE_TOKEN_H
#define OPAE_CXX_CORE_TOKEN_H

#include <opae/access.h>
#include <opae/cxx/core/properties.h>
#include <opae/enum.h>
#include <opae/types.h>

#include <memory>
#include <vector>

namespace opae
{
namespace fpga
{
namespace types
{

/** Names a device or an accelerator without opening it. */
class OPAECXX_API token
{
public:
	typedef std::shared_ptr<token> ptr_t;

	/**
	 * What there is and matches any of the filters; all of it when there are none.
	 * @return may be empty: that nothing matches is no failure
	 * @throws no_memory; exception: a plugin failed
	 */
	static std::vector<token::ptr_t> enumerate(const std::vector<properties::ptr_t> &props);

	token(const token &) = delete;
	token &operator=(const token &) = delete;
	~token();

	/** The C token; it stays this object's. */
	fpga_token c_type() const
	{
		return token_;
	}
	operator fpga_token() const
	{
		return token_;
	}

	/** The device that an accelerator is part of, or an empty pointer. */
	ptr_t get_parent() const;

private:
	token(fpga_token tok); /* keeps a clone */

	fpga_token token_;

	friend class handle;
};

} // namespace types
} // namespace fpga
} // namespace opae

#endif
