/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef OPAE_CXX_CORE_PROPERTIES_H
#define OPAE_CXX_CORE_PROPERTIES_H

#include <opae/cxx/core/pvalue.h>
#include <opae/properties.h>

#include <iostream>
#include <map>
#include <memory>
#include <vector>

namespace opae
{
namespace fpga
{
namespace types
{

class token;
class handle;

/** What is known of a device or an accelerator; also a filter of token::enumerate(). */
class OPAECXX_API properties
{
public:
	typedef std::shared_ptr<properties> ptr_t;

	/** No filter: everything matches. */
	const static std::vector<properties::ptr_t> none;

	properties(const properties &p) = delete;
	properties &operator=(const properties &p) = delete;
	~properties();

	/** The C object; it stays this object's. */
	fpga_properties c_type() const
	{
		return props_;
	}
	operator fpga_properties() const
	{
		return props_;
	}

	/** An empty set: a filter that matches everything until members are assigned. */
	static properties::ptr_t get();
	/** A filter for one accelerator id, of 16 bytes. */
	static properties::ptr_t get(fpga_guid guid_in);
	/** A filter for devices or for accelerators. */
	static properties::ptr_t get(fpga_objtype objtype);
	/** What a token names. */
	static properties::ptr_t get(std::shared_ptr<token> t);
	static properties::ptr_t get(fpga_token t);
	/** Of what is open, read anew. @throws invalid_param: it was closed */
	static properties::ptr_t get(std::shared_ptr<handle> h);

private:
	properties(bool alloc_props = true);
	fpga_properties props_;

public:
	pvalue<fpga_objtype> type;
	pvalue<uint32_t> num_errors;
	pvalue<uint16_t> segment;
	pvalue<uint8_t> bus;
	pvalue<uint8_t> device;
	pvalue<uint8_t> function;
	pvalue<uint8_t> socket_id;
	pvalue<uint32_t> num_slots;	  /**< of a device */
	pvalue<uint64_t> bbs_id;	  /**< of a device */
	pvalue<fpga_version> bbs_version; /**< of a device */
	pvalue<uint16_t> vendor_id;
	pvalue<uint16_t> device_id;
	pvalue<uint16_t> subsystem_vendor_id;
	pvalue<uint16_t> subsystem_device_id;
	pvalue<char *> model;		    /**< not supported */
	pvalue<uint64_t> local_memory_size; /**< not supported */
	pvalue<uint64_t> capabilities;	    /**< not supported */
	pvalue<uint32_t> num_mmio;	    /**< of an accelerator */
	pvalue<uint32_t> num_interrupts;    /**< of an accelerator */
	pvalue<fpga_accelerator_state> accelerator_state; /**< of an accelerator */
	pvalue<uint64_t> object_id;
	/** A C token that stays the properties object's; token::get_parent() yields one to keep. */
	pvalue<fpga_token> parent;
	pvalue<fpga_interface> interface;
	guid_t guid;
};

} // namespace types
} // namespace fpga
} // namespace opae

#endif
