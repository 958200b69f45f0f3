/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef OPAE_EVENT_H
#define OPAE_EVENT_H

#include <opae/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Makes an event handle; it has no descriptor until it is registered.
 * @return FPGA_OK; FPGA_INVALID_PARAM; FPGA_NO_MEMORY
 */
fpga_result fpgaCreateEventHandle(fpga_event_handle *event_handle);

/**
 * Destroys an event handle and its descriptor. The variable keeps its value, which is no event
 * handle any more.
 * @return FPGA_OK; FPGA_INVALID_PARAM: NULL, or not an event handle (any more)
 */
fpga_result fpgaDestroyEventHandle(fpga_event_handle *event_handle);

/**
 * The descriptor to poll: an eventfd(2), readable when events came. It stays the handle's.
 * @return FPGA_OK; FPGA_INVALID_PARAM: also before fpgaRegisterEvent()
 */
fpga_result fpgaGetOSObjectFromEventHandle(const fpga_event_handle eh, int *fd);

/**
 * Asks for an event. That of a device on another machine comes when what the device wrote before is in the
 * program's buffers; when the connection is lost the descriptor becomes readable once more, and the next call
 * with the handle says why. FPGA_EVENT_INTERRUPT of an accelerator; FPGA_EVENT_ERROR of a device or an
 * accelerator; FPGA_EVENT_POWER_THERMAL, which comes whenever an alarm of the card's sensors goes on, and at
 * once when one is on. Of those that ask for one interrupt the last has it; behind the kernel's FPGA driver,
 * of programs that share the accelerator as well, and there it is gone for all when one of them ends.
 * @param flags for FPGA_EVENT_INTERRUPT the number of the interrupt, from 0 to NumInterrupts - 1
 * @return FPGA_OK; FPGA_INVALID_PARAM: also an interrupt that there is not, or a type; FPGA_NOT_SUPPORTED:
 *         the plugin or the card has no such event; FPGA_NO_MEMORY; FPGA_EXCEPTION
 */
fpga_result fpgaRegisterEvent(fpga_handle handle, fpga_event_type event_type,
			      fpga_event_handle event_handle, uint32_t flags);

/**
 * Takes the request back.
 * @return FPGA_OK; FPGA_INVALID_PARAM: also when it was not registered; FPGA_EXCEPTION
 */
fpga_result fpgaUnregisterEvent(fpga_handle handle, fpga_event_type event_type,
				fpga_event_handle event_handle);

#ifdef __cplusplus
}
#endif

#endif
