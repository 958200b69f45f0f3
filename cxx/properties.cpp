/* SPDX-License-Identifier: BSD-3-Clause */
#include <opae/cxx/core/handle.h>
#include <opae/cxx/core/properties.h>
#include <opae/cxx/core/token.h>

#include <uuid/uuid.h>

#include "cxx/internal.h"

namespace opae
{
namespace fpga
{
namespace types
{

const std::vector<properties::ptr_t> properties::none;

/* A member's getter and setter are named after the property. */
#define MEMBER(member, name) member(&props_, fpgaPropertiesGet##name, fpgaPropertiesSet##name)

properties::properties(bool alloc_props)
    : props_(nullptr), MEMBER(type, ObjectType), MEMBER(num_errors, NumErrors),
      MEMBER(segment, Segment), MEMBER(bus, Bus), MEMBER(device, Device),
      MEMBER(function, Function), MEMBER(socket_id, SocketID), MEMBER(num_slots, NumSlots),
      MEMBER(bbs_id, BBSID), MEMBER(bbs_version, BBSVersion), MEMBER(vendor_id, VendorID),
      MEMBER(device_id, DeviceID), MEMBER(subsystem_vendor_id, SubsystemVendorID),
      MEMBER(subsystem_device_id, SubsystemDeviceID), MEMBER(model, Model),
      MEMBER(local_memory_size, LocalMemorySize), MEMBER(capabilities, Capabilities),
      MEMBER(num_mmio, NumMMIO), MEMBER(num_interrupts, NumInterrupts),
      MEMBER(accelerator_state, AcceleratorState), MEMBER(object_id, ObjectID),
      MEMBER(parent, Parent), MEMBER(interface, Interface), guid(&props_)
{
	if (alloc_props)
		ASSERT_FPGA_OK(fpgaGetProperties(nullptr, &props_));
}

properties::~properties()
{
	if (props_)
		detail::report(fpgaDestroyProperties(&props_), "~properties");
}

properties::ptr_t properties::get()
{
	return ptr_t(new properties());
}

properties::ptr_t properties::get(fpga_guid guid_in)
{
	ptr_t p = get();

	p->guid = guid_in;
	return p;
}

properties::ptr_t properties::get(fpga_objtype objtype)
{
	ptr_t p = get();

	p->type = objtype;
	return p;
}

properties::ptr_t properties::get(fpga_token t)
{
	ptr_t p(new properties(false));

	ASSERT_FPGA_OK(fpgaGetProperties(t, &p->props_));
	return p;
}

properties::ptr_t properties::get(std::shared_ptr<token> t)
{
	return get(detail::need(t, "the token")->c_type());
}

properties::ptr_t properties::get(std::shared_ptr<handle> h)
{
	ptr_t p(new properties(false));

	ASSERT_FPGA_OK(fpgaGetPropertiesFromHandle(detail::need(h, "the handle")->c_type(),
						   &p->props_));
	return p;
}

namespace detail
{

bool guid_from_text(const char *text, uint8_t *guid) noexcept
{
	uuid_t value;

	if (uuid_parse(text, value))
		return false;
	std::memcpy(guid, value, sizeof(value));
	return true;
}

std::string guid_to_text(const uint8_t *guid)
{
	char text[UUID_STR_LEN];

	uuid_unparse_lower(guid, text);
	return text;
}

} // namespace detail
} // namespace types
} // namespace fpga
} // namespace opae
