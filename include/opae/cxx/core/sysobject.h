/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef OPAE_CXX_CORE_SYSOBJECT_H
#define OPAE_CXX_CORE_SYSOBJECT_H

#include <opae/cxx/core/handle.h>
#include <opae/cxx/core/token.h>
#include <opae/sysobject.h>
#include <opae/types.h>

#include <memory>
#include <string>
#include <vector>

namespace opae
{
namespace fpga
{
namespace types
{

/**
 * A value or a container of values that a device shows by name, as sysfs does. It holds the token
 * or the handle that it came from; once that handle is closed every call throws invalid_param.
 * flags are of enum fpga_sysobject_flags.
 *
 * All throw not_found; invalid_param; no_access; not_supported; exception.
 */
class OPAECXX_API sysobject
{
public:
	typedef std::shared_ptr<sysobject> ptr_t;

	sysobject() = delete;
	sysobject(const sysobject &o) = delete;
	sysobject &operator=(const sysobject &o) = delete;
	virtual ~sysobject();

	/** To be read only. */
	static sysobject::ptr_t get(token::ptr_t t, const std::string &name, int flags = 0);
	/** To be read and written. */
	static sysobject::ptr_t get(handle::ptr_t h, const std::string &name, int flags = 0);
	/** Inside this container; written if this one can be. */
	sysobject::ptr_t get(const std::string &name, int flags = 0);
	/** The index-th loaded child of this container, from 0. */
	sysobject::ptr_t get(int index);

	/** Bytes of an attribute, or number of loaded children of a container. */
	uint32_t size() const;
	/** A number: text in any C notation, or 8 bytes with FPGA_OBJECT_RAW. */
	uint64_t read64(int flags = 0) const;
	void write64(uint64_t value, int flags = 0) const;
	/** All bytes of an attribute. */
	std::vector<uint8_t> bytes(int flags = 0) const;
	/** size bytes from an offset on; all of them must be there. */
	std::vector<uint8_t> bytes(uint32_t offset, uint32_t size, int flags = 0) const;
	/** FPGA_OBJECT_CONTAINER or FPGA_OBJECT_ATTRIBUTE. */
	enum fpga_sysobject_type type() const;

	/** The C object; it stays this object's. */
	fpga_object c_type() const
	{
		return sysobject_;
	}
	operator fpga_object() const
	{
		return sysobject_;
	}

private:
	sysobject(fpga_object sysobj, token::ptr_t token, handle::ptr_t hnd);

	fpga_object sysobject_;
	token::ptr_t token_;
	handle::ptr_t handle_;
};

} // namespace types
} // namespace fpga
} // namespace opae

#endif
