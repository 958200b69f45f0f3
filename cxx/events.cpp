/* SPDX-License-Identifier: BSD-3-Clause */
#include <opae/cxx/core/events.h>
#include <opae/event.h>

#include "cxx/internal.h"

namespace opae
{
namespace fpga
{
namespace types
{

constexpr fpga_event_type event::type_t::interrupt;
constexpr fpga_event_type event::type_t::error;
constexpr fpga_event_type event::type_t::power_thermal;

event::event(handle::ptr_t h, event::type_t t, fpga_event_handle event_h)
    : handle_(h), type_(t), event_handle_(event_h), os_object_(-1)
{
}

/* Without a descriptor it never was registered, and a closed handle has no events any more. */
event::~event()
{
	const fpga_handle h = handle_->c_type();

	if (os_object_ >= 0 && h)
		detail::report(fpgaUnregisterEvent(h, type_, event_handle_), "~event");
	if (event_handle_)
		detail::report(fpgaDestroyEventHandle(&event_handle_), "~event");
}

event::operator fpga_event_handle()
{
	return event_handle_;
}

event::ptr_t event::register_event(handle::ptr_t h, event::type_t t, int flags)
{
	ptr_t p(new event(detail::need(h, "the handle"), t, nullptr));

	ASSERT_FPGA_OK(fpgaCreateEventHandle(&p->event_handle_));
	ASSERT_FPGA_OK(fpgaRegisterEvent(h->c_type(), t, p->event_handle_,
					 static_cast<uint32_t>(flags)));
	ASSERT_FPGA_OK(fpgaGetOSObjectFromEventHandle(p->event_handle_, &p->os_object_));
	return p;
}

int event::os_object() const
{
	return os_object_;
}

} // namespace types
} // namespace fpga
} // namespace opae
