/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef OPAE_CXX_CORE_EVENTS_H
#define OPAE_CXX_CORE_EVENTS_H

#include <opae/cxx/core/handle.h>
#include <opae/types_enum.h>

#include <memory>

namespace opae
{
namespace fpga
{
namespace types
{

/** A registered event. It holds its handle, and unregisters when the last reference goes. */
class OPAECXX_API event
{
public:
	typedef std::shared_ptr<event> ptr_t;

	event(const event &) = delete;
	event &operator=(const event &) = delete;
	virtual ~event();

	/** fpga_event_type by names of C++: event::type_t::interrupt. */
	struct OPAECXX_API type_t {
		type_t(fpga_event_type c_type) : type_(c_type)
		{
		}
		operator fpga_event_type() const
		{
			return type_;
		}

		static constexpr fpga_event_type interrupt = FPGA_EVENT_INTERRUPT;
		static constexpr fpga_event_type error = FPGA_EVENT_ERROR;
		static constexpr fpga_event_type power_thermal = FPGA_EVENT_POWER_THERMAL;

	private:
		fpga_event_type type_;
	};

	/** The C event handle; it stays this object's. */
	fpga_event_handle get()
	{
		return event_handle_;
	}
	operator fpga_event_handle();

	/**
	 * Asks for an event.
	 * @param flags for an interrupt its number, from 0 to num_interrupts - 1
	 * @throws invalid_param; not_supported; exception
	 */
	static event::ptr_t register_event(handle::ptr_t h, event::type_t t, int flags = 0);

	/**
	 * The descriptor to poll: an eventfd(2), readable when events came. It stays this
	 * object's and is closed with it.
	 */
	int os_object() const;

private:
	event(handle::ptr_t h, event::type_t t, fpga_event_handle event_h);

	handle::ptr_t handle_;
	event::type_t type_;
	fpga_event_handle event_handle_;
	int os_object_;
};

} // namespace types
} // namespace fpga
} // namespace opae

#endif
